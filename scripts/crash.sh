#!/bin/sh
# The crash campaign: seeded schedules of kills, stalls, cuts and faults on a real Kafka broker and
# rockpool; after each of them every offset is counted.
#
#   crash.sh --schedules N --seed S    N schedules; the same S, the same schedules
#   crash.sh --only S.I                schedule I of campaign S again
#   crash.sh --help                    the other options
#
# MILLRACE_BIN names the program, one built with -Drace_points=true; else it is built.
# Ends with 0 only when every schedule passed and the faults that must occur did.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
build=${MILLRACE_CRASH_BUILD:-build-crash}

if [ -z "${MILLRACE_BIN:-}" ]; then
    log=$root/.cache/reports/crash-build.log
    mkdir -p "$(dirname "$log")"
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" --buildtype=release -Dtests=false -Drace_points=true >"$log" 2>&1 ||
            { tail -n 40 "$log" >&2; exit 1; }
    fi
    ninja -C "$build" millrace >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
    MILLRACE_BIN=$root/$build/millrace
fi
KAFKA_READY_SECONDS=90
export MILLRACE_BIN KAFKA_READY_SECONDS
grep -q MILLRACE_AT "$MILLRACE_BIN" || {
    printf 'crash: %s has no race points\nHINT: meson setup -Drace_points=true\n' "$MILLRACE_BIN" >&2
    exit 1
}
PYTHONPATH=tests/integration:tests/crash exec .venv/bin/python -m crash "$@"
