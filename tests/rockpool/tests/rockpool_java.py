"""StarRocks' own clients, unmodified, each run by a driver in a JVM of its own."""

import subprocess

import pytest
from rockpool_support import HOME

OFFICIAL = HOME / "official"
CACHE = HOME.parent.parent / ".cache" / "official"
FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
SECONDS = 300


def official_jars():
    """What setup has fetched; only a registry out of reach then excuses its absence."""
    if (CACHE / "unreachable").exists():
        pytest.skip("setup could not reach the registry of StarRocks' clients")
    assert (CACHE / "pom.sum").exists(), "no clients in .cache/official: run scripts/setup.sh test"
    return sorted((CACHE / "jars").glob("*.jar"))


def class_path(program, jars):
    """Compiles a driver if it has changed; the class path to run it with."""
    source, classes = OFFICIAL / f"{program}.java", CACHE / "classes"
    made = classes / f"{program}.class"
    path = ":".join(map(str, jars))
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        compiler = next((CACHE / "jars").glob("ecj-*.jar"))
        options = ["-17", "-nowarn", "-cp", path, "-d", str(classes), str(source)]
        done = subprocess.run(
            ["java", "-jar", str(compiler), *options], capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return f"{classes}:{path}"


def run_java(path, program, *arguments, flags=("-Xmx128m",)):
    """The lines that a driver printed, and all its output for the message of a failed assertion."""
    done = subprocess.run(
        ["java", *FLAGS, *flags, "-cp", path, program, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout.splitlines(), done.stdout + done.stderr
