#!/bin/sh
# Measures how long rows stop: kill -9 to the first new row (with and without static membership), orderly
# hand-over, a member that joins. Real Kafka broker, rockpool; prints medians and the settings.
#
#   recovery_bench.sh [--rounds N] [--session MS] [--heartbeat MS] [--flush DURATION] [--keep FOLDER]
#
# MILLRACE_BIN names the program; else build-test/millrace is built and taken.
# Ends with 0 only when every event that was produced is in, once.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

case ${1:-} in
-h | --help)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
if [ -z "${MILLRACE_BIN:-}" ]; then
    build=${MILLRACE_RECOVERY_BUILD:-build-test}
    log=$root/.cache/reports/recovery-build.log
    mkdir -p "$(dirname "$log")"
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" --native-file .ci/common.ini --buildtype=release >"$log" 2>&1 ||
            { tail -n 40 "$log" >&2; exit 1; }
    fi
    ninja -C "$build" millrace >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
    MILLRACE_BIN=$root/$build/millrace
fi
export MILLRACE_BIN
PYTHONPATH=tests/integration:tests/crash exec .venv/bin/python tests/bench/recovery.py "$@"
