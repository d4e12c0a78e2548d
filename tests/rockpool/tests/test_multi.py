"""Multi-table transactions (transaction_type: multi, v4.0)."""

import time

import pytest
from rockpool_support import DATABASE

MULTI = {"transaction_type": "multi"}


@pytest.fixture
def two(table):
    first = table("k INT, v VARCHAR(10)", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    second = table("k INT, n BIGINT SUM", "AGGREGATE KEY(k) DISTRIBUTED BY HASH(k)")
    return first, second


@pytest.fixture
def label(cluster):
    return cluster.fresh("multi")


def begin(cluster, label, **headers):
    return cluster.txn("begin", label, timeout=60, **MULTI, **headers)


def test_two_tables_become_visible_together(cluster, two, label):
    """begin without table, load with table, commit; nothing is visible before."""
    reply = begin(cluster, label)
    assert reply["Status"] == "OK"
    assert cluster.txn("load", label, two[0], "1\ta\n", **MULTI)["Status"] == "OK"
    assert cluster.txn("load", label, two[1], "1\t5\n", **MULTI)["Status"] == "OK"
    assert cluster.rows(two[0]) == cluster.rows(two[1]) == []
    assert cluster.txn("commit", label, **MULTI)["Status"] == "OK"
    cluster.wait_visible(label)
    assert cluster.rows(two[0]) == [("1", "a")] and cluster.rows(two[1]) == [("1", "5")]


def test_begin_replies_without_txn_id_and_label(cluster, label):
    """begin OK: Status OK, empty Message; do not expect TxnId or Label."""
    reply = begin(cluster, label)
    assert (reply["Status"], reply["Message"]) == ("OK", "")
    assert "TxnId" not in reply and "Label" not in reply
    cluster.txn("rollback", label, **MULTI)


def test_prepare_is_refused(cluster, two, label):
    """prepare: Unsupported operation."""
    begin(cluster, label)
    cluster.txn("load", label, two[0], "1\ta\n", **MULTI)
    reply = cluster.txn("prepare", label, **MULTI)
    assert reply["Status"] == "FAILED" and "Unsupported operation" in reply["Message"]
    cluster.txn("rollback", label, **MULTI)


def test_begin_again_tells_the_state_of_the_task(cluster, two, label):
    """LABEL_ALREADY_EXISTS, 'Transaction already started with label [..]'."""
    begin(cluster, label)
    reply = begin(cluster, label)
    assert reply["Status"] == "LABEL_ALREADY_EXISTS" and reply["ExistingJobStatus"] == "BEGIN"
    assert f"Transaction already started with label [{label}]" in reply["Message"]
    cluster.txn("rollback", label, **MULTI)


def test_a_label_is_unique_across_databases(standin, cluster, label):
    """The task table is keyed by label across databases."""
    other = cluster.fresh("db")
    cluster.sql(f"CREATE DATABASE {other}")
    begin(cluster, label)
    assert cluster.txn("begin", label, database=other, **MULTI)["Status"] == "LABEL_ALREADY_EXISTS"
    cluster.txn("rollback", label, **MULTI)
    cluster.sql(f"DROP DATABASE {other}")


def test_commit_without_loads_is_ok(cluster, label):
    """commit of a transaction without loads is OK."""
    begin(cluster, label)
    assert cluster.txn("commit", label, **MULTI)["Status"] == "OK"


def test_commit_again_is_ok_and_rollback_after_it_is_refused(cluster, two, label):
    """already committed → OK; rollback → Can not abort VISIBLE transaction N."""
    begin(cluster, label)
    cluster.txn("load", label, two[0], "1\ta\n", **MULTI)
    cluster.txn("commit", label, **MULTI)
    cluster.wait_visible(label)
    reply = cluster.txn("commit", label, **MULTI)
    assert reply["Status"] == "OK" and "has already committed" in reply["Message"]
    reply = cluster.txn("rollback", label, **MULTI)
    assert reply["Status"] == "FAILED" and "Can not abort VISIBLE transaction" in reply["Message"]
    assert len(cluster.rows(two[0])) == 1


def test_rollback_is_ok_twice_and_commit_after_it_is_refused(cluster, two, label):
    """rollback of an aborted one → OK; commit → Can not commit CANCELLED transaction."""
    begin(cluster, label)
    cluster.txn("load", label, two[0], "1\ta\n", **MULTI)
    assert cluster.txn("rollback", label, **MULTI)["Status"] == "OK"
    assert cluster.txn("rollback", label, **MULTI)["Status"] == "OK"
    reply = cluster.txn("commit", label, **MULTI)
    assert (
        reply["Status"] == "FAILED" and "Can not commit CANCELLED transaction" in reply["Message"]
    )
    assert cluster.state(label) == "ABORTED"
    assert cluster.rows(two[0]) == []


def test_an_unknown_label_is_no_task(cluster, label):
    """stream load task L does not exist."""
    for op in ("commit", "rollback"):
        reply = cluster.txn(op, label, **MULTI)
        assert (
            reply["Status"] == "FAILED"
            and f"stream load task {label} does not exist" in reply["Message"]
        )


def test_the_first_load_of_a_table_fixes_its_parameters(cluster, two, label):
    """Other parameters for the same table abort the whole transaction."""
    begin(cluster, label)
    cluster.txn("load", label, two[1], "1\t1\n", **MULTI)
    cluster.txn("load", label, two[0], "1,a\n", column_separator=",", **MULTI)
    reply = cluster.txn("load", label, two[0], "1;a\n", column_separator=";", **MULTI)
    assert "load request not equal last" in reply["Message"]
    assert cluster.txn("commit", label, **MULTI)["Status"] == "FAILED"
    assert cluster.rows(two[0]) == cluster.rows(two[1]) == []


def test_bad_rows_in_one_table_abort_all(cluster, two, label):
    """A load failure aborts the whole transaction."""
    begin(cluster, label)
    cluster.txn("load", label, two[0], "1\ta\n", **MULTI)
    cluster.txn("load", label, two[1], "bad\n", **MULTI)
    reply = cluster.txn("commit", label, **MULTI)
    assert reply["Status"] == "FAILED"
    assert cluster.state(label) == "ABORTED"
    assert cluster.rows(two[0]) == []


def test_the_default_timeout_is_twenty_seconds(standin, cluster, two, label):
    """multi begin without timeout: 20 s; with one it holds."""
    cluster.txn("begin", label, timeout=1, **MULTI)
    cluster.txn("load", label, two[0], "1\ta\n", **MULTI)
    for _ in range(60):
        if cluster.state(label) == "ABORTED":
            break
        time.sleep(0.1)
    assert cluster.state(label) == "ABORTED"
    other = cluster.fresh("default")
    cluster.txn("begin", other, **MULTI)
    cluster.txn("load", other, two[0], "1\ta\n", **MULTI)
    number = cluster.sql(f"SHOW TRANSACTION FROM {DATABASE} WHERE label = '{other}'")
    assert number[0][cluster.titles.index("TimeoutMs")] == "20000"
    cluster.txn("rollback", other, **MULTI)


def test_a_backend_refuses_transaction_type(cluster, two, label):
    """Multi-statement transaction requests can only be sent to FE nodes, not BE nodes."""
    reply = cluster.request("PUT", f"/api/{DATABASE}/{two[0]}/_stream_load", expect=True, body=b"")
    host, _, port = reply.headers["location"].removeprefix("http://").split("/")[0].partition(":")
    headers = {"db": DATABASE, "label": label, "Content-Length": "0", **MULTI}
    reply = cluster.request("POST", "/api/transaction/begin", headers, address=(host, int(port)))
    assert "can only be sent to FE nodes" in reply["Message"]
