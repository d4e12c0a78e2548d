#!/bin/sh
# Checks the model of the exactly-once protocol, and that it catches every broken form of it.
#
#   model.sh            all configurations and mutations; about half an hour on one core
#   model.sh --short    the small ones, exhaustive: at most 90 s on one core, 2 GiB
#   model.sh NAME …     only these rows, configurations or mutations
#
# Ends with 0 only when no configuration shows an error and every mutation is caught.
# A configuration that was not searched to its end says so; in the short form it is a failure.
set -u

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
model=$root/tests/model/exactly_once.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
passed=0
failed=0
cut=0

# NAME | FORM | SEARCH | SWITCHES. FORM: short runs in --short too. SEARCH: exact keeps every state,
# bits keeps three bits a state (a hash: it may miss states).
configurations='
crash       | short | exact | -DX=1 -DCR=1 -DLA=1
orderly-2p  | short | exact | -DNP=2 -DNE=1 -DX=1 -DLA=1
load-fails  | short | exact | -DLF=2 -DTMO=1 -DNN=3
f24         | short | exact | -DX=2 -DF24=1 -DRB=3
f24-2p      | short | exact | -DNP=2 -DNE=1 -DX=2 -DF24=1 -DNC=2 -DNN=1
f25         | short | exact | -DX=1 -DCR=1 -DF25=1
fe-2p       | short | exact | -DNP=2 -DNE=1 -DFE=1 -DRB=0 -DNC=2
as-written  | short | exact | -DNP=2 -DNE=1 -DFE=1 -DRB=0 -DNC=2 -DAS_WRITTEN -DSTOP_ALLOWED
ahead       | short | exact | -DX=1 -DLA=1 -DPIPE
fe          | full  | exact | -DX=2 -DCR=1 -DLA=1 -DFE=1
time-out    | full  | exact | -DX=1 -DCR=1 -DTMO=1 -DFE=1
ahead-crash | full  | exact | -DX=1 -DCR=1 -DPIPE -DNN=3
ahead-fe    | full  | exact | -DX=1 -DFE=1 -DTMO=1 -DPIPE -DNN=3
units       | full  | exact | -DNE=3 -DNN=3 -DX=1 -DCR=1 -DCUT_ALL
late-load   | full  | exact | -DLF=2 -DX=1 -DCR=1 -DNN=3
stray       | full  | exact | -DX=2 -DSTRAY=1 -DRB=3
forgotten   | full  | exact | -DX=1 -DCR=1 -DLA=1 -DEVICT=2
f25-fe      | full  | exact | -DX=2 -DF25=1 -DFE=1
f24-f25     | full  | exact | -DX=2 -DF24=1 -DF25=1 -DRB=3
crash-2p    | full  | exact | -DNP=2 -DNE=1 -DX=1 -DCR=1
f15-2p      | full  | exact | -DNP=2 -DNE=1 -DX=1 -DF15=1 -DLA=1
f25-2p      | full  | exact | -DNP=2 -DNE=1 -DX=1 -DF25=1 -DCR=1
fe-crash-2p | full  | bits  | -DNP=2 -DNE=1 -DX=1 -DCR=1 -DFE=1 -DLA=1
f15-fe-2p   | full  | bits  | -DNP=2 -DNE=1 -DX=1 -DCR=1 -DF15=1 -DFE=1
f24-wide-2p | full  | bits  | -DNP=2 -DNE=1 -DX=2 -DF24=1 -DFE=1 -DRB=3
stray-2p    | full  | bits  | -DNP=2 -DNE=1 -DX=2 -DSTRAY=1 -DRB=3
ahead-2p    | full  | bits  | -DNP=2 -DNE=2 -DX=1 -DCR=1 -DPIPE -DNN=3
'

# NAME | CAUGHT BY | SWITCHES. "Caught" is a loss or a duplicate: a STOP is allowed here.
mutations='
no-guard         | ahead      | -DX=1 -DLA=1 -DPIPE -DM_NO_GUARD
no-fence         | f25        | -DX=1 -DCR=1 -DF25=1 -DM_NO_FENCE
fence-by-state   | f25        | -DX=1 -DCR=1 -DF25=1 -DM_FENCE_STATE
settle-by-state  | crash      | -DX=1 -DCR=1 -DM_SETTLE_STATE
number-reused    | load-fails | -DLF=2 -DTMO=1 -DNN=3 -DM_NUMBER_REUSED
commit-first     | crash      | -DX=1 -DCR=1 -DM_COMMIT_FIRST
no-announce      | f25        | -DX=1 -DCR=1 -DF25=1 -DM_NO_ANNOUNCE
idle-old-start   | as-written | -DNP=2 -DNE=1 -DFE=1 -DRB=0 -DNC=2 -DAS_WRITTEN -DM_IDLE_START
start-committed  | crash      | -DX=1 -DCR=1 -DM_START_COMMITTED
end-too-early    | f25        | -DX=1 -DCR=1 -DF25=1 -DM_EARLY_END
no-postcheck     | f24        | -DX=2 -DF24=1 -DRB=3 -DM_NO_POSTCHECK
no-overtaken     | f24        | -DX=2 -DF24=1 -DRB=3 -DM_NO_OVERTAKEN
own-partition    | f24-2p     | -DNP=2 -DNE=1 -DX=2 -DF24=1 -DNC=2 -DNN=1 -DM_OWN_ONLY
closed-too-early | f25        | -DX=1 -DCR=1 -DF25=1 -DM_CLOSE_EARLY
'

