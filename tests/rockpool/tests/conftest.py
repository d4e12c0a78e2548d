"""Fixtures: one stand-in for the session, or a real cluster named by the environment."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

pytest.register_assert_rewrite("rockpool_faults")

from rockpool_faults import World, cancel  # noqa: E402
from rockpool_support import DATABASE, REAL, Rockpool, real_client  # noqa: E402


def pytest_configure():
    missing = [n for n in ("STARROCKS_MYSQL", "STARROCKS_USER") if not os.environ.get(n)]
    if REAL and missing:
        raise pytest.UsageError(f"STARROCKS_FE names a cluster, but {' and '.join(missing)} is not set")


def pytest_report_header():
    return f"server under test: {'the cluster at ' + REAL if REAL else 'rockpool, the stand-in'}"


def pytest_terminal_summary(terminalreporter, config):
    """Says aloud what a run has not shown."""
    for report in terminalreporter.stats.get("skipped", []):
        if (config.rootpath / report.nodeid.partition("::")[0]).is_relative_to(HERE):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            terminalreporter.write_line(f"NOT SHOWN: {report.nodeid}: {reason}", yellow=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """The stand-in of the session (None against a real cluster)."""
    if REAL:
        yield None
        return
    pool = Rockpool(
        tmp_path_factory.mktemp("rockpool"),
        "--followers",
        "1",
        "--tick",
        "0.2",
        "--add-user",
        "reader:secret:select",
        "--add-user",
        "writer:pass word:insert",
    )
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def cluster(shared):
    """A client of the server under test, with a database of its own."""
    client = real_client() if REAL else shared.client()
    client.sql(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`", database=None)
    yield client
    if REAL:
        client.sql(f"DROP DATABASE `{DATABASE}` FORCE", database=None)
    client.close()


@pytest.fixture
def standin(shared):
    """For statements that a test can bring about only on the stand-in."""
    if shared is None:
        pytest.skip("needs the stand-in: a real cluster is named by STARROCKS_FE")
    return shared


@pytest.fixture
def own(tmp_path, request):
    """A stand-in of the test's own, for restarts and small limits: own(option, …)."""
    if REAL:
        pytest.skip("needs a stand-in of its own: a real cluster is named by STARROCKS_FE")
    started = []

    def start(*options):
        pool = Rockpool(tmp_path, *options)
        started.append(pool)
        client = pool.client()
        client.sql(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`", database=None)
        return pool, client

    yield start
    for pool in started:
        pool.stop()


@pytest.fixture
def table(cluster):
    """Makes tables with names of their own: table("a INT, b …", "DUPLICATE KEY(a) …")."""

    def create(columns, rest="", properties='"replication_num"="1"'):
        name = cluster.fresh("t")
        cluster.sql(f"CREATE TABLE {name} ({columns}) {rest} PROPERTIES ({properties})")
        return name

    return create


@pytest.fixture
def pair(table):
    return table("k INT, v VARCHAR(10)", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")


@pytest.fixture
def label(cluster):
    return cluster.fresh("txn")


@pytest.fixture(scope="module")
def fault_pool(tmp_path_factory):
    """A stand-in for the faults of one module."""
    if REAL:
        pytest.skip("faults are the stand-in's: a real cluster is named by STARROCKS_FE")
    found = Rockpool(tmp_path_factory.mktemp("faults"), "--followers", "1", "--tick", "0.2")
    found.client().sql(f"CREATE DATABASE {DATABASE}", database=None)
    yield found
    found.stop()


@pytest.fixture
def world(fault_pool):
    """The test's own label and table; afterwards nothing is armed, and nothing may be open."""
    found = World(fault_pool)
    yield found
    found.admin.disarm()
    left = found.admin.open()
    for label in left:
        cancel(found, label)
    found.client.close()
    assert left == {}
