#!/bin/sh
# Breaks one step of the exactly-once protocol after the other, in a copy of the source, and checks that
# what must catch each does: schedules of the crash campaign, tests of the failure table, unit tests.
#
#   mutants.sh              all of tests/mutants; up to half an hour on two idle cores
#   mutants.sh NAME …       only these
#   mutants.sh --list       their names, and what is broken in each
#
# The unbroken program must pass the very same runs first. A mutant counts as caught only when each of
# its runs fails by the assertion that tests/mutants names: a loss, a double, a label in a wrong state or
# left open, a needless stop, going on where it must stop, a wrong step of a unit test; not by a harness
# that failed, a run that hung or a program that crashed. A crash schedule gets three tries, for the same
# seed does not meet the same requests each time. The last line is `N mutants: n caught, m survived`; the
# exit code is 0 only when none survived. MILLRACE_MUTANTS_BUILD names the folder for copy and builds.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
patches=tests/mutants
build=${MILLRACE_MUTANTS_BUILD:-build-mutants}
case $build in
/*) ;;
*) build=$root/$build ;;
esac
tree=$build/tree
logs=$build/logs
scratch=$build/pytest
run_seconds=400
build_seconds=900
end_seconds=60
crash_tries=3
caught=0
survived=0
began=$(date +%s)

usage() {
    sed -n '2,15s/^# \{0,1\}//p' "$0"
}

say() {
    printf '[%5d s] %s\n' "$(($(date +%s) - began))" "$*"
}

fail() {
    printf 'mutants: %s\n' "$*" >&2
    exit 1
}

all_names() {
    for file in "$patches"/*.patch; do
        basename "$file" .patch
    done
}

list() {
    for name in $(all_names); do
        printf '%-20s %s\n' "$name" "$(head -n 1 "$patches/$name.patch")"
    done
}

# runs NAME: the lines `KIND WHAT | PATTERN` that say what must catch it.
runs() {
    sed -n '/^---/q; s/^caught by: //p' "$patches/$1.patch"
}

trim() {
    printf '%s' "$1" | sed 's/^ *//; s/ *$//'
}

# ---- what runs beside the script ----

# limited SECONDS COMMAND…: in the background, for else sh hears no signal; env, because sh turns
# interrupts off there. They, and not TERM, make pytest and the campaign end their servers. In a session
# of its own it hears of a Ctrl-C once only: by end_child.
limited() {
    setsid env --default-signal=INT timeout --foreground -s INT -k "$end_seconds" "$@" &
    child=$!
    wait "$child"
    status=$?
    [ "$status" -lt 124 ] || end_left
    child=''
    return "$status"
}

# What its end did not reach: members and rockpool are of its session, brokers of sessions of their own.
end_left() {
    kill -s KILL -- "-$child" 2>/dev/null
    [ ! -d "$scratch" ] || find "$scratch" -maxdepth 4 -name pid | while read -r file; do
        sh scripts/kafka.sh kill "$(dirname "$file")"
    done
}

end_child() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -s INT "$child" 2>/dev/null
        wait "$child"
        end_left
    fi
    exit 1
}

# ---- copy and builds ----

# Newer than any object of an earlier copy: what an interrupted run left broken is built again.
copy_tree() {
    rm -rf "$tree"
    mkdir -p "$tree" "$logs"
    tar cf - --exclude=__pycache__ meson.build meson_options.txt include src tests schemas |
        tar xmf - -C "$tree"
}

# setup DIR ARGUMENTS…: configures once
setup() {
    dir=$build/$1
    shift
    [ ! -f "$dir/build.ninja" ] || return 0
    rm -rf "$dir" # of a setup that was interrupted
    limited "$build_seconds" meson setup "$dir" "$tree" --buildtype=release "$@" \
        >"$logs/setup.log" 2>&1 || {
        tail -n 40 "$logs/setup.log" >&2
        return 1
    }
}

# compile DIR TARGET…
compile() {
    dir=$build/$1
    shift
    limited "$build_seconds" ninja -C "$dir" "$@" >"$logs/build.log" 2>&1 || {
        tail -n 40 "$logs/build.log" >&2
        return 1
    }
}

# builds NAMES…: the program, where a run needs it, and the unit tests that are run.
build_for() {
    programs='' units=''
    for name in "$@"; do
        runs "$name" >"$logs/runs"
        while read -r kind what _; do
            case $kind in
            unit) units="$units tests/$what" ;;
            *) programs=millrace ;;
            esac
        done <"$logs/runs"
    done
    if [ -n "$programs" ]; then
        setup program -Dtests=false -Drace_points=true && compile program "$programs" || return 1
    fi
    if [ -n "$units" ]; then
        # shellcheck disable=SC2086 # several targets
        setup units && compile units $units || return 1
    fi
}

# In the copy, which lies within a repository that must not be found.
apply() {
    GIT_CEILING_DIRECTORIES=$build git -C "$tree" apply "$@"
}

# ---- runs ----

