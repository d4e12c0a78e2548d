#!/bin/sh
# 69,659 real purchases through a real Kafka broker into StarRocks tables, proven to the cent.
#
#   demo.sh            run it all, clean up
#   demo.sh --crash    kill -9 millrace again and again while it loads; the proof stays the same
#   demo.sh --keep     leave everything running and say what to open
#   demo.sh --stop     end what --keep left running
#
# Ends with 0 only when every row arrived, verify found no difference and every month is equal.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
build=${MILLRACE_BUILD:-build}
work=${MILLRACE_DEMO_DIR:-$root/.cache/demo}
purchases_file=.cache/cdnow/CDNOW_master.txt
purchases=69659
pipeline=schemas/pipelines/orders_demo.yaml
arrive_seconds=180
crashes=5
began=$(date +%s)

say() {
    printf '[%3d s] %s\n' "$(($(date +%s) - began))" "$*"
}

die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# end_process FILE WORD: ends the process of a pid file, at first kindly. A number left behind by a
# crash may be another process by now: its command line must hold the word.
end_process() {
    [ -f "$1" ] || return 0
    pid=$(cat "$1")
    rm -f "$1"
    grep -qaF "$2" "/proc/$pid/cmdline" 2>/dev/null || return 0
    # No such process is what is wanted; one that stays is killed below.
    kill -TERM "$pid" 2>/dev/null || true
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

stop_all() {
    end_process "$work/millrace.pid" "$pipeline"
    [ ! -d "$work/kafka" ] || sh scripts/kafka.sh stop "$work/kafka"
    end_process "$work/rockpool.pid" "$work/rockpool"
}

# Whatever the end is, nothing stays behind, unless all went well and --keep was said.
finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ "$status" -ge 128 ]; then
        say "stopping everything"
    elif [ "$status" -ne 0 ] && [ -f "$work/millrace.log" ]; then
        printf 'demo: the last lines of millrace:\n' >&2
        tail -n 20 "$work/millrace.log" >&2
    fi
    if [ "$status" -ne 0 ] || [ "$keep" = no ]; then
        stop_all
        rm -rf "$work/kafka" "$work/rockpool"
    fi
    exit "$status"
}

sql() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root -N -B demo -e "$1"
}

install_and_build() {
    say "installing what is missing"
    sh scripts/setup.sh demo
    say "building"
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" --buildtype=release -Dtests=false >"$work/build.log" 2>&1 ||
            { cat "$work/build.log" >&2; die "meson setup failed"; }
    fi
    ninja -C "$build" millrace >"$work/build.log" 2>&1 ||
        { tail -n 40 "$work/build.log" >&2; die "the build failed"; }
}

port_of() {
    .venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "$work/rockpool.ports" "$1"
}