trim() {
    printf '%s' "$1" | sed 's/^ *//; s/ *$//'
}

# explore SEARCH SWITCHES: leaves pan's report in $work/report and its meaning in $verdict, $states.
explore() {
    case $1 in
    exact) store="-DCOLLAPSE -DMEMLIM=$megabytes" table=-w22 ;;
    bits) store="-DBITSTATE" table=-w31 ;;
    esac
    verdict=broken states=0
    # shellcheck disable=SC2086 # lists of switches
    (cd "$work" && rm -f pan pan.* ./*.trail &&
        spin -a $2 "$model" >spin.log 2>&1 &&
        nice -n 15 gcc "$optimize" -w -DSAFETY $store -o pan pan.c >>spin.log 2>&1) || {
        cat "$work/spin.log" >&2
        return
    }
    (cd "$work" && nice -n 15 timeout -s INT "$seconds" ./pan -m30000 "$table" >report 2>&1)
    states=$(sed -n 's/^ *\([0-9][0-9.e+]*\) states, stored.*/\1/p' "$work/report" | head -n 1)
    found=$(grep -m 1 '^pan:[0-9]*: .*\(assertion violated\|invalid end state\)' "$work/report")
    case $found in
    *vis\[i\]*) verdict='an offset visible twice' ;;
    *twice\[l\]*) verdict='an offset visible twice' ;;
    *0\|\|stopped*) verdict='a needless STOP' ;;
    *st\[0\]==16*) verdict='hung' ;;
    *vis\[0\]*) verdict='an offset lost' ;;
    '')
        if ! grep -q 'errors: 0' "$work/report"; then
            cat "$work/report" >&2
        elif grep -q 'Search not completed\|max search depth\|MEMLIM' "$work/report"; then
            verdict="no error; cut by time, memory or depth"
        elif [ "$1" = bits ]; then
            verdict="no error; hashed, to the end"
        else
            verdict="no error; exhaustive"
        fi
        ;;
    *) verdict=$found ;;
    esac
}

row() {
    printf '%-17s %12s  %-51s %s\n' "$1" "$2" "$3" "$4"
}

# The short form promises a search to the end, so it does not accept a cut one.
judge_configuration() {
    case $verdict in
    'no error; exhaustive' | 'no error; hashed, to the end') passed=$((passed + 1)) ;;
    'no error; cut'*)
        cut=$((cut + 1))
        if [ "$form" = full ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
        ;;
    *) failed=$((failed + 1)) ;;
    esac
}

judge_mutation() {
    case $verdict in
    'an offset '*)
        passed=$((passed + 1))
        verdict="caught by $1: $verdict"
        ;;
    *)
        failed=$((failed + 1))
        verdict="NOT CAUGHT: $verdict"
        ;;
    esac
}

wanted() {
    [ -n "$1" ] || return 1
    [ -z "$names" ] || case " $names " in *" $1 "*) ;; *) return 1 ;; esac
}

run_configurations() {
    row configuration states result switches
    while IFS='|' read -r name of search switches; do
        name=$(trim "$name") of=$(trim "$of") search=$(trim "$search")
        wanted "$name" || continue
        [ "$form" = full ] || [ "$of" = short ] || continue
        explore "$search" "$switches"
        judge_configuration
        row "$name" "$states" "$verdict" "$(trim "$switches")"
    done <"$work/configurations"
}

run_mutations() {
    row mutation states result switches
    while IFS='|' read -r name by switches; do
        name=$(trim "$name") by=$(trim "$by")
        wanted "$name" || continue
        explore exact "$switches -DSTOP_ALLOWED"
        judge_mutation "$by"
        row "$name" "$states" "$verdict" "$(trim "$switches")"
    done <"$work/mutations"
}

form=full names='' optimize=-O1 seconds=${MODEL_SECONDS:-600} megabytes=${MODEL_MEGABYTES:-4000}
case ${1:-} in
--short)
    form=short optimize=-O0 seconds=240 megabytes=1500
    ;;
-*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
*) names=$* ;;
esac
command -v spin >/dev/null 2>&1 || {
    printf 'model: spin is missing\nHINT: sh scripts/setup.sh test\n' >&2
    exit 1
}
printf '%s\n' "$configurations" >"$work/configurations"
printf '%s\n' "$mutations" >"$work/mutations"
run_configurations
run_mutations
[ "$cut" -eq 0 ] || printf '%d of these not searched to the end\n' "$cut"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
