"""Durable state: kill -9, restart, and what of it survives."""

import concurrent.futures
import itertools

import pytest
from rockpool_support import REAL, Rockpool

ONE = 'PROPERTIES ("replication_num"="1")'


def ready(client):
    client.sql(
        f"CREATE TABLE d (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) {ONE}"
    )
    client.sql(
        f"CREATE TABLE p (k INT NOT NULL, v INT) PRIMARY KEY(k) DISTRIBUTED BY HASH(k) {ONE}"
    )
    client.sql(
        f"CREATE TABLE a (k INT, n BIGINT SUM) AGGREGATE KEY(k) DISTRIBUTED BY HASH(k) {ONE}"
    )


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    if REAL:
        pytest.skip("kills its server: a real cluster is named by STARROCKS_FE")
    found = Rockpool(tmp_path_factory.mktemp("restart"))
    yield found
    found.stop()


@pytest.fixture
def client(pool, request):
    """A client in a database of the test's own, with three tables."""
    found = pool.client(database=request.node.name[:60])
    found.sql(f"CREATE DATABASE {found.database}", database=None)
    ready(found)
    return found


def killed(pool, client):
    pool.kill()
    pool.start()
    return pool.client(database=client.database)


def test_committed_rows_and_labels_survive_kill_9(pool, client):
    """Data that Success was said for, its label and the catalog are there after kill -9."""
    client.sql("CREATE VIEW v AS SELECT count(*) AS n FROM d")
    client.load("d", "1\ta\n", label="done")
    client.load("p", "1\t1\n2\t2\n")
    client.load("a", "1\t1\n1\t2\n")
    client.load("d", "bad\n", label="failed")
    client = killed(pool, client)
    assert client.rows("d") == [("1", "a")]
    assert client.rows("p") == [("1", "1"), ("2", "2")]
    assert client.rows("a") == [("1", "3")]
    assert client.sql("SELECT n FROM v") == [("1",)]
    assert (client.state("done"), client.state("failed")) == ("VISIBLE", "ABORTED")
    assert client.load("d", "2\tb\n", label="done")["Status"] == "Label Already Exists"


def test_prepared_transactions_survive_kill_9_and_open_ones_do_not(pool, client):
    """PREPARED is persisted and commits later; PREPARE is aborted (backend context lost)."""
    for label in ("open", "prepared", "undone"):
        client.txn("begin", label, "d")
        client.txn("load", label, "d", "1\ta\n")
    for label in ("prepared", "undone"):
        assert client.txn("prepare", label, "d")["Status"] == "OK"
    client = killed(pool, client)
    assert client.state("open") == "ABORTED"
    assert client.state("prepared") == "PREPARED"
    assert client.txn("commit", "prepared", "d")["Status"] == "OK"
    assert client.txn("rollback", "undone", "d")["Status"] == "OK"
    assert client.rows("d") == [("1", "a")]
    client = killed(pool, client)
    assert client.state("prepared") == "VISIBLE"
    assert client.rows("d") == [("1", "a")]


def test_open_multi_table_transactions_are_lost_at_a_restart(pool, client):
    """multi: FE restart aborts; the task is unknown afterwards, a committed one stays VISIBLE."""
    multi = {"transaction_type": "multi"}
    for label in ("open", "done"):
        client.txn("begin", label, timeout=60, **multi)
        client.txn("load", label, "d", "1\ta\n", **multi)
        client.txn("load", label, "a", "1\t1\n", **multi)
    client.txn("commit", "done", **multi)
    client = killed(pool, client)
    assert "does not exist" in client.txn("commit", "open", **multi)["Message"]
    assert (client.state("open"), client.state("done")) == ("ABORTED", "VISIBLE")
    assert client.rows("d") == [("1", "a")] and client.rows("a") == [("1", "1")]


def test_every_load_is_whole_or_absent_after_kill_9(pool, client):
    """Killed in the middle of a stream of loads: each label is VISIBLE with all its rows, or has none."""
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(_try_load, pool, client.database, number) for number in range(30)]
        list(itertools.islice(concurrent.futures.as_completed(futures, timeout=60), 5))
        pool.kill()
        replies = [f.result() for f in futures]
    pool.start()
    client = pool.client(database=client.database)
    counts = dict(client.sql("SELECT k, count(*) FROM d GROUP BY k"))
    for number, reply in enumerate(replies):
        state = client.state(f"l{number}")
        assert counts.get(str(number), "0") == ("5" if state == "VISIBLE" else "0"), (number, state)
        if reply is not None and reply["Status"] == "Success":
            assert state == "VISIBLE"
    assert any(r is not None for r in replies)


def _try_load(pool, database, number):
    try:
        return pool.client(database=database).load("d", f"{number}\tx\n" * 5, label=f"l{number}")
    except (ConnectionError, OSError, ValueError):
        return None


def test_it_is_ready_within_two_seconds_and_stops_on_sigterm(pool, client):
    """Ready in 2 s (of a processor: the clock is not its own); SIGTERM ends it with code 0."""
    client.load("d", "1\ta\n")
    pool.process.terminate()
    assert pool.process.wait(10) == 0
    pool.start()
    assert pool.cpu_to_start <= 2
    assert pool.client(database=client.database).rows("d") == [("1", "a")]
