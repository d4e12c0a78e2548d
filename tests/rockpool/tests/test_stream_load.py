"""Plain Stream Load: the frontend's redirect, the backend's checks and replies."""

import base64
import urllib.request

from rockpool_support import DATABASE

KEYS = [
    "TxnId",
    "Label",
    "Status",
    "Message",
    "NumberTotalRows",
    "NumberLoadedRows",
    "NumberFilteredRows",
    "NumberUnselectedRows",
    "LoadBytes",
    "LoadTimeMs",
    "BeginTxnTimeMs",
    "StreamLoadPlanTimeMs",
    "ReadDataTimeMs",
    "WriteDataTimeMs",
    "CommitAndPublishTimeMs",
]


def target(name):
    return f"/api/{DATABASE}/{name}/_stream_load"


def backend_of(cluster, name):
    reply = cluster.request("PUT", target(name), expect=True, body=b"")
    host, _, port = reply.headers["location"].removeprefix("http://").split("/")[0].partition(":")
    return host, int(port)


# ---- the frontend


def test_a_load_without_expect_is_refused_with_http_200_and_shape_b(cluster, pair):
    """For HTTP ≥ 1.1 without Expect: HTTP 200, Status FAILED, 'There is no 100-continue header'."""
    reply = cluster.request("PUT", target(pair), body=b"1\ta\n")
    assert reply.status == 200
    assert reply["Status"] == "FAILED"
    assert "There is no 100-continue header" in reply["Message"]


def test_the_frontend_answers_307_without_credentials_in_the_location(cluster, pair):
    """307, Location http://host:port with the same path and query, no user:password in it."""
    reply = cluster.request("PUT", target(pair) + "?x=1", expect=True, body=b"")
    assert reply.status == 307
    location = reply.headers["location"]
    assert location.startswith("http://") and location.endswith(target(pair) + "?x=1")
    assert "@" not in location


def test_the_frontend_closes_after_the_redirect_and_never_asks_for_the_body(standin, cluster, pair):
    """The body is never read at the frontend: no 100 Continue, and the connection is closed."""
    from rockpool_wire import Wire

    wire = Wire(cluster.fe)
    headers = {"Host": "x", **cluster.auth(), "Expect": "100-continue", "Content-Length": "5"}
    wire.head("PUT", target(pair), headers)
    reply = wire.read_reply()
    assert reply.status == 307 and not reply.continued
    assert reply.headers.get("connection") == "close"
    assert wire.at_end()


def test_http_1_0_requests_need_no_expect(cluster, pair):
    """HTTP/1.0 requests are exempt from the Expect check."""
    from rockpool_wire import Wire

    wire = Wire(cluster.fe)
    wire.head("PUT", target(pair), {"Host": "x", **cluster.auth()}, version="1.0")
    assert wire.read_head()[0] == 307


def test_missing_credentials_are_401_with_an_empty_realm(cluster, pair):
    """Missing credentials at the frontend: 401 and WWW-Authenticate: Basic realm=\"\", shape A."""
    reply = cluster.request("PUT", target(pair), expect=True, auth=False, body=b"")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Basic realm=""'
    assert reply["status"] == "FAILED"


def test_a_wrong_password_is_401(cluster, pair):
    """Bad credentials at the frontend: 401."""
    token = base64.b64encode(b"root:wrong").decode()
    reply = cluster.request(
        "PUT", target(pair), {"Authorization": f"Basic {token}"}, auth=False, expect=True, body=b""
    )
    assert reply.status == 401


def test_a_user_without_insert_is_denied_at_the_frontend(standin, cluster, pair):
    """INSERT on the table is needed; 'Access denied' raised on the frontend is 401, shape A."""
    reader = standin.client("reader", "secret")
    reply = reader.request("PUT", target(pair), expect=True, body=b"")
    assert reply.status == 401
    assert "INSERT privilege" in reply["message"]


def test_a_user_with_insert_only_may_load(standin, cluster, pair):
    """Passwords with blanks work in Basic authorization, at the frontend and again at the backend."""
    writer = standin.client("writer", "pass word")
    assert writer.load(pair, "1\ta\n")["Status"] == "Success"


# ---- the backend


def test_the_backend_sends_100_continue_after_its_header_checks(cluster, pair):
    """The backend sends 100 Continue only if the header checks pass."""
    reply = cluster.request(
        "PUT", target(pair), body=b"1\ta\n", address=backend_of(cluster, pair), expect=True
    )
    assert reply.continued and reply["Status"] == "Success"


