"""The transaction interface on one table: begin, load, prepare, commit, rollback."""

import threading
import time

import pytest
from rockpool_support import DATABASE


def test_begin_load_prepare_commit(cluster, pair, label):
    """PREPARE → PREPARED → VISIBLE; rows are visible only after the commit."""
    begun = cluster.txn("begin", label, pair, timeout=600)
    assert begun["Status"] == "OK" and begun["Label"] == label and begun["TxnId"] > 0
    assert cluster.state(label) == "PREPARE"
    loaded = cluster.txn("load", label, pair, "1\ta\n")
    assert loaded["Status"] == "OK" and loaded["LoadBytes"] == 4
    prepared = cluster.txn("prepare", label, pair)
    assert prepared["Status"] == "OK" and prepared["NumberLoadedRows"] == 1
    assert cluster.state(label) == "PREPARED"
    assert cluster.rows(pair) == []
    committed = cluster.txn("commit", label, pair)
    assert committed["Status"] == "OK" and committed["TxnId"] == begun["TxnId"]
    cluster.wait_visible(label)
    assert cluster.rows(pair) == [("1", "a")]


def test_commit_without_prepare(cluster, pair, label):
    """A PREPARE transaction may be committed at its backend without prepare."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    cluster.txn("load", label, pair, "2\tb\n")
    reply = cluster.txn("commit", label, pair)
    assert reply["Status"] == "OK" and reply["NumberLoadedRows"] == 2
    cluster.wait_visible(label)
    assert len(cluster.rows(pair)) == 2


def test_rollback_before_and_after_prepare(cluster, pair, label):
    """Rollback of PREPARE at the backend, of PREPARED at the frontend; the label is ABORTED and reusable."""
    for prepare in (False, True):
        cluster.txn("begin", label, pair)
        cluster.txn("load", label, pair, "1\ta\n")
        if prepare:
            assert cluster.txn("prepare", label, pair)["Status"] == "OK"
        assert cluster.txn("rollback", label, pair)["Status"] == "OK"
        assert cluster.state(label) == "ABORTED"
    assert cluster.rows(pair) == []


def test_the_frontend_sends_begin_and_load_to_the_same_backend(cluster, pair, label):
    """begin is answered 307; load, prepare and rollback go to that same backend."""
    sent = {"db": DATABASE, "table": pair, "label": label, "Content-Length": "0"}
    first = cluster.request("POST", "/api/transaction/begin", sent)
    assert first.status == 307
    cluster.txn("begin", label, pair)
    second = cluster.request(
        "PUT", "/api/transaction/load", {**sent, "Content-Length": "4"}, b"", expect=True
    )
    third = cluster.request("POST", "/api/transaction/rollback", sent)
    places = {r.headers["location"].split("/api")[0] for r in (second, third)}
    assert second.status == third.status == 307 and len(places) == 1
    cluster.txn("rollback", label, pair)


def test_put_and_post_are_both_registered(cluster, pair, label):
    """Both POST and PUT are registered for every operation."""
    sent = {"db": DATABASE, "table": pair, "label": label, "Content-Length": "0"}
    for method in ("PUT", "POST"):
        assert cluster.request(method, "/api/transaction/begin", sent).status == 307


def test_missing_headers_are_named(cluster, pair):
    """No database selected. / empty label."""
    begin = ("POST", "/api/transaction/begin")
    reply = cluster.follow(*begin, {"label": "x", "Content-Length": "0"})
    assert reply["Status"] == "FAILED" and "No database selected" in reply["Message"]
    reply = cluster.follow(*begin, {"db": DATABASE, "Content-Length": "0"})
    assert reply["Status"] == "FAILED" and "empty label" in reply["Message"].lower()


def test_begin_without_any_header_is_shape_b_not_not_implemented(cluster):
    """The capability probe: begin with nothing but Authorization must not say 'Not implemented'."""
    reply = cluster.follow("POST", "/api/transaction/begin", {"Content-Length": "0"})
    assert reply.status == 200
    assert "Status" in reply.json and "Not implemented" not in reply.body.decode()


def test_unknown_post_paths_say_not_implemented_in_shape_a(standin, cluster):
    """Unknown POST paths of the frontend: shape A, FAILED, 'Not implemented'."""
    reply = cluster.request("POST", "/api/transaction/unheard_of", {"Content-Length": "0"})
    assert (reply["status"], reply["msg"]) == ("FAILED", "Not implemented")


# ---- idempotency


def test_commit_after_commit_is_ok(cluster, pair, label):
    """COMMITTED/VISIBLE: OK, 'Transaction N has already committed, label is L'."""
    _committed(cluster, pair, label)
    reply = cluster.txn("commit", label, pair)
    assert reply["Status"] == "OK" and "has already committed" in reply["Message"]
    assert label in reply["Message"]


def test_rollback_after_commit_is_refused(cluster, pair, label):
    """Can not abort VISIBLE transaction."""
    _committed(cluster, pair, label)
    reply = cluster.txn("rollback", label, pair)
    assert reply["Status"] == "FAILED" and "Can not abort" in reply["Message"]
    assert len(cluster.rows(pair)) == 1


def test_rollback_after_rollback_is_ok_and_commit_is_refused(cluster, pair, label):
    """ABORTED: rollback OK 'has already aborted', commit FAILED 'Can not commit ABORTED transaction',
    behind the name of a class."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    cluster.txn("prepare", label, pair)
    cluster.txn("rollback", label, pair)
    assert "has already aborted" in cluster.txn("rollback", label, pair)["Message"]
    reply = cluster.txn("commit", label, pair)
    assert reply["Status"] == "FAILED" and "Can not commit ABORTED transaction" in reply["Message"]
    assert reply["Message"].startswith("class com.starrocks.")


