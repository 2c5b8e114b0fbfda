#!/usr/bin/env bash
# Runs a command on TPUs of the current GKE cluster, as the JobSet of jobset.yaml.
#
#   tpu_scripts/gke.sh --name=NAME --image=IMAGE --bucket=BUCKET [--accelerator=NAME]
#       [--topology=4x4] [--hosts=4] [--slices=1] [--dry-run] -- COMMAND...
#
# --image        container image, built from tpu_scripts/Dockerfile
# --bucket       Cloud Storage bucket, mounted at /mnt/bucket
# --accelerator  node label of the TPU: tpu-v5-lite-podslice (v5e), tpu-v6e-slice, tpu-v5p-slice
# --topology     chips of a slice
# --hosts        machines of a slice: with 4 chips each, 4 for 4x4
# --slices       slices that train together
#
# The JobSet starts the command again when a machine is taken away. Logs, state, deletion:
#   kubectl logs --follow --selector=jobset.sigs.k8s.io/jobset-name=NAME
#   kubectl get jobset NAME
#   kubectl delete jobset NAME

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' image='' bucket='' accelerator=tpu-v5-lite-podslice topology=4x4 hosts=4 slices=1
read_flags "name= image= bucket= accelerator= topology= hosts= slices=" "$@"
require name image bucket
require_cloud_names name
require_bucket
require_form image '[A-Za-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]+)?' "container image"
require_form accelerator '[a-z0-9][-a-z0-9]*' "label of a TPU"
require_form topology '[0-9]+(x[0-9]+)*' "topology, as 4x4 is"
require_count hosts
require_count slices
require_command

# JSON is YAML too, and keeps newlines.
quote='import json, sys; print(json.dumps(sys.argv[1:], ensure_ascii=False))'
arguments=$(python3 -c "$quote" "${command[@]}")
manifest=$(< "$(dirname "$0")/jobset.yaml")
manifest=${manifest//@NAME@/"$name"}
manifest=${manifest//@IMAGE@/"$image"}
manifest=${manifest//@BUCKET@/"$bucket"}
manifest=${manifest//@ACCELERATOR@/"$accelerator"}
manifest=${manifest//@TOPOLOGY@/"$topology"}
manifest=${manifest//@HOSTS@/"$hosts"}
manifest=${manifest//@SLICES@/"$slices"}
manifest=${manifest//@COMMAND@/"$arguments"}
if [[ $dry_run == yes ]]; then
    printf "kubectl apply --filename=- <<'MANIFEST'\n%s\nMANIFEST\n" "$manifest"
else
    run kubectl apply --filename=- <<< "$manifest"
fi
