"""The mode in which STARROCKS_* variables name a cluster that is not ours.

A stand-in takes its part: behind a follower, with two backends and a password, and its admin port is
told to nobody.
"""

import os
import re
import subprocess
import sys

import pytest
from rockpool_support import HOME, REAL, Rockpool

PARTS = (
    "fault_registry",
    "json",
    "labels",
    "multi",
    "mysql",
    "stream_load",
    "stream_load_csv",
    "transaction",
    "transaction_loads",
)


def run_suite(parts, **variables):
    """One run of these test files with these variables set, and no others of their kind."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STARROCKS_")}
    files = [f"tests/test_{part}.py" for part in parts]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=HOME,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_suite_runs_against_a_cluster_that_is_only_named(tmp_path):
    """Nothing fails, what needs events of the stand-in is skipped aloud, the test's database is gone."""
    if REAL:
        pytest.skip("this run is one: a real cluster is named by STARROCKS_FE")
    pool = Rockpool(
        tmp_path, "--user", "loader", "--password", "a b:c", "--followers", "1", "--backends", "2"
    )
    try:
        done = run_suite(
            PARTS,
            STARROCKS_FE=f"http://127.0.0.1:{pool.ports['followers'][0]}/",
            STARROCKS_MYSQL=f"127.0.0.1:{pool.ports['mysql']}",
            STARROCKS_USER="loader",
            STARROCKS_PASSWORD="a b:c",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"(\d+) passed, (\d+) skipped in", done.stdout)
        assert found, done.stdout
        passed, skipped = map(int, found.groups())
        assert passed >= 120 and skipped >= 10, done.stdout
        told = [line for line in done.stdout.splitlines() if line.startswith("NOT SHOWN: tests/")]
        assert len(told) == skipped, done.stdout
        databases = pool.client("loader", "a b:c").sql("SHOW DATABASES", database=None)
        assert databases == [("information_schema",)]
    finally:
        pool.stop()


def test_a_cluster_that_is_half_named_is_no_cluster():
    """Without the MySQL address or the user nothing runs."""
    done = run_suite(["labels"], STARROCKS_FE="http://127.0.0.1:1")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "STARROCKS_MYSQL and STARROCKS_USER is not set" in done.stderr
