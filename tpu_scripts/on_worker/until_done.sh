#!/usr/bin/env bash
# Runs "$@"; passes SIGTERM on to it, and then ends with status 143 whatever it ends with.
#
# Training that is asked to stop saves and ends with status 0, which a scheduler that is to start
# it again would take for done.

set -euo pipefail

"$@" &
child=$!
stopped=no
trap 'stopped=yes; kill -TERM "$child"' TERM
status=0
wait "$child" || status=$?
if [[ $stopped == yes ]]; then
    # The signal has ended the wait above, not the command.
    wait "$child" || true
    status=143
fi
exit "$status"