def test_the_backend_replies_at_once_when_a_header_is_wrong(cluster, pair):
    """If checks fail it replies with the error JSON at once and does not read the body."""
    reply = cluster.request(
        "PUT",
        target(pair),
        {"format": "xml", "Content-Length": "1000"},
        body=b"",
        address=backend_of(cluster, pair),
        expect=True,
    )
    assert not reply.continued
    assert reply["Status"] == "Fail" and reply["Message"] == "unknown data format, format=xml"
    assert reply["TxnId"] == -1


def test_expect_is_optional_at_the_backend(cluster, pair):
    """When talking to the backend directly, Expect is optional."""
    reply = cluster.request("PUT", target(pair), body=b"1\ta\n", address=backend_of(cluster, pair))
    assert reply["Status"] == "Success"


def test_the_backend_requires_authorization_again(cluster, pair):
    """Without Authorization the backend says Fail, 'no valid Basic authorization', with HTTP 200."""
    reply = cluster.request(
        "PUT", target(pair), body=b"1\ta\n", address=backend_of(cluster, pair), auth=False
    )
    assert reply.status == 200
    assert reply["Status"] == "Fail" and "no valid Basic authorization" in reply["Message"]


def test_an_unknown_path_on_the_backend_is_404(cluster, pair):
    """Unknown path on a backend: 404 Not Found; get_load_state is one of them."""
    address = backend_of(cluster, pair)
    assert cluster.request("GET", "/api/nothing", address=address).status == 404
    assert (
        cluster.request("GET", f"/api/{DATABASE}/get_load_state?label=x", address=address).status
        == 404
    )


def test_a_successful_load_replies_with_all_keys_in_order(cluster, pair):
    """The fields of the reply, in the order of emission, pretty-printed."""
    label = cluster.fresh("ok")
    reply = cluster.load(pair, "1\ta\n2\tb\n", label=label)
    assert list(reply) == KEYS
    assert reply["Status"] == "Success" and reply["Message"] == "OK" and reply["Label"] == label
    assert (reply["NumberTotalRows"], reply["NumberLoadedRows"], reply["LoadBytes"]) == (2, 2, 8)
    assert cluster.rows(pair) == [("1", "a"), ("2", "b")]


def test_a_load_is_readable_as_soon_as_success_is_out(cluster, pair):
    """Success means visible: a SELECT on the leader finds the rows at once."""
    for number in range(5):
        cluster.load(pair, f"{number}\tx\n")
        assert cluster.sql(f"SELECT count(*) FROM {pair}") == [(str(number + 1),)]


def test_without_a_label_the_backend_makes_one(cluster, pair):
    """If label is absent the backend generates a UUID."""
    assert len(cluster.load(pair, "1\ta\n")["Label"]) >= 32


def test_chunked_bodies_are_read(cluster, pair):
    """A body may come chunked instead of with a Content-Length."""
    body = b"4\r\n1\ta\n\r\n4\r\n2\tb\n\r\n0\r\n\r\n"
    reply = cluster.request(
        "PUT",
        target(pair),
        {"Transfer-Encoding": "chunked"},
        body,
        backend_of(cluster, pair),
        expect=True,
    )
    assert reply["NumberLoadedRows"] == 2


def test_an_invalid_timeout_is_refused(cluster, pair):
    """timeout must parse: 'Invalid timeout format'."""
    reply = cluster.load(pair, "1\ta\n", timeout="soon")
    assert reply["Status"] == "Fail" and "Invalid timeout" in reply["Message"]


def test_a_bad_label_is_refused_with_its_pattern(cluster, pair):
    """Label format error. regex: ^[-\\w]{1,128}$"""
    reply = cluster.load(pair, "1\ta\n", label="with blank")
    assert reply["Status"] == "Fail" and "Label format error" in reply["Message"]
    assert cluster.load(pair, "1\ta\n", label="l" * 129)["Status"] == "Fail"
    assert cluster.load(pair, "1\ta\n", label="-" + cluster.fresh("x"))["Status"] == "Success"


def test_unknown_databases_and_tables_are_named(cluster, pair):
    """`unknown database, database=x` and `unknown table "db.tbl"`, permanent."""
    reply = cluster.load("nothing", "1\n")
    assert reply["Status"] == "Fail" and "unknown table" in reply["Message"].lower()
    reply = cluster.load(pair, "1\n", database="no_such_database")
    assert reply["Status"] == "Fail" and "unknown database" in reply["Message"].lower()


