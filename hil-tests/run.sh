#!/usr/bin/env bash
# Builds the image if need be, and runs the cases on two emulated boards.
#
#   hil-tests/run.sh [ARGS of pytest...]
#
# Exit 3 and one sentence where this machine lacks something. Logs: build/hil/logs/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v qemu-system-arm >/dev/null || {
    echo "skipped: needs qemu-system-arm; to get it: apt install qemu-system-arm" >&2
    exit 3
}
hil-tests/image/build.sh build/hil/image
exec .venv/bin/python -m pytest -c hil-tests/pytest.ini --rootdir hil-tests hil-tests/cases "$@"
