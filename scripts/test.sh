#!/bin/sh
# Installs, builds and runs every test. The last line is `N passed, N failed`; before it come the
# names and last words of what failed.
#
#   test.sh            everything
#   test.sh PART …     only: lint model unit corpus tsan asan rockpool integration crash
#
# A part that fails does not stop the others; one that ran nothing counts as failed.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
python=$root/.venv/bin/python
reports=$root/.cache/reports
failures=$reports/failures.txt
part_seconds=1200
passed=0
failed=0
began=$(date +%s)
BUILD=${MILLRACE_BUILD_PREFIX:-build-test}

say() {
    printf '== [%4d s] %s\n' "$(($(date +%s) - began))" "$*"
}

# count PART PASSED FAILED STATUS: adds to the totals. A bad status with no failed test is one
# failure, and so is a part without any test.
count() {
    part_failed=$3
    why=''
    if [ "$4" -ne 0 ] && [ "$3" -eq 0 ]; then
        part_failed=1
        why=", ended with $4"
    fi
    if [ "$2" -eq 0 ] && [ "$part_failed" -eq 0 ]; then
        part_failed=1
        why=', ran nothing'
    fi
    passed=$((passed + $2))
    failed=$((failed + part_failed))
    [ "$part_failed" -eq 0 ] || echo "$1: $part_failed failed$why" >>"$failures"
    say "$1: $2 passed, $part_failed failed$why"
}

# last_words FILE: of a part that has no report of its own.
last_words() {
    tail -n 60 "$1" | tee -a "$failures"
}

# totals KIND REPORT: `passed failed`; nothing counts where no report can be read.
totals() {
    "$python" tests/totals.py "$1" "$2" "$failures" || echo 0 0
}

# build DIR ARGUMENTS…: configures and builds; the output is shown when it fails. A configured folder
# is configured again: meson does not notice by itself that a folder of tests has come.
build() {
    dir=$1
    shift
    log=$reports/$(basename "$dir").log
    [ ! -f "$dir/build.ninja" ] || set -- --reconfigure
    meson setup "$dir" "$@" >"$log" 2>&1 || { last_words "$log"; return 1; }
    timeout "$part_seconds" ninja -C "$dir" >"$log" 2>&1 || { last_words "$log"; return 1; }
}

# meson_part PART DIR SUITE. The time limits of the tests are for what hangs, and get room for a busy
# machine.
meson_part() {
    rm -f "$2/meson-logs/testlog.json"
    timeout "$part_seconds" meson test -C "$2" --no-rebuild --suite "$3" --print-errorlogs \
        --num-processes 4 --timeout-multiplier 3
    status=$?
    # shellcheck disable=SC2046 # two numbers
    count "$1" $(totals meson "$2") "$status"
}

# Tests that mostly wait for servers run side by side, a file at a time: each process has servers of
# its own.
SIDE_BY_SIDE="-n 4 --dist loadfile"

# pytest_part PART FOLDER ARGUMENTS…
pytest_part() {
    part=$1
    folder=$2
    shift 2
    report=$reports/$part.xml
    rm -f "$report"
    (cd "$folder" && timeout "$part_seconds" "$python" -m pytest -q -p no:cacheprovider \
        --junitxml "$report" "$@")
    status=$?
    # shellcheck disable=SC2046 # two numbers
    count "$part" $(totals pytest "$report") "$status"
}

# Criterion shows a leak report and passes all the same: what counts is that no report was written.
no_sanitizer_reports() {
    found=$(find "$reports" -name "$1.*" -type f)
    if [ -z "$found" ]; then
        count "$1 reports" 1 0 0
    else
        # shellcheck disable=SC2086 # file names of our own making
        cat $found
        # shellcheck disable=SC2086
        head -n 60 $found >>"$failures"
        count "$1 reports" 0 1 1
    fi
}

lint() {
    pytest_part lint tests/lint
}

# Each part that uses the release build asks for it: nothing is tested with what an earlier build left.
release_build() {
    build "$BUILD" --native-file .ci/common.ini --buildtype=release --werror || {
        count "$1: build" 0 1 1
        return 1
    }
}

