"""The loads of a transaction on one table: what enters the pipe, and what does not."""

import time

from rockpool_support import DATABASE
from rockpool_wire import Wire


def test_a_repeated_load_doubles_the_rows(cluster, pair, label):
    """No per-load dedupe: the same body twice is twice the rows."""
    cluster.txn("begin", label, pair)
    for _ in range(2):
        cluster.txn("load", label, pair, "1\ta\n")
    assert cluster.txn("prepare", label, pair)["NumberTotalRows"] == 2
    cluster.txn("commit", label, pair)
    cluster.wait_visible(label)
    assert cluster.rows(pair) == [("1", "a"), ("1", "a")]


def test_a_row_without_its_delimiter_runs_into_the_next_load(standin, cluster, pair, label):
    """CSV chunks enter one pipe: every record, the last too, must end with the row delimiter."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1\ta")
    cluster.txn("load", label, pair, "2\tb\n")
    reply = cluster.txn("prepare", label, pair)
    assert reply["Status"] == "INTERNAL_ERROR" and "too many filtered rows" in reply["Message"]


def test_all_loads_must_carry_identical_parameters(cluster, pair, label):
    """load request not equal last. → rollback."""
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, "1,a\n", column_separator=",")
    reply = cluster.txn("load", label, pair, "1;a\n", column_separator=";")
    assert reply["Status"] != "OK" and "load request not equal last" in reply["Message"]
    assert cluster.state(label) == "ABORTED"


def test_a_wrong_table_is_refused_without_rollback(cluster, table, pair, label):
    """Request table X not equal transaction table Y: INVALID_ARGUMENT, the transaction goes on."""
    other = table("k INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.txn("begin", label, pair)
    reply = cluster.txn("load", label, other, "1\n")
    assert (
        reply["Status"] == "INVALID_ARGUMENT" and "not equal transaction table" in reply["Message"]
    )
    assert cluster.txn("load", label, pair, "1\ta\n")["Status"] == "OK"
    cluster.txn("rollback", label, pair)


def test_bad_rows_show_up_at_prepare(cluster, pair, label):
    """too many filtered rows shows at prepare, as INTERNAL_ERROR, with an ErrorURL; the label is ABORTED."""
    cluster.txn("begin", label, pair)
    assert cluster.txn("load", label, pair, "1\n")["Status"] == "OK"
    reply = cluster.txn("prepare", label, pair)
    assert reply["Status"] == "INTERNAL_ERROR" and "too many filtered rows" in reply["Message"]
    assert reply["NumberFilteredRows"] == 1 and "ErrorURL" in reply
    assert cluster.state(label) == "ABORTED"


def test_enclose_is_ignored_in_transactions(cluster, pair, label):
    """enclose, escape, skip_header and trim_space are not parsed by this handler."""
    cluster.txn("begin", label, pair)
    headers = {"enclose": '"', "escape": "\\", "skip_header": "1", "trim_space": "true"}
    cluster.txn("load", label, pair, '1\t"a"\n', **headers)
    cluster.txn("commit", label, pair)
    cluster.wait_visible(label)
    assert cluster.rows(pair) == [("1", '"a"')]


def test_each_json_load_is_a_text_of_its_own(cluster, pair, label):
    """Each JSON load must be a complete JSON text."""
    headers = {"format": "json", "strip_outer_array": "true"}
    cluster.txn("begin", label, pair)
    cluster.txn("load", label, pair, '[{"k":1}]', **headers)
    cluster.txn("load", label, pair, '[{"k":2},{"k":3}]', **headers)
    assert cluster.txn("prepare", label, pair)["NumberLoadedRows"] == 3
    cluster.txn("commit", label, pair)
    cluster.wait_visible(label)
    assert len(cluster.rows(pair)) == 3


def test_json_sizes_add_up_over_the_transaction(cluster, pair, label):
    """Content-Length adds up against 100 MB: two loads of 60 MB break it, the second before its body."""
    headers = {"db": DATABASE, "table": pair, "label": label, "format": "json"}
    cluster.txn("begin", label, pair)
    body = b'{"k":1}' + b" " * (60 << 20)
    assert (
        cluster.follow("PUT", "/api/transaction/load", headers, body, expect=True)["Status"] == "OK"
    )
    reply = cluster.follow("PUT", "/api/transaction/load", headers, body, expect=True)
    assert "exceed the max size" in reply["Message"]


def test_only_one_load_at_a_time(standin, cluster, pair, label):
    """A concurrent load gets TXN_IN_PROCESSING."""
    cluster.txn("begin", label, pair)
    backend = ("127.0.0.1", standin.ports["be"])
    wire = Wire(backend)
    headers = {"Host": "x", "db": DATABASE, "table": pair, "label": label, "Content-Length": "8"}
    wire.head("PUT", "/api/transaction/load", headers)
    wire.send(b"1\ta\n")
    time.sleep(0.3)
    assert cluster.txn("load", label, pair, "2\tb\n")["Status"] == "TXN_IN_PROCESSING"
    assert cluster.txn("prepare", label, pair)["Status"] == "TXN_IN_PROCESSING"
    wire.send(b"2\tb\n")
    assert wire.read_reply()["Status"] == "OK"
    assert cluster.txn("prepare", label, pair)["NumberTotalRows"] == 2
    cluster.txn("rollback", label, pair)


def test_a_broken_load_may_already_have_added_rows(standin, cluster, pair, label):
    """A connection that breaks half way leaves what had entered the pipe."""
    cluster.txn("begin", label, pair)
    wire = Wire(("127.0.0.1", standin.ports["be"]))
    headers = {"Host": "x", "db": DATABASE, "table": pair, "label": label, "Content-Length": "8"}
    wire.head("PUT", "/api/transaction/load", headers)
    wire.send(b"1\ta\n")
    time.sleep(0.2)
    wire.close()
    time.sleep(0.2)
    cluster.txn("load", label, pair, "1\ta\n2\tb\n")
    assert cluster.txn("prepare", label, pair)["NumberTotalRows"] == 3
    cluster.txn("rollback", label, pair)


def test_a_cut_load_without_a_body_byte_adds_nothing(standin, cluster, pair, label):
    """A backend must not count a cut, empty load as rows."""
    cluster.txn("begin", label, pair)
    wire = Wire(("127.0.0.1", standin.ports["be"]))
    headers = {
        "Host": "x",
        "db": DATABASE,
        "table": pair,
        "label": label,
        "Content-Length": "8",
        "Expect": "100-continue",
    }
    wire.head("PUT", "/api/transaction/load", headers)
    time.sleep(0.2)
    wire.close()
    time.sleep(0.2)
    cluster.txn("load", label, pair, "1\ta\n")
    assert cluster.txn("prepare", label, pair)["NumberTotalRows"] == 1
    cluster.txn("rollback", label, pair)


def test_the_load_handler_of_the_backend_does_not_ask_for_authorization(
    standin, cluster, pair, label
):
    """The backend takes the password from begin; the frontend checks the load."""
    cluster.txn("begin", label, pair)
    headers = {"db": DATABASE, "table": pair, "label": label}
    address = ("127.0.0.1", standin.ports["be"])
    assert (
        cluster.request("PUT", "/api/transaction/load", headers, b"1\ta\n", address, auth=False)[
            "Status"
        ]
        == "OK"
    )
    assert (
        cluster.request(
            "PUT", "/api/transaction/load", headers, b"", auth=False, expect=True
        ).status
        == 401
    )
    cluster.txn("rollback", label, pair)
