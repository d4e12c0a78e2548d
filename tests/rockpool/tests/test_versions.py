"""What the version decides: early 4.0 multi-table transactions, and servers that have none."""

import pytest
from rockpool_admin import Admin
from rockpool_support import DATABASE, REAL, Rockpool, refused

MULTI = {"transaction_type": "multi"}
ROW = "1\ta\n"


def client_of(folder, version):
    if REAL:
        pytest.skip("needs stand-ins of given versions: a real cluster is named by STARROCKS_FE")
    pool = Rockpool(folder, "--version", version, "--tick", "0.2")
    client = pool.client()
    client.sql(f"CREATE DATABASE {DATABASE}", database=None)
    client.sql(
        "CREATE TABLE t (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) "
        'PROPERTIES ("replication_num"="1")'
    )
    return pool, client


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """A 4.0 without the corrected statuses."""
    pool, client = client_of(tmp_path_factory.mktemp("early"), "4.0.2")
    yield client
    pool.stop()


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A 3.5 without prepared_timeout."""
    pool, client = client_of(tmp_path_factory.mktemp("old"), "3.5.3")
    yield client
    pool.stop()


@pytest.fixture
def label(request):
    return request.node.name[:100]


@pytest.fixture(autouse=True)
def empty(request):
    """Each test begins with an empty table."""
    for name in ("early", "old"):
        if name in request.fixturenames:
            request.getfixturevalue(name).sql("TRUNCATE TABLE t")


def begun(client, label, **headers):
    assert client.txn("begin", label, timeout=60, **MULTI, **headers)["Status"] == "OK"
    assert client.txn("load", label, "t", ROW, **MULTI)["Status"] == "OK"


def test_the_version_is_told(early, old):
    """current_version() begins with it."""
    assert early.sql("SELECT current_version()") == [("4.0.2 rockpool",)]
    assert old.sql("SELECT current_version()") == [("3.5.3 rockpool",)]


def test_early_hides_an_open_transaction_until_its_commit(early, label):
    """get_load_state UNKNOWN, SHOW TRANSACTION empty, though it is open; VISIBLE after the commit."""
    begun(early, label)
    assert early.state(label) == "UNKNOWN"
    assert Admin(early).open() == {label: "LOADING"}
    where = f"FROM {DATABASE} WHERE label = '{label}'"
    assert "does not exist" in refused(early, f"SHOW TRANSACTION {where}")[1]
    assert early.txn("commit", label, **MULTI)["Status"] == "OK"
    assert early.state(label) == "VISIBLE"
    assert early.rows("t") == [("1", "a")]


def test_early_rollback_says_ok_and_does_nothing(early, label):
    """rollback OK but not done: the transaction is open still, and a commit makes rows visible."""
    begun(early, label)
    assert early.txn("rollback", label, **MULTI)["Status"] == "OK"
    assert Admin(early).open() == {label: "LOADING"}
    assert early.txn("commit", label, **MULTI)["Status"] == "OK"
    assert early.rows("t") == [("1", "a")]
    assert early.txn("rollback", label, **MULTI)["Status"] == "OK"
    assert early.rows("t") == [("1", "a")]


def test_early_begin_again_says_ok(early, label):
    """Double begin: OK both times, one transaction with what was loaded before."""
    begun(early, label)
    begun(early, label)
    assert early.txn("commit", label, **MULTI)["Status"] == "OK"
    assert early.rows("t") == [("1", "a")] * 2


def test_early_failures_are_reported_as_ok(early, label):
    """After a failed load: load and commit answer OK, and nothing is there."""
    begun(early, label)
    reply = early.txn("load", label, "t", ROW, column_separator=";", **MULTI)
    assert "load request not equal last" in reply["Message"]
    assert early.txn("load", label, "t", ROW, **MULTI)["Status"] == "OK"
    reply = early.txn("commit", label, **MULTI)
    assert reply["Status"] == "OK" and "Can not commit CANCELLED" in reply["Message"]
    assert early.state(label) == "UNKNOWN"
    assert early.rows("t") == []


def test_early_label_of_a_committed_transaction_is_begun_again(early, label):
    """Begin after commit: OK; the second commit finds the label used, and nothing is doubled."""
    for wanted in ("OK", "FAILED"):
        begun(early, label)
        reply = early.txn("commit", label, **MULTI)
        assert reply["Status"] == wanted
    assert "has already been used" in reply["Message"]
    assert early.rows("t") == [("1", "a")]
    assert Admin(early).open() == {}


def test_early_leader_change_leaves_no_trace_of_an_open_transaction(early, label):
    """The task is forgotten and the label UNKNOWN: it was never registered."""
    begun(early, label)
    Admin(early).arm("leader_change")
    assert "does not exist" in early.txn("commit", label, **MULTI)["Message"]
    assert early.state(label) == "UNKNOWN"
    assert Admin(early).open() == {}
    assert early.rows("t") == []


def test_old_servers_do_not_know_multi(old, label):
    """3.5 reads begin as one of a single table: without `table` it is refused."""
    reply = old.txn("begin", label, **MULTI)
    assert reply["Status"] == "FAILED" and "No table selected" in reply["Message"]
    assert old.state(label) == "UNKNOWN"
    assert old.txn("begin", label, "t", **MULTI)["TxnId"] > 0
    assert old.txn("load", label, "t", ROW, **MULTI)["Status"] == "OK"
    assert old.txn("prepare", label, "t", **MULTI)["Status"] == "OK"
    assert old.state(label) == "PREPARED"
    assert old.txn("commit", label, "t", **MULTI)["Status"] == "OK"
    assert old.rows("t") == [("1", "a")]


def test_old_servers_ignore_prepared_timeout(old, label):
    """prepared_timeout is of 3.5.4: before, the default of a day holds."""
    old.txn("begin", label, "t", prepared_timeout=1)
    old.txn("load", label, "t", ROW)
    assert old.txn("prepare", label, "t", prepared_timeout=1)["Status"] == "OK"
    row = old.sql(f"SHOW TRANSACTION FROM {DATABASE} WHERE label = '{label}'")[0]
    assert dict(zip(old.titles, row))["PreparedTimeoutMs"] == "86400000"
    assert old.txn("rollback", label, "t")["Status"] == "OK"
    assert old.state(label) == "ABORTED"