def test_commit_and_rollback_of_an_unknown_label_are_refused(cluster, pair, label):
    """No record: FAILED."""
    for op in ("commit", "rollback"):
        assert cluster.txn(op, label, pair)["Status"] == "FAILED"


def test_begin_again_while_the_backend_holds_the_label(cluster, pair, label):
    """LABEL_ALREADY_EXISTS; rollback, then begin again works."""
    cluster.txn("begin", label, pair)
    assert cluster.txn("begin", label, pair)["Status"] == "LABEL_ALREADY_EXISTS"
    if cluster.txn("rollback", label, pair)["Status"] == "TXN_NOT_EXISTS":
        pytest.skip("this cluster sent the second begin to another backend")
    assert cluster.txn("begin", label, pair)["Status"] == "OK"
    cluster.txn("rollback", label, pair)


def test_begin_again_at_another_backend_hides_the_first(own):
    """A repeated begin moves the label's coordinator: rollback finds nothing there, the transaction
    stays open, and only _cancel ends it."""
    _, client = own("--backends", "2")
    table, label = client.fresh("t"), client.fresh("again")
    client.sql(
        f"CREATE TABLE {table} (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) "
        'PROPERTIES ("replication_num"="1")'
    )
    assert client.txn("begin", label, table)["Status"] == "OK"
    reply = client.txn("begin", label, table)
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", "RUNNING")
    assert client.txn("rollback", label, table)["Status"] == "TXN_NOT_EXISTS"
    assert client.txn("load", label, table, "1\ta\n")["Status"] == "TXN_NOT_EXISTS"
    assert client.state(label) == "PREPARE"
    target = f"/api/{DATABASE}/{table}/_cancel?label={label}"
    assert client.follow("POST", target, {"Content-Length": "0"})["status"] == "OK"
    assert client.state(label) == "ABORTED"


def test_the_coordinator_of_a_label_is_known_without_its_database(own):
    """The same label begun in another database takes the place of the first at the frontend."""
    _, client = own("--backends", "2")
    other, label = client.fresh("other"), client.fresh("both")
    client.sql(f"CREATE DATABASE {other}", database=None)
    for database in (DATABASE, other):
        client.sql(
            "CREATE TABLE t (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) "
            'PROPERTIES ("replication_num"="1")',
            database=database,
        )
        assert client.txn("begin", label, "t", database=database)["Status"] == "OK"
    reply = client.txn("load", label, "t", "1\ta\n")
    assert reply["Status"] == "INVALID_ARGUMENT", reply
    assert client.txn("rollback", label, "t", database=other)["Status"] == "OK"


def test_begin_on_a_finished_label_tells_its_state(cluster, pair, label):
    """LABEL_ALREADY_EXISTS with ExistingJobStatus FINISHED."""
    _committed(cluster, pair, label)
    reply = cluster.txn("begin", label, pair)
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", "FINISHED")
    assert "has already been used" in reply["Message"]


