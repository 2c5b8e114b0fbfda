#!/usr/bin/env bash
# Creates a TPU and waits until it is there.
#
#   tpu_scripts/create.sh --name=NAME --zone=ZONE --type=v5litepod-16 [--version=RUNTIME]
#       [--spot] [--queued] [--slices=N] [--dry-run]
#
# --type     accelerator type: v5litepod-16, v6e-8, v4-32, v5p-8, ...
# --version  runtime of the TPU VMs; for v5e if not given
# --spot     at a lower price, but it may be taken away at any time
# --queued   ask for a queued resource: waits in line, a week at most, where there is none to be had
# --slices   several slices that train together (multislice); always queued

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' type='' version=v2-alpha-tpuv5-lite spot=no queued=no slices=''
read_flags "name= zone= type= version= spot queued slices=" "$@"
require name zone type
require_cloud_names name zone type
require_form version '[a-z][-a-z0-9.]*' "runtime's name"

options=()
[[ $spot == no ]] || options+=(--spot)
if [[ -n $slices ]]; then
    require_count slices
    queued=yes
    nodes=(--node-count="$slices" --node-prefix="$name")
else
    nodes=(--node-id="$name")
fi

if [[ $queued == yes ]]; then
    run gcloud compute tpus queued-resources create "$name" --zone="$zone" "${nodes[@]}" \
        --accelerator-type="$type" --runtime-version="$version" "${options[@]}"
    # That returned once the request stood in line.
    [[ $dry_run == no ]] || { state && exit; }
    arrive
else
    run gcloud compute tpus tpu-vm create "$name" --zone="$zone" \
        --accelerator-type="$type" --version="$version" "${options[@]}"
fi