start_rockpool() {
    rm -f "$work/rockpool.ports"
    PYTHONPATH=tests/rockpool setsid .venv/bin/python -m rockpool --data "$work/rockpool" \
        --port-file "$work/rockpool.ports" >"$work/rockpool.log" 2>&1 </dev/null &
    echo $! >"$work/rockpool.pid"
    tries=0
    until [ -s "$work/rockpool.ports" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$(cat "$work/rockpool.pid")" 2>/dev/null; then
            tail -n 40 "$work/rockpool.log" >&2
            die "rockpool did not start"
        fi
        sleep 0.1
    done
    SR_FE=http://127.0.0.1:$(port_of fe)
    mysql_port=$(port_of mysql)
    SR_MYSQL=127.0.0.1:$mysql_port
    SR_PASSWORD=
    export SR_FE SR_MYSQL SR_PASSWORD
}

start_servers() {
    say "starting Kafka and rockpool"
    kafka_port=$(sh scripts/kafka.sh start "$work/kafka")
    KAFKA_BROKERS=127.0.0.1:$kafka_port
    export KAFKA_BROKERS
    start_rockpool
    STATUS_LISTEN=127.0.0.1:$(python3 -c \
        'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export STATUS_LISTEN
    say "Kafka on $KAFKA_BROKERS, rockpool on $SR_FE and $SR_MYSQL"
}

send() {
    kcat -P -b "$KAFKA_BROKERS" -t orders -K '	' -z lz4 -l "$1"
}

make_events() {
    sh scripts/kafka.sh topic "$work/kafka" orders 4
    .venv/bin/python scripts/cdnow.py "$purchases_file" >"$work/events.tsv"
}

produce() {
    say "sending $purchases purchases in shuffled order over 4 partitions"
    send "$work/events.tsv"
}

# How often millrace has got its partitions.
assignments() {
    grep -c 'msg="partitions assigned"' "$work/millrace.log" || true # none is no error
}

# A part of the purchases, kill -9 a moment later, and again: the moments differ from run to run, so
# that units die before, in and after their transaction.
crash_and_restart() {
    say "killing millrace $crashes times while $purchases purchases arrive"
    split -n "l/$((crashes + 1))" "$work/events.tsv" "$work/part."
    killed=0
    for part in "$work"/part.*; do
        tries=0
        until [ "$(assignments)" -gt "$killed" ]; do
            tries=$((tries + 1))
            [ "$tries" -lt 600 ] || die "no partitions after 60 s"
            sleep 0.1
        done
        send "$part"
        [ "$killed" -lt "$crashes" ] || break
        sleep "$(awk -v seed="$$$killed" 'BEGIN { srand(seed); print 0.4 + 1.2 * rand() }')"
        kill -KILL "$millrace_pid" || die "millrace ended early"
        wait "$millrace_pid" || true # its code is that of the signal
        killed=$((killed + 1))
        say "killed, with $(sql 'SELECT count(*) FROM orders') rows in the detail table"
        start_millrace
    done
}

start_millrace() {
    setsid "$build/millrace" run "$pipeline" >>"$work/millrace.log" 2>&1 </dev/null &
    millrace_pid=$!
    echo "$millrace_pid" >"$work/millrace.pid"
}

wait_for_rows() {
    deadline=$(($(date +%s) + arrive_seconds))
    shown=-1
    while :; do
        rows=$(sql 'SELECT count(*) FROM orders')
        if [ "$rows" != "$shown" ]; then
            say "$rows rows in the detail table"
            shown=$rows
        fi
        [ "$rows" -lt "$purchases" ] || break
        kill -0 "$millrace_pid" 2>/dev/null || die "millrace ended early"
        [ "$(date +%s)" -lt "$deadline" ] || die "only $rows rows after $arrive_seconds s"
        sleep 0.5
    done
}

stop_millrace() {
    kill -TERM "$millrace_pid"
    code=0
    wait "$millrace_pid" || code=$?
    rm -f "$work/millrace.pid"
    [ "$code" -eq 0 ] || die "millrace ended with $code after SIGTERM"
    say "millrace stopped after its last unit, exit 0"
}

prove() {
    say "verify: what the tables hold against what the ledger says"
    "$build/millrace" verify "$pipeline" || die "verify found a difference"
    rows=$(sql 'SELECT count(*) FROM orders')
    [ "$rows" -eq "$purchases" ] || die "$rows detail rows, $purchases were sent"
    by_minute=$(sql 'SELECT sum(orders) FROM orders_1m')
    [ "$by_minute" -eq "$purchases" ] || die "$by_minute orders in orders_1m"
    say "revenue by month: the rollup orders_1d beside DuckDB's sum over the raw file"
    sql "SELECT date_format(window_start, '%Y-%m') AS month, sum(orders), sum(revenue)
         FROM orders_1d GROUP BY month ORDER BY month" >"$work/months.tsv"
    .venv/bin/python scripts/revenue.py "$purchases_file" <"$work/months.tsv" ||
        die "the months differ"
}

say_what_to_open() {
    cat <<EOF

Everything is running. Open
  http://$STATUS_LISTEN/v1/status     what Millrace does now
  http://$STATUS_LISTEN/metrics       the same for Prometheus
  mariadb -h 127.0.0.1 -P $mysql_port -u root demo
      SELECT * FROM orders_1d ORDER BY window_start LIMIT 10;
  kcat -P -b $KAFKA_BROKERS -t orders -K '	' -l $work/events.tsv    send the purchases again
End it with
  sh scripts/demo.sh --stop
EOF
}

keep=no
crash=no
case ${1:-} in
'') ;;
--keep) keep=yes ;;
--crash) crash=yes ;;
--stop)
    stop_all
    exit 0
    ;;
--help)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

stop_all
rm -rf "$work"
mkdir -p "$work"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
install_and_build
start_servers
say "creating the tables"
"$build/millrace" ddl --apply "$pipeline"
make_events
[ "$crash" = yes ] || produce
say "running millrace"
start_millrace
[ "$crash" = no ] || crash_and_restart
wait_for_rows
stop_millrace
prove
if [ "$keep" = yes ]; then
    start_millrace
    say_what_to_open
else
    say "all equal: $purchases purchases, every month to the cent"
fi
