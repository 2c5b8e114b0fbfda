#!/usr/bin/env bash
# Runs a command on every worker to its end, on a new TPU each time this one is taken away.
#
#   tpu_scripts/watch.sh --name=NAME --zone=ZONE --type=v5litepod-16 [--version=RUNTIME]
#       [--spot] [--queued] [--slices=N] [--bucket=BUCKET] [--restarts=N] [--pause=SECONDS]
#       [--dry-run] -- COMMAND...
#
# Creates the TPU if it is not there. The flags are those of create.sh and install.sh, and:
# --restarts  give up after so many new TPUs (100)
# --pause     seconds before a failed try is made again, and after the command's end before the
#             TPU is asked whether it is still there (60)
#
# The command should go on where it stopped, as jaxcnn.train does with a --workdir that outlives
# the TPU. While the TPU is there, the command's end is the end, and its exit status is this one's.
# A TPU is deleted only once Google Cloud says that it was taken away or failed; one that is left at
# the end is named in the last line, with what deletes it.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' type='' version='' spot=no queued=no slices='' bucket='' restarts=100 pause=60
read_flags "name= zone= type= version= spot queued slices= bucket= restarts= pause=" "$@"
require name zone type
require_cloud_names name zone type
require_bucket
require_count restarts
require_count pause
require_command

scripts=$(dirname "$0")
place=(--name="$name" --zone="$zone")
machine=(--type="$type")
[[ -z $version ]] || machine+=(--version="$version")
[[ $spot == no ]] || machine+=(--spot)
if [[ -n $slices ]]; then
    require_count slices
    machine+=(--slices="$slices")
    queued=yes
fi
[[ $queued == no ]] || place+=(--queued)
setting=()
[[ -z $bucket ]] || setting+=(--bucket="$bucket")
dry=()
[[ $dry_run == no ]] || dry=(--dry-run)

create() { "$scripts/create.sh" "${place[@]}" "${machine[@]}" "${dry[@]}"; }
sync() { "$scripts/sync.sh" "${place[@]}" "${dry[@]}"; }
install() { "$scripts/install.sh" "${place[@]}" "${setting[@]}" "${dry[@]}"; }
run_command() { "$scripts/run.sh" "${place[@]}" "${dry[@]}" -- "${command[@]}"; }
delete() { "$scripts/delete.sh" "${place[@]}" "${dry[@]}"; }

if [[ $dry_run == yes ]]; then
    state
    create
    sync
    install
    run_command
    echo "# once it is not READY (a queued resource: ACTIVE) any more, and then again from the top:"
    delete
    exit
fi

# What is known of a machine that costs money, and would if this ended now.
left=''
trap '[[ -z $left ]] || echo "$program: $name $left and costs money; $(how_to_delete)" >&2' EXIT

ask() {
    left=${left:-may still exist}
    look || exit 1
    left='still exists'
    [[ $now != NOT_FOUND ]] || left=''
}

for ((tries = 0; tries <= restarts; tries++)); do
    ask
    if is_gone; then
        ((tries == 0)) || echo "$program: $name is gone, restart $tries of $restarts" >&2
        # Should it stay, there is no room for a new one, and it is asked for again.
        [[ $now == NOT_FOUND ]] || ! delete || left=''
        left=${left:-may still exist}
        create || { sleep "$pause" && continue; }
        left='still exists'
    elif ! is_there; then
        # Being repaired, or in line.
        arrive || { sleep "$pause" && continue; }
    fi
    if sync && install; then
        status=0
        run_command || status=$?
        # Training that was asked to stop ends well, some seconds before its machine does.
        sleep "$pause"
        ask
        ! is_there || exit "$status"
    else
        sleep "$pause"
    fi
done
echo "$program: gave up after $restarts restarts" >&2
exit 1
