#!/usr/bin/env bash
# Copies the last commit of this repository to ~/jaxcnn on every worker.
#
#   tpu_scripts/sync.sh --name=NAME --zone=ZONE [--queued] [--dry-run]
#
# --queued  the TPU was created as a queued resource

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' queued=no
read_flags "name= zone= queued" "$@"
require name zone
require_cloud_names name zone

root=$(cd "$(dirname "$0")/.." && pwd)
# A commit, not the work tree: what ran can be looked up later.
uncommitted=$(git -C "$root" status --porcelain)
[[ -z $uncommitted ]] || echo "$program: not committed, so not copied: ${uncommitted//$'\n'/, }" >&2
# In a folder that is new and this user's alone, for as long as this runs.
folder=${TMPDIR:-/tmp}/jaxcnn.XXXXXXXXXX
if [[ $dry_run == no ]]; then
    folder=$(mktemp -d "$folder")
    trap 'rm -rf "$folder"' EXIT
fi
archive=$folder/jaxcnn.tar.gz
run git -C "$root" archive --format=tar.gz --output="$archive" HEAD
on_workers scp "$archive" "$name:jaxcnn.tar.gz"
on_workers ssh "$name" \
    --command='rm -rf jaxcnn && mkdir jaxcnn && tar -xzf jaxcnn.tar.gz -C jaxcnn'
