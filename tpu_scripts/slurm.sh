#!/usr/bin/env bash
# Runs a command on a GPU cluster with Slurm, as the batch job of job.sbatch.
#
#   tpu_scripts/slurm.sh --name=NAME [--nodes=1] [--gpus=8] [--time=24:00:00]
#       [--partition=NAME] [--dry-run] -- COMMAND...
#
# --nodes  machines
# --gpus   GPUs of each machine
# --time   longest run before the job saves and stands in line again
#
# Submit from a folder that all machines share, with a virtual environment that has jaxcnn[cuda]
# active. Log: NAME-JOBID.log there.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' nodes=1 gpus=8 time=24:00:00 partition=''
read_flags "name= nodes= gpus= time= partition=" "$@"
require name
require_form name '[A-Za-z0-9][A-Za-z0-9._-]*' "name of a job: letters, digits, '.', '_' and '-'"
require_count nodes
require_count gpus
require_command

options=()
[[ -z $partition ]] || options+=(--partition="$partition")
run sbatch --job-name="$name" --nodes="$nodes" --gpus-per-node="$gpus" --time="$time" \
    "${options[@]}" "$(dirname "$0")/job.sbatch" "${command[@]}"
