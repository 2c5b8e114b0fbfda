#!/usr/bin/env bash
# Deletes a TPU and what is on its disks; buckets stay.
#
#   tpu_scripts/delete.sh --name=NAME --zone=ZONE [--queued] [--dry-run]
#
# --queued  the TPU was created as a queued resource: all its slices, and its place in line

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' queued=no
read_flags "name= zone= queued" "$@"
require name zone
require_cloud_names name zone

if [[ $queued == yes ]]; then
    run gcloud compute tpus queued-resources delete "$name" --zone="$zone" --force --quiet
else
    run gcloud compute tpus tpu-vm delete "$name" --zone="$zone" --quiet
fi
