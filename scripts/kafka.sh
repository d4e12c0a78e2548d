#!/bin/sh
# A real Kafka broker, single node, for the demo and the tests.
#
#   kafka.sh start DIR [PORT [INNER]]    start it on 127.0.0.1, on free ports unless they are given;
#                                        INNER: where the broker talks to itself
#   kafka.sh stop DIR                    stop it; its data stays in DIR
#   kafka.sh kill DIR                    end it at once, as a crash would
#   kafka.sh port DIR                    print its port
#   kafka.sh topic DIR NAME PARTITIONS   create a topic
#
# Started again on the same DIR it comes back with its data and on its port.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
jars=$root/.cache/kafka/jars
ready_seconds=${KAFKA_READY_SECONDS:-60}

die() {
    printf 'kafka: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

free_ports() {
    python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))'
}

write_properties() {
    cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$dir/data
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Events carry old times; nothing may age away while somebody looks at it.
log.retention.ms=-1
message.max.bytes=33554432
EOF
}

java_kafka() {
    exec java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
        -Dlog4j2.configurationFile="$root/scripts/kafka/log4j2.properties" \
        -cp "$jars/*" "$@"
}

# A number left behind by a crash may be another process by now: its command line must name this
# directory.
alive() {
    [ -f "$dir/pid" ] && grep -qaF "$dir" "/proc/$(cat "$dir/pid")/cmdline" 2>/dev/null
}

answers() {
    kcat -L -b "127.0.0.1:$port" -m 2 >/dev/null 2>&1
}

show_log() {
    printf 'kafka: the last lines of %s:\n' "$dir/broker.log" >&2
    tail -n 40 "$dir/broker.log" >&2
}

prepare() {
    mkdir -p "$dir"
    if [ ! -f "$dir/data/meta.properties" ]; then
        ports=$(free_ports)
        port=${port:-${ports% *}}
        controller_port=${controller_port:-${ports#* }}
        write_properties
        # A cluster id is 16 bytes in base64, 22 characters; hexadecimal digits are valid there.
        (java_kafka kafka.tools.StorageTool format -c "$dir/server.properties" \
            -t "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | cut -c1-22)") \
            >"$dir/broker.log" 2>&1 || {
            show_log
            die "the data directory could not be formatted"
        }
        printf '%s\n' "$port" >"$dir/port"
    else
        port=$(cat "$dir/port")
    fi
}

# Without a controlling session of its own the broker would get the Ctrl-C meant for the caller.
start() {
    [ -d "$jars" ] || die "no broker in $jars
HINT: run sh scripts/setup.sh demo"
    alive && die "already running in $dir"
    prepare
    setsid sh "$root/scripts/kafka.sh" serve "$dir" >>"$dir/broker.log" 2>&1 </dev/null &
    starter=$!
    waited=0
    until answers; do
        waited=$((waited + 1))
        if ! kill -0 "$starter" 2>/dev/null || [ "$waited" -gt $((ready_seconds * 5)) ]; then
            show_log
            stop
            die "the broker did not answer on port $port within $ready_seconds s"
        fi
        sleep 0.2
    done
    printf '%s\n' "$port"
}

# The shell becomes the broker, so that its own number is the broker's.
serve() {
    echo $$ >"$dir/pid"
    java_kafka kafka.Kafka "$dir/server.properties"
}

signal_and_wait() {
    if ! alive; then
        rm -f "$dir/pid"
        return 0
    fi
    pid=$(cat "$dir/pid")
    # It may end by itself meanwhile; one that stays is killed, or named as an error, below.
    kill "-$1" "$pid" 2>/dev/null || true
    waited=0
    while kill -0 "$pid" 2>/dev/null; do
        waited=$((waited + 1))
        [ "$waited" -ne 100 ] || kill -KILL "$pid" 2>/dev/null || true
        [ "$waited" -le 200 ] || die "process $pid does not end"
        sleep 0.1
    done
    rm -f "$dir/pid"
}

stop() {
    signal_and_wait TERM
}

create_topic() {
    [ -f "$dir/port" ] || die "no broker was started in $dir"
    "$root/.venv/bin/python" "$root/scripts/kafka/topic.py" \
        "127.0.0.1:$(cat "$dir/port")" "$1" "$2"
}

[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2"
dir=$(CDPATH='' cd -- "$2" && pwd)
shift 2
port=
case $command in
start) port=${1:-}; controller_port=${2:-}; start ;;
serve) serve ;;
stop) stop ;;
kill) signal_and_wait KILL ;;
port) cat "$dir/port" ;;
topic) [ $# -eq 2 ] || usage; create_topic "$1" "$2" ;;
*) usage ;;
esac
