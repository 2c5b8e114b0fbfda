#!/usr/bin/env bash
# On a TPU worker: a Python new enough, and jaxcnn with JAX for TPUs, in ~/venv.

set -euo pipefail
cd "$(dirname "$0")/../.."

# The TPU images of Ubuntu 22.04 have Python 3.10.
python3 -m pip install --quiet --user uv
uv=$HOME/.local/bin/uv
"$uv" venv --quiet --allow-existing --python=3.12 "$HOME/venv"
"$uv" pip install --quiet --python="$HOME/venv/bin/python" --editable '.[tpu]'