def test_prepare_repeated_says_txn_not_exists(cluster, pair, label):
    """The context is gone after a prepare: TXN_NOT_EXISTS, and get_load_state says PREPARED."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    assert cluster.txn("prepare", label, pair)["Status"] == "OK"
    assert cluster.txn("prepare", label, pair)["Status"] == "TXN_NOT_EXISTS"
    assert cluster.state(label) == "PREPARED"
    cluster.txn("rollback", label, pair)


def test_prepare_and_commit_without_data_roll_back(cluster, pair):
    """INTERNAL_ERROR, 'hasn't send any data yet', and the transaction is rolled back."""
    for op in ("prepare", "commit"):
        label = cluster.fresh("empty")
        cluster.txn("begin", label, pair)
        reply = cluster.txn(op, label, pair)
        assert (
            reply["Status"] == "INTERNAL_ERROR" and "hasn't send any data yet" in reply["Message"]
        )
        assert cluster.state(label) == "ABORTED"


# ---- time


def test_an_open_transaction_is_aborted_at_its_timeout(standin, cluster, pair, label):
    """PREPARE older than its timeout: ABORTED, timeout by txn manager."""
    cluster.txn("begin", label, pair, timeout=1)
    _wait(cluster, label, "ABORTED")
    reason = cluster.follow("GET", f"/api/{DATABASE}/get_load_state?label={label}")["reason"]
    assert "timeout by txn manager" in reason
    assert cluster.txn("load", label, pair, "1\ta\n")["Status"] != "OK"


def test_a_prepared_transaction_is_aborted_at_its_prepared_timeout(standin, cluster, pair, label):
    """PREPARED older than prepared_timeout: ABORTED."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    cluster.txn("prepare", label, pair, prepared_timeout=1)
    assert cluster.state(label) == "PREPARED"
    _wait(cluster, label, "ABORTED")
    assert cluster.txn("commit", label, pair)["Status"] == "FAILED"
    assert cluster.rows(pair) == []


def test_cancel_aborts_an_open_label(cluster, pair, label):
    """POST /api/{db}/{table}/_cancel?label=L is the emergency abort."""
    cluster.txn("begin", label, pair)
    reply = cluster.follow(
        "POST", f"/api/{DATABASE}/{pair}/_cancel?label={label}", {"Content-Length": "0"}
    )
    assert reply["status"] == "OK"
    assert cluster.state(label) == "ABORTED"


# ---- events


def test_a_dropped_table_fails_the_commit_of_its_prepared_transaction(cluster, pair, label):
    """The rows of a table that is gone cannot be committed; the label ends ABORTED."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    assert cluster.txn("prepare", label, pair)["Status"] == "OK"
    cluster.sql(f"DROP TABLE {pair}")
    assert cluster.txn("commit", label, pair)["Status"] == "FAILED"
    assert cluster.state(label) == "ABORTED"


def test_loads_of_an_unknown_label_name_the_possible_reasons(cluster, pair, label):
    """Can't find the transaction with db [..] and label[..]"""
    reply = cluster.txn("load", label, pair, "1\ta\n")
    assert reply["Status"] == "FAILED" and "Can't find the transaction" in reply["Message"]


def test_a_follower_redirects_to_the_leader(standin, cluster, pair, label):
    """Transactions and get_load_state: a follower answers 307 to the leader; plain loads it serves itself."""
    follower = ("127.0.0.1", standin.ports["followers"][0])
    sent = {"db": DATABASE, "table": pair, "label": label, "Content-Length": "0"}
    reply = cluster.request("POST", "/api/transaction/begin", sent, address=follower)
    assert reply.status == 307 and f":{standin.ports['fe']}/" in reply.headers["location"]
    reply = cluster.request("GET", f"/api/{DATABASE}/get_load_state?label=x", address=follower)
    assert reply.status == 307 and f":{standin.ports['fe']}/" in reply.headers["location"]
    reply = cluster.request(
        "PUT", f"/api/{DATABASE}/{pair}/_stream_load", address=follower, expect=True, body=b""
    )
    assert reply.status == 307 and f":{standin.ports['be']}/" in reply.headers["location"]


def test_concurrent_transactions_do_not_mix(cluster, pair):
    """Several labels on one table at once."""
    labels = [cluster.fresh("many") for _ in range(4)]

    def work(number):
        cluster.txn("begin", labels[number], pair)
        cluster.txn("load", labels[number], pair, f"{number}\tx\n")
        cluster.txn("commit", labels[number], pair)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for label in labels:
        cluster.wait_visible(label)
    assert [r[0] for r in cluster.rows(pair)] == ["0", "1", "2", "3"]


def _committed(cluster, pair, label):
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta\n")
    assert cluster.txn("commit", label, pair)["Status"] == "OK"
    cluster.wait_visible(label)


def _wait(cluster, label, state):
    for _ in range(100):
        if cluster.state(label) == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"{label} is {cluster.state(label)}, not {state}")
