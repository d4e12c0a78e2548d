#!/bin/sh
# StarRocks' stand-in goes away while input goes on: memory must stay within its bound all the time, and
# on return the backlog must be loaded by the same process, exactly once.
#
#   outage.sh --minutes N    how long the sink is down; 10 unless told
#   outage.sh --help         the other options
#
# MILLRACE_BIN names the program; else the one in build/ is taken. Ends with 0 only when all of it held.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
MILLRACE_BIN=${MILLRACE_BIN:-$root/build/millrace}
export MILLRACE_BIN
[ -x "$MILLRACE_BIN" ] || {
    printf 'outage: %s is not there\nHINT: meson setup build && ninja -C build\n' "$MILLRACE_BIN" >&2
    exit 1
}
PYTHONPATH=tests/integration:tests/crash exec .venv/bin/python -m harness.outage "$@"
