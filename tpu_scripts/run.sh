#!/usr/bin/env bash
# Runs a command on every worker at once, in ~/jaxcnn, and shows what it prints.
#
#   tpu_scripts/run.sh --name=NAME --zone=ZONE [--worker=0] [--queued] [--dry-run] -- COMMAND...
#
# --worker  on this worker alone
# --queued  the TPU was created as a queued resource
#
# In what is shown of the command, --wandb-key=... and HF_TOKEN=... are ***; whoever is on a worker
# sees them all the same, in its list of processes.
#
# Each worker also appends it to its own ~/jaxcnn.log. The exit status is not 0 if it is not on one
# of the workers.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' worker=all queued=no
read_flags "name= zone= worker= queued" "$@"
require name zone
require_cloud_names name zone
require_form worker 'all|[0-9]+([,-][0-9]+)*' "worker: all, 0, 0-3 or 0,2"
require_command

# A machine that is taken away falls silent; without this the connection would wait for ever.
on_workers ssh "$name" --ssh-flag=-oServerAliveInterval=30 \
    --command="bash jaxcnn/tpu_scripts/on_worker/run.sh $(quoted "${command[@]}")"
