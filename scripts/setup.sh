#!/bin/sh
# Installs what Millrace needs from Debian's packages, PyPI and Maven. Quiet, and does nothing twice.
#
#   setup.sh build    compiler, libraries
#   setup.sh demo     + Kafka broker, rockpool's Python, the CDNOW purchases
#   setup.sh test     + linters, sanitizer runtimes, test clients            (default)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache
venv=$root/.venv
mode=${1:-test}

build_packages='gcc libc6-dev meson ninja-build pkg-config librdkafka-dev libcurl4-openssl-dev
libjansson-dev libyaml-dev libmicrohttpd-dev libmariadb-dev libxxhash-dev'
demo_packages='ca-certificates curl kcat mariadb-client openjdk-17-jre-headless maven python3-venv'
test_packages='libcriterion-dev clang clang-format clang-tidy libclang-rt-14-dev shellcheck
docker-compose spin'

cdnow_sha256=eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef
cdnow_purchases=69659

say() {
    printf 'setup: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "root is needed for: $*
HINT: install sudo or run this script as root once"
    fi
}

# Runs a command silently; its output is shown only when it fails.
quietly() {
    quiet_log=$(mktemp)
    if "$@" >"$quiet_log" 2>&1; then
        rm -f "$quiet_log"
        return 0
    fi
    cat "$quiet_log" >&2
    rm -f "$quiet_log"
    die "failed: $*"
}

missing_packages() {
    for package in "$@"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=absent
        [ "$state" = installed ] || printf '%s\n' "$package"
    done
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
    # shellcheck disable=SC2046 # package names hold no spaces
    set -- $(missing_packages "$@")
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "missing: $*
HINT: this script installs on Debian 12; elsewhere install these packages by hand"
    say "installing $*"
    quietly apt_get update
    quietly apt_get install --no-install-recommends "$@"
}

# Installing the package would leave a service running on the machine; the tests want the program
# alone, so it is unpacked beside the rest.
install_prometheus() {
    [ ! -x "$cache/prometheus/usr/bin/prometheus" ] || return 0
    say "unpacking prometheus"
    unpack=$(mktemp -d)
    (
        cd "$unpack"
        apt-get -qq download prometheus >/dev/null 2>&1 || {
            quietly apt_get update
            quietly apt-get -qq download prometheus
        }
    ) || exit 1
    mkdir -p "$cache/prometheus"
    quietly dpkg-deb -x "$unpack"/prometheus_*.deb "$cache/prometheus"
    rm -rf "$unpack"
}

# Installs a requirements file into the venv unless that very text is already installed.
install_python() {
    file=$1
    stamp=$cache/python-$(basename "$(dirname "$file")")-$(basename "$file" .txt).sum
    sum=$(cat "$root"/tests/requirements*.txt "$root/tests/rockpool/requirements.txt" | sha256sum)
    if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return 0
    fi
    say "installing Python packages of ${file#"$root/"}"
    [ -x "$venv/bin/pip" ] || quietly python3 -m venv "$venv"
    quietly "$venv/bin/pip" install -q --disable-pip-version-check -r "$file"
    printf '%s\n' "$sum" >"$stamp"
}

install_kafka() {
    jars=$cache/kafka/jars
    stamp=$cache/kafka/pom.sum
    sum=$(sha256sum <"$root/scripts/kafka/pom.xml")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && [ -d "$jars" ]; then
        return 0
    fi
    say "fetching the Kafka broker"
    mkdir -p "$cache/kafka"
    rm -rf "$jars"
    quietly mvn -q -B -f "$root/scripts/kafka/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$jars"
    printf '%s\n' "$sum" >"$stamp"
}

# StarRocks' own clients, and the Flink they run in. Nothing but tests of rockpool needs them, so a
# registry out of reach is told to those tests, which then say that they showed nothing. The plugin has
# its full name because Maven tells no cause when it cannot look up a short one.
install_official() {
    official=$cache/official
    pom=$root/tests/rockpool/official/pom.xml
    goal=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
    sum=$(sha256sum <"$pom")
    if [ -f "$official/pom.sum" ] && [ "$(cat "$official/pom.sum")" = "$sum" ]; then
        return 0
    fi
    say "fetching StarRocks' clients and Flink"
    rm -rf "$official"
    mkdir -p "$official"
    if mvn -q -B -U -f "$pom" "$goal" -DincludeScope=runtime \
        -DoutputDirectory="$official/jars" >"$official/maven.log" 2>&1; then
        printf '%s\n' "$sum" >"$official/pom.sum"
        return 0
    fi
    cat "$official/maven.log" >&2
    grep -q 'Could not transfer' "$official/maven.log" || die "failed: mvn -f $pom"
    say "the registry is out of reach: the tests with StarRocks' clients will be skipped"
    touch "$official/unreachable"
}

# The purchases lie inside a PyPI wheel; only that one file is taken, and it must be the known one.
install_cdnow() {
    file=$cache/cdnow/CDNOW_master.txt
    if [ ! -f "$file" ]; then
        say "fetching the CDNOW purchases"
        download=$cache/cdnow/download
        mkdir -p "$download"
        quietly "$venv/bin/pip" download -q --disable-pip-version-check --no-deps \
            --only-binary :all: -d "$download" lifetimes==0.11.3
        quietly "$venv/bin/python" -c '
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, open(sys.argv[2], "wb") as out:
    out.write(wheel.read("lifetimes/datasets/CDNOW_master.txt"))
' "$download"/*.whl "$file.part"
        mv "$file.part" "$file"
        rm -rf "$download"
    fi
    echo "$cdnow_sha256  $file" | sha256sum -c --quiet - >&2 || die "$file is not the known file
HINT: remove it and run this script again"
    lines=$(tail -n +2 "$file" | wc -l)
    [ "$lines" -eq "$cdnow_purchases" ] || die "$file has $lines purchases, not $cdnow_purchases"
}

mkdir -p "$cache"
# shellcheck disable=SC2086 # the lists are split into words on purpose
case $mode in
build)
    install_packages $build_packages
    ;;
demo)
    install_packages $build_packages $demo_packages
    install_python "$root/tests/requirements-demo.txt"
    install_kafka
    install_cdnow
    ;;
test)
    install_packages $build_packages $demo_packages $test_packages
    install_python "$root/tests/requirements.txt"
    install_prometheus
    install_kafka
    install_official
    install_cdnow
    ;;
*)
    printf 'usage: setup.sh [build|demo|test]\n' >&2
    exit 2
    ;;
esac