def test_an_empty_load_is_an_error(cluster, pair):
    """empty_load_as_error is true: 'all partitions have no load data'."""
    reply = cluster.load(pair, "")
    assert reply["Status"] == "Fail" and "all partitions have no load data" in reply["Message"]


def test_a_cut_body_loads_nothing_and_frees_the_label(standin, cluster, pair):
    """A connection cut in the middle of the body: no rows, the transaction ends ABORTED."""
    import time

    from rockpool_wire import Wire

    label = cluster.fresh("cut")
    wire = Wire(backend_of(cluster, pair))
    wire.head(
        "PUT",
        target(pair),
        {"Host": "x", **cluster.auth(), "label": label, "Content-Length": "1000"},
    )
    wire.send(b"1\ta\n")
    time.sleep(0.3)
    wire.close()
    for _ in range(50):
        if cluster.state(label) == "ABORTED":
            break
        time.sleep(0.1)
    assert cluster.state(label) == "ABORTED"
    assert cluster.rows(pair) == []
    assert cluster.load(pair, "1\ta\n", label=label)["Status"] == "Success"


# ---- labels


def test_a_used_label_is_refused_with_the_state_of_its_job(cluster, pair):
    """Label Already Exists with ExistingJobStatus FINISHED and TxnId -1."""
    label = cluster.fresh("twice")
    assert cluster.load(pair, "1\ta\n", label=label)["Status"] == "Success"
    reply = cluster.load(pair, "1\ta\n", label=label)
    assert reply["Status"] == "Label Already Exists" and reply["ExistingJobStatus"] == "FINISHED"
    assert reply["Message"] == f"Label [{label}] has already been used."
    assert reply["TxnId"] == -1
    assert len(cluster.rows(pair)) == 1


def test_a_label_in_preparation_is_running(cluster, pair):
    """ExistingJobStatus RUNNING for PREPARE and PREPARED."""
    label = cluster.fresh("running")
    cluster.txn("begin", label, pair)
    reply = cluster.load(pair, "1\ta\n", label=label)
    assert reply["Status"] == "Label Already Exists" and reply["ExistingJobStatus"] == "RUNNING"
    cluster.txn("rollback", label, pair)


def test_the_label_of_an_aborted_load_may_be_used_again(cluster, pair):
    """A label whose transaction is ABORTED may be used again."""
    label = cluster.fresh("again")
    assert cluster.load(pair, "x\ta\nbad\n", label=label, strict_mode="true")["Status"] == "Fail"
    assert cluster.state(label) == "ABORTED"
    assert cluster.load(pair, "1\ta\n", label=label)["Status"] == "Success"
    assert cluster.state(label) == "VISIBLE"


# ---- filtered rows


def test_filtered_rows_fail_the_load_at_ratio_0(cluster, pair):
    """too many filtered rows: filtered / (total − unselected) > max_filter_ratio, nothing is loaded."""
    reply = cluster.load(pair, "1\ta\n2\n", strict_mode="true")
    assert reply["Status"] == "Fail" and "too many filtered rows" in reply["Message"]
    assert (reply["NumberTotalRows"], reply["NumberFilteredRows"]) == (2, 1)
    assert cluster.rows(pair) == []


def test_max_filter_ratio_lets_the_good_rows_in(cluster, pair):
    """The ratio is a share of the rows: one bad row of two passes at 0.5, not at 0.49."""
    assert cluster.load(pair, "1\ta\n2\n", max_filter_ratio="0.49")["Status"] == "Fail"
    reply = cluster.load(pair, "1\ta\n2\n", max_filter_ratio="0.5")
    assert reply["Status"] == "Success" and reply["NumberFilteredRows"] == 1
    assert cluster.rows(pair) == [("1", "a")]


def test_the_error_url_tells_reason_and_row_without_credentials(cluster, pair):
    """ErrorURL is served by the backend, fetched without credentials: reason and row."""
    reply = cluster.load(pair, "1\ta\n2\n")
    assert "/api/_load_error_log?file=error_log_" in reply["ErrorURL"]
    with urllib.request.urlopen(reply["ErrorURL"], timeout=10) as answer:
        text = answer.read().decode()
    assert "Target column count: 2 doesn't match source value column count: 1" in text
    assert "Row: 2" in text


def test_the_error_log_keeps_fifty_rows_and_counts_all(standin, cluster, pair):
    """At most 50 rows are reported; all are counted."""
    reply = cluster.load(pair, "x\n" * 80)
    assert reply["NumberFilteredRows"] == 80
    with urllib.request.urlopen(reply["ErrorURL"], timeout=10) as answer:
        assert len(answer.read().splitlines()) == 50