# run KIND WHAT LOG: 0 when it passed.
run() {
    MILLRACE_BIN=$build/program/millrace
    MILLRACE_RACE_BIN=$MILLRACE_BIN
    export MILLRACE_BIN MILLRACE_RACE_BIN
    case $1 in
    crash)
        limited "$run_seconds" sh scripts/crash.sh --jobs 1 --only "$2" >"$3" 2>&1
        ;;
    test)
        limited "$run_seconds" .venv/bin/python -m pytest -q -p no:cacheprovider \
            --basetemp="$scratch" -c tests/integration/pytest.ini "tests/integration/$2" >"$3" 2>&1
        ;;
    unit)
        # shellcheck disable=SC2086 # several words
        set -- $2 "$3" # program, test, log
        limited 60 "$build/units/tests/$1" --filter "*/$2" >"$3" 2>&1
        status=$?
        # A filter that meets nothing passes: a renamed test would catch nothing.
        plain "$3" | grep -q 'Tested: 1 ' || echo "no test $2" >>"$3"
        grep -q '^no test ' "$3" && return 2
        return "$status"
        ;;
    *)
        echo "a run of kind $1" >"$3"
        return 2
        ;;
    esac
}

plain() {
    sed 's/\x1b\[[0-9;]*m//g' "$1"
}

# failed_by KIND STATUS PATTERN LOG: it failed, by an assertion that says PATTERN, and by nothing else.
failed_by() {
    [ "$2" -eq 1 ] || return 1
    case $1 in
    crash)
        grep -q '^1 schedules: 0 passed, .* hung 0$' "$4" &&
            ! grep -q 'NOT WHOLE\|PROBLEM harness\|PROBLEM member .* ended with' "$4" &&
            grep -q "^  PROBLEM .*\($3\)" "$4"
        ;;
    test)
        grep -q '^1 failed' "$4" && ! grep -q 'Failed: Timeout\|^ERROR' "$4" &&
            grep -q "^E  .*\($3\)" "$4"
        ;;
    unit)
        plain "$4" | grep -q 'Failing: 1 | Crashing: 0' &&
            plain "$4" | grep -A 4 'Assertion Failed' | grep -q "$3"
        ;;
    esac
}

# key KIND WHAT: a file name
key() {
    printf '%s-%s' "$1" "$2" | tr -c 'A-Za-z0-9._-' '_'
}

# passes_unbroken NAME: its runs with the program as it is, each once.
passes_unbroken() {
    runs "$1" >"$logs/runs"
    while IFS='|' read -r what pattern <&3; do
        kind=${what%% *} what=$(trim "${what#* }")
        log=$logs/unbroken-$(key "$kind" "$what")
        [ ! -f "$log.passed" ] || continue
        run "$kind" "$what" "$log" || {
            tail -n 60 "$log" >&2
            fail "the unbroken program does not pass $kind $what"
        }
        : >"$log.passed"
        say "unbroken: $kind $what passed"
    done 3<"$logs/runs"
}

# fails_as_named KIND WHAT PATTERN LOG: in one of its tries; $tried of them were made.
fails_as_named() {
    most=1
    [ "$1" != crash ] || most=$crash_tries
    tried=0
    while [ "$tried" -lt "$most" ]; do
        tried=$((tried + 1))
        run "$1" "$2" "$4"
        status=$?
        ! failed_by "$1" "$status" "$3" "$4" || return 0
    done
    return 1
}

# is_caught NAME: all its runs fail as they must; $seen says how, or what did not.
is_caught() {
    seen=''
    runs "$1" >"$logs/runs"
    while IFS='|' read -r what pattern <&3; do
        kind=${what%% *} what=$(trim "${what#* }") pattern=$(trim "$pattern")
        log=$logs/$1-$(key "$kind" "$what")
        fails_as_named "$kind" "$what" "$pattern" "$log" || {
            seen="$kind $what does not say \"$pattern\" (try $tried ended with $status, see $log)"
            return 1
        }
        [ "$kind" != crash ] || what="$what, try $tried"
        seen="$seen${seen:+; }$kind $what: $(plain "$log" | grep -o "$pattern" | head -n 1)"
    done 3<"$logs/runs"
}

# try NAME: it is in the copy while it is built and run, and no longer.
try() {
    patch=$root/$patches/$1.patch
    seen='' verdict=survived
    if apply "$patch" 2>"$logs/apply.log"; then
        if ! build_for "$1"; then
            seen='it does not compile'
        elif is_caught "$1"; then
            verdict=caught
        fi
        apply -R "$patch" || fail "$1 cannot be taken out of the copy again"
    else
        seen="the patch does not apply: $(head -n 1 "$logs/apply.log")"
    fi
    if [ "$verdict" = caught ]; then
        caught=$((caught + 1))
        say "$1: caught by $seen"
    else
        survived=$((survived + 1))
        say "$1: SURVIVED: $seen"
    fi
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
--list)
    list
    exit 0
    ;;
-*)
    usage >&2
    exit 2
    ;;
esac
[ $# -gt 0 ] || {
    # shellcheck disable=SC2046 # names without blanks
    set -- $(all_names)
}
for name in "$@"; do
    [ -f "$patches/$name.patch" ] || fail "there is no mutant $name; mutants.sh --list names them"
    [ -n "$(runs "$name")" ] || fail "$name: nothing is said to catch it"
done
child=''
trap end_child INT TERM HUP
copy_tree
rm -f "$logs"/*.passed
build_for "$@" || fail 'the unbroken program does not compile'
for name in "$@"; do
    passes_unbroken "$name"
done
for name in "$@"; do
    try "$name"
done
printf '%d mutants: %d caught, %d survived\n' "$#" "$caught" "$survived"
[ "$survived" -eq 0 ]
