"""The fate of a label: get_load_state, its memory, SHOW TRANSACTION and information_schema.loads."""

import pytest
from rockpool_support import DATABASE, REAL, Rockpool


def test_get_load_state_has_shape_a(cluster, pair):
    """{"state":"VISIBLE","status":"OK","code":"0","msg":"Success","message":"OK"}"""
    label = cluster.fresh("state")
    cluster.load(pair, "1\ta\n", label=label)
    reply = cluster.follow("GET", f"/api/{DATABASE}/get_load_state?label={label}").json
    assert reply["state"] == "VISIBLE"
    assert (reply["status"], reply["code"], reply["msg"], reply["message"]) == (
        "OK",
        "0",
        "Success",
        "OK",
    )


def test_an_unheard_label_is_unknown(cluster):
    """UNKNOWN: never existed or evicted."""
    assert cluster.state("never_heard_of") == "UNKNOWN"


def test_get_load_state_of_a_wrong_database_fails_with_http_200(cluster):
    """Wrong db: HTTP 200, FAILED, unknown database, database=x; no label: No label selected."""
    reply = cluster.follow("GET", "/api/no_such_db/get_load_state?label=x")
    assert reply.status == 200 and reply["status"] == "FAILED"
    assert "unknown database" in reply["msg"].lower()
    reply = cluster.follow("GET", f"/api/{DATABASE}/get_load_state")
    assert reply["status"] == "FAILED" and "No label selected" in reply["msg"]


def test_get_load_state_needs_credentials(cluster):
    """Without credentials: 401."""
    assert (
        cluster.request("GET", f"/api/{DATABASE}/get_load_state?label=x", auth=False).status == 401
    )


def test_labels_are_unique_per_database(cluster, pair):
    """The same label may be used in another database."""
    other, label = cluster.fresh("db"), cluster.fresh("both")
    cluster.sql(f"CREATE DATABASE {other}")
    cluster.sql(
        f'CREATE TABLE {other}.t (k INT) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) PROPERTIES ("replication_num"="1")'
    )
    assert cluster.load(pair, "1\ta\n", label=label)["Status"] == "Success"
    assert cluster.load("t", "1\n", database=other, label=label)["Status"] == "Success"
    cluster.sql(f"DROP DATABASE {other}")


def test_the_latest_transaction_of_a_label_is_reported(cluster, pair):
    """With several transactions for the label, the one with the largest id is reported."""
    label = cluster.fresh("latest")
    cluster.load(pair, "bad\n", label=label)
    assert cluster.state(label) == "ABORTED"
    cluster.load(pair, "1\ta\n", label=label)
    assert cluster.state(label) == "VISIBLE"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A stand-in with small limits."""
    if REAL:
        pytest.skip("needs limits of its own: a real cluster is named by STARROCKS_FE")
    pool = Rockpool(
        tmp_path_factory.mktemp("narrow"), "--label-keep-max-num", "3", "--max-running-txn", "2"
    )
    yield pool
    pool.stop()


def in_database(pool, name):
    client = pool.client(database=name)
    client.sql(f"CREATE DATABASE {name}", database=None)
    client.sql(
        'CREATE TABLE t (k INT) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) PROPERTIES ("replication_num"="1")'
    )
    return client


def test_the_oldest_finished_labels_are_forgotten_by_count(narrow):
    """label_keep_max_num: oldest finished are dropped regardless of age, running ones are kept."""
    client = in_database(narrow, "forgets")
    client.txn("begin", "open", "t")
    for number in range(4):
        assert client.load("t", "1\n", label=f"l{number}")["Status"] == "Success"
    assert [client.state(f"l{n}") for n in range(4)] == ["UNKNOWN", "UNKNOWN", "VISIBLE", "VISIBLE"]
    assert client.state("open") == "PREPARE"
    assert client.load("t", "1\n", label="l0")["Status"] == "Success"
    assert client.sql("SELECT count(*) FROM t") == [("5",)]


def test_running_transactions_are_limited(narrow):
    """current running txns on db N is M, larger than limit L: each database counts its own."""
    client = in_database(narrow, "limits")
    for number in range(2):
        assert client.txn("begin", f"r{number}", "t")["Status"] == "OK"
    reply = client.load("t", "1\n")
    assert reply["Status"] == "Fail" and "current running txns on db" in reply["Message"]
    client.txn("rollback", "r0", "t")
    assert client.load("t", "1\n")["Status"] == "Success"


def test_show_transaction_tells_label_and_status(cluster, pair):
    """SHOW TRANSACTION FROM db WHERE id=N: Label, TransactionStatus, LoadJobSourceType."""
    label = cluster.fresh("shown")
    number = cluster.load(pair, "1\ta\n", label=label)["TxnId"]
    row = cluster.sql(f"SHOW TRANSACTION FROM {DATABASE} WHERE id={number}")[0]
    found = dict(zip(cluster.titles, row))
    assert (found["Label"], found["TransactionStatus"]) == (label, "VISIBLE")
    assert found["LoadJobSourceType"] == "BACKEND_STREAMING"


def test_information_schema_loads_counts_rows(cluster, pair):
    """information_schema.loads by LABEL: STATE FINISHED, SCAN_ROWS, SINK_ROWS, FILTERED_ROWS."""
    label = cluster.fresh("loads")
    cluster.load(pair, "1\ta\n2\tb\nbad\n", label=label, max_filter_ratio="0.5")
    found = cluster.sql(
        f"SELECT STATE, SCAN_ROWS, SINK_ROWS, FILTERED_ROWS FROM information_schema.loads WHERE LABEL = '{label}'"
    )
    assert found[0][0] == "FINISHED"
    assert found[0][2:] == ("2", "1")


def test_frontend_config_tells_the_retention(cluster):
    """ADMIN SHOW FRONTEND CONFIG LIKE 'label_keep_max_num'."""
    row = cluster.sql("ADMIN SHOW FRONTEND CONFIG LIKE 'label_keep_max_num'")[0]
    assert row[0] == "label_keep_max_num" and int(row[2]) > 0
