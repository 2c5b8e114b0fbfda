#!/usr/bin/env bash
# On a TPU worker: mounts the bucket $1 at /mnt/bucket, with Google's gcsfuse.

set -euo pipefail
bucket=$1

if ! type gcsfuse > /dev/null 2>&1; then
    # As https://cloud.google.com/storage/docs/cloud-storage-fuse/install has it.
    key=/usr/share/keyrings/cloud.google.asc
    packages=https://packages.cloud.google.com/apt
    curl --fail --silent --show-error "$packages/doc/apt-key.gpg" | sudo tee "$key" > /dev/null
    echo "deb [signed-by=$key] $packages gcsfuse-$(lsb_release -c -s) main" |
        sudo tee /etc/apt/sources.list.d/gcsfuse.list > /dev/null
    sudo apt-get update --quiet=2
    sudo apt-get install --quiet=2 gcsfuse
fi
sudo mkdir -p /mnt/bucket
mountpoint --quiet /mnt/bucket || {
    sudo chown "$USER" /mnt/bucket
    gcsfuse --implicit-dirs "$bucket" /mnt/bucket
}
