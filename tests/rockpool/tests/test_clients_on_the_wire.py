"""What the official clients do on the wire, step by step."""

from rockpool_support import DATABASE
from rockpool_wire import Wire


def test_connections_without_a_byte_are_normal(cluster, pair):
    """The clients open and close an empty TCP connection before nearly every call."""
    for _ in range(20):
        Wire(cluster.fe).close()
    assert cluster.load(pair, "1\ta\n")["Status"] == "Success"


def test_the_backend_hop_of_begin_has_neither_length_nor_encoding(standin, cluster, pair):
    """On the redirected hop there is neither Content-Length nor Transfer-Encoding: an empty body, no waiting."""
    label = cluster.fresh("bare")
    headers = {"db": DATABASE, "table": pair, "label": label, "Connection": "keep-alive"}
    for op in ("begin", "rollback"):
        wire = Wire(("127.0.0.1", standin.ports["be"]), timeout=3)
        wire.head("POST", f"/api/transaction/{op}", {"Host": "x", **cluster.auth(), **headers})
        assert wire.read_reply()["Status"] == "OK"
        wire.close()


def test_a_connection_serves_several_requests(standin, cluster, pair):
    """Backend connections may be kept alive."""
    wire = Wire(("127.0.0.1", standin.ports["be"]))
    for number in range(3):
        body = f"{number}\ta\n".encode()
        headers = {
            "Host": "x",
            **cluster.auth(),
            "Expect": "100-continue",
            "Content-Length": str(len(body)),
        }
        wire.head("PUT", f"/api/{DATABASE}/{pair}/_stream_load", headers)
        assert wire.read_head()[0] == 100
        wire.send(body)
        assert wire.read_reply()["Status"] == "Success"
    wire.close()
    assert len(cluster.rows(pair)) == 3


def test_keep_alive_after_a_query_of_the_label(cluster, pair):
    """get_load_state may be asked several times on one connection."""
    wire = Wire(cluster.leader())
    for _ in range(2):
        wire.head("GET", f"/api/{DATABASE}/get_load_state?label=x", {"Host": "x", **cluster.auth()})
        assert wire.read_reply()["state"] == "UNKNOWN"
    wire.close()


def test_plain_loads_may_carry_db_and_table_headers(cluster, pair):
    """Plain loads also carry db and table headers."""
    target, headers = f"/api/{DATABASE}/{pair}/_stream_load", {"db": DATABASE, "table": pair}
    assert cluster.follow("PUT", target, headers, b"1\ta\n", expect=True)["Status"] == "Success"


def test_flink_sends_ignore_json_size_with_an_array(cluster, table):
    """JSON is one array with strip_outer_array and ignore_json_size; __op stands in the rows."""
    name = table("k INT NOT NULL, v VARCHAR(9)", "PRIMARY KEY(k) DISTRIBUTED BY HASH(k)")
    headers = {"format": "json", "strip_outer_array": "true", "ignore_json_size": "true"}
    assert (
        cluster.load(name, '[{"k":1,"v":"a","__op":0},{"k":2,"v":"b","__op":0}]', **headers)[
            "Status"
        ]
        == "Success"
    )
    assert cluster.load(name, '[{"k":1,"__op":1}]', **headers)["Status"] == "Success"
    assert cluster.rows(name) == [("2", "b")]


def test_a_late_body_behind_a_redirect_does_not_disturb(standin, cluster, pair):
    """A client that sends its body to the frontend all the same gets the 307 and a closed connection."""
    wire = Wire(cluster.fe)
    headers = {"Host": "x", **cluster.auth(), "Expect": "100-continue", "Content-Length": "100000"}
    wire.head("PUT", f"/api/{DATABASE}/{pair}/_stream_load", headers)
    wire.send(b"x" * 100000)
    assert wire.read_reply().status == 307
    wire.close()
    assert cluster.load(pair, "1\ta\n")["Status"] == "Success"


def test_labels_of_flink_are_asked_before_their_first_begin(cluster, pair):
    """{prefix}-{table}-{subtask}-{id}: UNKNOWN before, begin, load, prepare with prepared_timeout, commit."""
    label = cluster.fresh(f"flink-{pair}-0-1")
    assert cluster.state(label) == "UNKNOWN"
    cluster.txn("begin", label, pair, timeout=600)
    cluster.txn("load", label, pair, "1\ta\n", timeout=600)
    assert cluster.txn("prepare", label, pair, prepared_timeout=180)["Status"] == "OK"
    assert cluster.txn("commit", label, pair)["Status"] == "OK"
    cluster.wait_visible(label)
