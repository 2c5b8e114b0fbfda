#!/usr/bin/env bash
# Installs jaxcnn, after sync.sh, on every worker, and mounts a bucket there at /mnt/bucket.
#
#   tpu_scripts/install.sh --name=NAME --zone=ZONE [--bucket=BUCKET] [--queued] [--dry-run]
#
# --bucket  name of a Cloud Storage bucket, without gs://
# --queued  the TPU was created as a queued resource

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=flags.sh
source "$(dirname "$0")/flags.sh"

name='' zone='' bucket='' queued=no
read_flags "name= zone= bucket= queued" "$@"
require name zone
require_cloud_names name zone
require_bucket

steps='bash jaxcnn/tpu_scripts/on_worker/install.sh'
[[ -z $bucket ]] || steps+=" && bash jaxcnn/tpu_scripts/on_worker/mount.sh $(quoted "$bucket")"
on_workers ssh "$name" --command="$steps"
