#!/bin/sh
# Install this checkout into an environment of its own: deploy/install.sh FOLDER [EXTRAS]
#
# Every package in the version that was tested, its hash checked, and nothing that only the development needs. The
# environment does not need the checkout afterwards. Needs uv, and Python 3.11 or newer as `python3`.
set -eu
target=$1
extras=${2:-autogen,mesop,fastapi,server}
cd "$(dirname "$0")/.."
[ -x "$target/bin/python" ] || uv venv --quiet --no-project --python "$(command -v python3)" "$target"
# FastAgency itself anew each time: uv takes a checkout whose pyproject.toml is the same for the same.
uv pip install --quiet --python "$target" --constraints requirements.lock --compile-bytecode --link-mode copy \
  --reinstall-package fastagency ".[$extras]"
