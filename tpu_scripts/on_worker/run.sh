#!/usr/bin/env bash
# On a TPU worker: runs "$@" in ~/jaxcnn with ~/venv's Python; ~/jaxcnn.log keeps what it prints.

set -euo pipefail
cd "$(dirname "$0")/../.."

export PATH="$HOME/venv/bin:$PATH"
"$@" 2>&1 | tee -a "$HOME/jaxcnn.log"