# The protocol's model and its mutations, in the bounded form.
model() {
    log=$reports/model.log
    timeout "$part_seconds" sh scripts/model.sh --short >"$log" 2>&1
    status=$?
    cat "$log"
    [ "$status" -eq 0 ] || last_words "$log" >/dev/null
    # shellcheck disable=SC2046 # two numbers
    set -- $(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log")
    count model "${1:-0}" "${2:-0}" "$status"
}

unit() {
    release_build unit || return
    meson_part unit "$BUILD" unit
}

corpus() {
    release_build corpus || return
    meson_part corpus "$BUILD" fuzz
}

tsan() {
    build "$BUILD-tsan" --native-file .ci/common.ini --native-file .ci/tsan.ini \
        -Drace_points=true || {
        count "build tsan" 0 1 1
        return
    }
    rm -f "$reports"/tsan.*
    TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 log_path=$reports/tsan \
suppressions=$root/tests/support/tsan.supp"
    export TSAN_OPTIONS
    meson_part "tsan stress" "$BUILD-tsan" stress
    meson_part "tsan unit" "$BUILD-tsan" unit
    unset TSAN_OPTIONS
    no_sanitizer_reports tsan
}

asan() {
    build "$BUILD-asan" --native-file .ci/common.ini --native-file .ci/asan.ini || {
        count "build asan" 0 1 1
        return
    }
    rm -f "$reports"/asan.*
    ASAN_OPTIONS="log_path=$reports/asan detect_leaks=1 strict_string_checks=1 \
detect_stack_use_after_return=1"
    UBSAN_OPTIONS="print_stacktrace=1 log_path=$reports/asan"
    LSAN_OPTIONS="suppressions=$root/tests/support/lsan.supp print_suppressions=0"
    export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
    meson_part "asan unit" "$BUILD-asan" unit
    meson_part "asan corpus" "$BUILD-asan" fuzz
    unset ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
    no_sanitizer_reports asan
}

rockpool() {
    # shellcheck disable=SC2086 # several arguments
    pytest_part rockpool tests/rockpool $SIDE_BY_SIDE
}

# The program with named points at which a test may kill or stop it.
race_build() {
    build "$BUILD-race" --native-file .ci/common.ini --buildtype=release -Dtests=false \
        -Drace_points=true || {
        count "$1: build" 0 1 1
        return 1
    }
    MILLRACE_RACE_BIN=$root/$BUILD-race/millrace
    export MILLRACE_RACE_BIN
}

integration() {
    release_build integration || return
    race_build integration || return
    MILLRACE_BIN=$root/$BUILD/millrace
    export MILLRACE_BIN
    # shellcheck disable=SC2086 # several arguments
    pytest_part integration tests/integration $SIDE_BY_SIDE
}

# The crash campaign's own tests, then a short campaign: 50 schedules of a seed that the day decides
# would hide a failure from the next run, so it is always the same one.
crash() {
    release_build crash || return
    race_build crash || return
    MILLRACE_BIN=$root/$BUILD/millrace
    export MILLRACE_BIN
    # shellcheck disable=SC2086 # several arguments
    pytest_part "crash tests" tests/crash $SIDE_BY_SIDE
    log=$reports/crash.log
    MILLRACE_BIN=$MILLRACE_RACE_BIN
    timeout "$part_seconds" sh scripts/crash.sh \
        --schedules 50 --seed 1 --jobs 4 >"$log" 2>&1
    status=$?
    tail -n 40 "$log"
    [ "$status" -eq 0 ] ||
        grep -E '^---- schedule|^  PROBLEM|^  again:|^NOT WHOLE|^crash:|Error' "$log" |
        head -n 60 >>"$failures"
    # shellcheck disable=SC2046 # two numbers
    set -- $(sed -n 's/^\([0-9]*\) schedules: \([0-9]*\) passed,.*/\1 \2/p' "$log")
    count crash "${2:-0}" "$((${1:-0} - ${2:-0}))" "$status"
}

case ${1:-} in
-h | --help)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
for part in "$@"; do
    case $part in
    lint | model | unit | corpus | tsan | asan | rockpool | integration | crash) ;;
    *)
        sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

say "installing what is missing"
sh scripts/setup.sh test || exit 1
mkdir -p "$reports"
: >"$failures"
[ $# -gt 0 ] || set -- lint model unit corpus tsan asan rockpool integration crash
for part in "$@"; do
    say "$part"
    "$part"
done
say "done"
cat "$failures"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
