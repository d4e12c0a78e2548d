"""Each fault over the wire: the answer (or its absence), and the state afterwards.

A test is named after the fault that it drives; test_fault_registry.py insists that none is missing.
"""

import concurrent.futures
import time

import pytest
from rockpool_admin import Admin
from rockpool_support import DATABASE, REAL, Rockpool

MULTI = {"transaction_type": "multi"}
ROW = "1\ta\n"
HERE = [("1", "a")]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    if REAL:
        pytest.skip("faults are the stand-in's: a real cluster is named by STARROCKS_FE")
    found = Rockpool(tmp_path_factory.mktemp("faults"), "--followers", "1", "--tick", "0.2")
    found.client().sql(f"CREATE DATABASE {DATABASE}", database=None)
    yield found
    found.stop()


class World:
    """A client, the admin port, a label and a table that are the test's own."""

    def __init__(self, pool):
        self.pool = pool
        self.connect()
        self.label = self.client.fresh("fault")
        self.table = self.new_table()

    def connect(self):
        self.client = self.pool.client()
        self.admin = Admin(self.client)

    def new_table(self):
        name = self.client.fresh("t")
        self.client.sql(
            f"CREATE TABLE {name} (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) "
            'PROPERTIES ("replication_num"="1")'
        )
        return name

    def plain(self, body=ROW, **headers):
        return self.client.load(self.table, body, label=self.label, **headers)

    def txn(self, op, body=None, **headers):
        return self.client.txn(op, self.label, self.table, body, **headers)

    def begun(self, **headers):
        """A transaction with one row loaded."""
        assert self.txn("begin", timeout=60, **headers)["Status"] == "OK"
        assert self.txn("load", ROW, **headers)["Status"] == "OK"

    def prepared(self):
        self.begun()
        assert self.txn("prepare")["Status"] == "OK"

    def is_now(self, state, rows=()):
        assert (self.state, self.rows) == (state, list(rows))

    @property
    def state(self):
        return self.client.state(self.label)

    @property
    def rows(self):
        return self.client.rows(self.table)

    def published(self, rows=HERE):
        """COMMITTED until the wait for its publish is ended."""
        assert self.state == "COMMITTED"
        self.admin.arm("publish_now", label=self.label)
        self.is_now("VISIBLE", rows)

    def bit(self, number, times=1):
        assert self.admin.hits(number) == times


@pytest.fixture
def world(pool):
    found = World(pool)
    yield found
    found.admin.disarm()
    left = found.admin.open()
    for label in left:
        cancel(found, label)
    found.client.close()
    assert left == {}


def cancel(world, label):
    target = f"/api/{DATABASE}/_cancel?label={label}"
    return world.client.follow("POST", target, {"Content-Length": "0"})


def no_answer(function, *arguments, **headers):
    with pytest.raises(ConnectionError):
        function(*arguments, **headers)


# ---- connections


@pytest.mark.parametrize("op", ["begin", "load", "prepare", "commit", "rollback"])
def test_drop_before_leaves_a_transaction_as_it_was(world, op):
    """No answer; the transaction is as before, and the same call done again succeeds."""
    if op != "begin":
        assert world.txn("begin")["Status"] == "OK"
    if op not in ("begin", "load"):
        assert world.txn("load", ROW)["Status"] == "OK"
    number = world.admin.arm("drop_before", operation=op, label=world.label)
    body = ROW if op == "load" else None
    no_answer(world.txn, op, body)
    world.bit(number)
    world.is_now("UNKNOWN" if op == "begin" else "PREPARE")
    assert world.txn(op, body)["Status"] == "OK"
    if op in ("begin", "load"):
        assert world.txn("load", ROW)["Status"] == "OK"
    if op != "rollback":
        assert world.txn("commit")["Status"] == "OK"
    rows = {"load": 2, "rollback": 0}.get(op, 1)
    world.is_now("ABORTED" if op == "rollback" else "VISIBLE", HERE * rows)


def test_drop_before_of_a_plain_load_begins_nothing(world):
    """No 100 Continue, no answer, no label; the load done again succeeds."""
    world.admin.arm("drop_before", operation="stream_load", table=world.table)
    no_answer(world.plain)
    world.is_now("UNKNOWN")
    assert world.plain()["Status"] == "Success"
    world.is_now("VISIBLE", HERE)


def test_drop_before_of_get_load_state_and_cancel_changes_nothing(world):
    """A poll without an answer; a cancel without an effect."""
    world.begun()
    world.admin.arm("drop_before", operation=["get_load_state", "cancel"], count=2)
    no_answer(cancel, world, world.label)
    no_answer(world.client.state, world.label)
    assert world.state == "PREPARE"
    assert cancel(world, world.label)["status"] == "OK"
    world.is_now("ABORTED")


def test_drop_before_of_a_query_ends_its_connection(world):
    """The MySQL connection goes; a fresh one works."""
    world.plain()
    world.client.sql("SELECT 1")
    number = world.admin.arm("drop_before", operation="sql", database=DATABASE)
    with pytest.raises(Exception, match="Lost connection|not connected|closed"):
        world.client.sql(f"SELECT * FROM {world.table}", database=None)
    world.bit(number)
    world.connect()
    assert world.rows == HERE


def test_drop_after_body_of_a_plain_load_aborts_it(world):
    """The body was sent, no answer comes, the label is ABORTED and reusable."""
    world.admin.arm("drop_after_body", operation="stream_load", label=world.label)
    no_answer(world.plain)
    world.is_now("ABORTED")
    assert world.plain()["Status"] == "Success"
    world.is_now("VISIBLE", HERE)


def test_drop_after_body_of_a_transaction_load_keeps_nothing_of_it(world):
    """The pipe lacks that load, the transaction is open still."""
    world.begun()
    world.admin.arm("drop_after_body", operation="load")
    no_answer(world.txn, "load", "2\tb\n")
    assert world.state == "PREPARE"
    assert world.txn("commit")["NumberTotalRows"] == 1
    world.is_now("VISIBLE", HERE)


def test_drop_reply_of_a_plain_load_has_committed_it(world):
    """Committed, no answer; the same label again says Label Already Exists, FINISHED."""
    number = world.admin.arm("drop_reply", operation="stream_load")
    no_answer(world.plain)
    world.bit(number)
    world.is_now("VISIBLE", HERE)
    reply = world.plain()
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("Label Already Exists", "FINISHED")
    world.is_now("VISIBLE", HERE)


def test_drop_reply_of_begin_leaves_an_open_label(world):
    """begin again is LABEL_ALREADY_EXISTS; rollback, then begin, works."""
    world.admin.arm("drop_reply", operation="begin")
    no_answer(world.txn, "begin")
    assert world.state == "PREPARE"
    assert world.txn("begin")["Status"] == "LABEL_ALREADY_EXISTS"
    assert world.txn("rollback")["Status"] == "OK"
    world.begun()
    assert world.txn("commit")["Status"] == "OK"
    world.is_now("VISIBLE", HERE)


def test_drop_reply_of_a_load_has_added_its_rows(world):
    """A load whose answer was lost is in the pipe: doing it again doubles the row."""
    assert world.txn("begin")["Status"] == "OK"
    world.admin.arm("drop_reply", operation="load")
    no_answer(world.txn, "load", ROW)
    assert world.txn("load", ROW)["Status"] == "OK"
    assert world.txn("commit")["NumberTotalRows"] == 2
    world.is_now("VISIBLE", HERE * 2)


def test_drop_reply_of_prepare_and_commit_have_their_effect(world):
    """prepare: PREPARED, a second one TXN_NOT_EXISTS; commit: VISIBLE, a second one OK, already."""
    world.begun()
    numbers = [world.admin.arm("drop_reply", operation=op) for op in ("prepare", "commit")]
    no_answer(world.txn, "prepare")
    world.is_now("PREPARED")
    assert world.txn("prepare")["Status"] == "TXN_NOT_EXISTS"
    no_answer(world.txn, "commit")
    world.is_now("VISIBLE", HERE)
    assert "has already committed" in world.txn("commit")["Message"]
    for number in numbers:
        world.bit(number)
    world.is_now("VISIBLE", HERE)


def test_drop_reply_of_a_multi_commit_has_committed_all_tables(world):
    """Both tables are visible; the commit again is OK, already; rollback is refused."""
    world.begun(**MULTI)
    other = world.new_table()
    world.client.txn("load", world.label, other, "2\tb\n", **MULTI)
    number = world.admin.arm("drop_reply", operation="commit", multi=True, table=other)
    no_answer(world.txn, "commit", **MULTI)
    world.bit(number)
    world.is_now("VISIBLE", HERE)
    assert world.client.rows(other) == [("2", "b")]
    assert "has already committed" in world.txn("commit", **MULTI)["Message"]
    assert world.txn("rollback", **MULTI)["Status"] == "FAILED"


def test_delay_holds_one_operation_and_no_other(world):
    """The commit waits before it acts: its label is PREPARED meanwhile, and others are served."""
    world.prepared()
    number = world.admin.arm("delay", operation="commit", label=world.label, seconds=60)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        commit = threads.submit(world.txn, "commit")
        _until(lambda: world.admin.hits(number))
        world.is_now("PREPARED")
        assert world.client.load(world.new_table(), ROW)["Status"] == "Success"
        assert not commit.done()
        world.admin.disarm(number)
        assert commit.result(10)["Status"] == "OK"
    world.is_now("VISIBLE", HERE)


def test_delay_after_the_effect_and_of_a_query(world):
    """point after: the state is there before the answer; sql: the query waits."""
    number = world.admin.arm("delay", operation="stream_load", point="after", seconds=60)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        load = threads.submit(world.plain)
        _until(lambda: world.state == "VISIBLE")
        assert world.rows == HERE and not load.done()
        world.admin.disarm(number)
        assert load.result(10)["Status"] == "Success"
    world.admin.arm("delay", operation="sql", seconds=0.3)
    began = time.monotonic()
    world.client.sql("SELECT 1", database=None)
    assert time.monotonic() - began >= 0.3


# ---- wrong and hard answers


@pytest.mark.parametrize("op", ["load", "prepare", "commit", "rollback"])
def test_in_processing_n_times_then_done(world, op):
    """TXN_IN_PROCESSING twice with nothing done, then the call does its work."""
    world.begun()
    number = world.admin.arm("in_processing", operation=op, label=world.label, count=2)
    body = "2\tb\n" if op == "load" else None
    for _ in range(2):
        assert world.txn(op, body)["Status"] == "TXN_IN_PROCESSING"
        world.is_now("PREPARE")
    assert world.txn(op, body)["Status"] == "OK"
    world.bit(number, 2)
    if op in ("load", "prepare"):
        assert world.txn("commit")["Status"] == "OK"
    wanted = {"load": [*HERE, ("2", "b")], "rollback": []}.get(op, HERE)
    world.is_now("ABORTED" if op == "rollback" else "VISIBLE", wanted)


def test_lock_timeout_leaves_prepared_and_multi_as_they_were(world):
    """FAILED get database write lock timeout; the same commit again succeeds."""
    world.prepared()
    world.admin.arm("lock_timeout", count=1)
    reply = world.txn("commit")
    assert reply["Status"] == "FAILED" and "get database write lock timeout" in reply["Message"]
    world.is_now("PREPARED")
    assert world.txn("commit")["Status"] == "OK"
    world.is_now("VISIBLE", HERE)
    world.label = world.client.fresh("multi")
    world.begun(**MULTI)
    world.admin.arm("lock_timeout")
    assert "write lock timeout" in world.txn("commit", **MULTI)["Message"]
    world.is_now("PREPARE", HERE)
    assert world.txn("commit", **MULTI)["Status"] == "OK"
    world.is_now("VISIBLE", HERE * 2)


def test_running_limit_refuses_to_begin(world):
    """Plain, begin and a multi transaction's first load: nothing is begun; later it works."""
    number = world.admin.arm("running_limit", count=3)
    reply = world.plain()
    assert reply["Status"] == "Fail" and "current running txns on db" in reply["Message"]
    reply = world.txn("begin")
    assert reply["Status"] == "INTERNAL_ERROR" and "larger than limit 0" in reply["Message"]
    assert world.txn("begin", timeout=60, **MULTI)["Status"] == "OK"
    assert "current running txns" in world.txn("load", ROW, **MULTI)["Message"]
    world.bit(number, 3)
    world.is_now("UNKNOWN")
    assert world.txn("rollback", **MULTI)["Status"] == "OK"
    assert world.plain()["Status"] == "Success"
    world.is_now("VISIBLE", HERE)


def test_used_label_fails_instead_of_label_already_exists(world):
    """Fail, INTERNAL_ERROR or FAILED with 'has already been used'; the label is what it was."""
    assert world.plain()["Status"] == "Success"
    number = world.admin.arm("used_label_fails", count=3)
    reply = world.plain()
    assert reply["Status"] == "Fail" and "ExistingJobStatus" not in reply
    assert "has already been used" in reply["Message"]
    for headers, status in (({}, "INTERNAL_ERROR"), (MULTI, "FAILED")):
        reply = world.txn("begin", **headers)
        assert reply["Status"] == status and "has already been used" in reply["Message"]
    world.bit(number, 3)
    world.is_now("VISIBLE", HERE)
    assert world.plain()["Status"] == "Label Already Exists"


@pytest.mark.parametrize("how", ["plain", "prepare", "commit", "multi"])
def test_too_many_versions_rolls_back(world, how):
    """The write fails, the label is ABORTED and may be used again."""
    number = world.admin.arm("too_many_versions", table=world.table)
    headers = MULTI if how == "multi" else {}
    if how == "plain":
        reply = world.plain()
    else:
        world.begun(**headers)
        reply = world.txn("commit" if how == "multi" else how, **headers)
    wanted = {"plain": "Fail", "multi": "FAILED"}.get(how, "INTERNAL_ERROR")
    assert reply["Status"] == wanted and "too many versions" in reply["Message"]
    world.bit(number)
    world.is_now("ABORTED")
    assert world.plain()["Status"] == "Success"
    world.is_now("VISIBLE", HERE)


# ---- publish


def test_publish_timeout_of_a_plain_load_is_committed(world):
    """Publish Timeout at once; COMMITTED without rows, then VISIBLE; the label stays taken."""
    world.admin.arm("publish_timeout", operation="stream_load", seconds=600)
    reply = world.plain()
    assert reply["Status"] == "Publish Timeout" and reply["NumberLoadedRows"] == 1
    world.is_now("COMMITTED")
    again = world.plain()
    assert (again["Status"], again["ExistingJobStatus"]) == ("Label Already Exists", "FINISHED")
    world.published()


def test_publish_timeout_of_prepared_is_failed_though_committed(world):
    """FAILED 'publish timeout: 20000' as after the wait of 20 s; COMMITTED; commit again is OK."""
    world.prepared()
    world.admin.arm("publish_timeout", operation="commit", seconds=600)
    reply = world.txn("commit")
    assert reply["Status"] == "FAILED" and reply["Message"].endswith(": publish timeout: 20000")
    world.is_now("COMMITTED")
    assert "has already committed" in world.txn("commit")["Message"]
    reply = world.txn("rollback")
    assert reply["Status"] == "FAILED" and "Can not abort COMMITTED" in reply["Message"]
    world.published()


def test_publish_timeout_at_the_backend_and_of_multi(world):
    """A commit without prepare says PUBLISH_TIMEOUT, a multi commit OK; both are COMMITTED."""
    world.begun()
    world.admin.arm("publish_timeout", count=2, seconds=600)
    assert world.txn("commit")["Status"] == "PUBLISH_TIMEOUT"
    world.is_now("COMMITTED")
    world.published()
    world.label = world.client.fresh("multi")
    world.begun(**MULTI)
    assert world.txn("commit", **MULTI)["Status"] == "OK"
    world.is_now("COMMITTED", HERE)
    reply = world.txn("rollback", **MULTI)
    assert reply["Status"] == "FAILED" and "Can not abort COMMITTED" in reply["Message"]
    world.published(HERE * 2)


def test_slow_publish_is_waited_for(world):
    """A plain load and a prepared commit wait, then say Success and OK."""
    world.admin.arm("slow_publish", count=2, seconds=0.3)
    began = time.monotonic()
    assert world.plain()["Status"] == "Success"
    assert time.monotonic() - began >= 0.3
    world.is_now("VISIBLE", HERE)
    world.label = world.client.fresh("prepared")
    world.prepared()
    began = time.monotonic()
    assert world.txn("commit")["Status"] == "OK"
    assert time.monotonic() - began >= 0.3
    world.is_now("VISIBLE", HERE * 2)


def test_slow_publish_beyond_the_wait_of_a_commit(world):
    """Header timeout 1: FAILED 'publish timeout: 1000' after one second; visible later."""
    world.prepared()
    world.admin.arm("slow_publish", seconds=600)
    began = time.monotonic()
    reply = world.txn("commit", timeout=1)
    assert time.monotonic() - began >= 1
    assert reply["Status"] == "FAILED" and reply["Message"].endswith(": publish timeout: 1000")
    world.is_now("COMMITTED")
    world.published()


def test_slow_publish_holds_later_commits_to_the_table(world):
    """multi: OK while COMMITTED; a later commit to its table is not visible before it."""
    other = World(world.pool)
    world.begun(**MULTI)
    number = world.admin.arm("slow_publish", operation="commit", seconds=600)
    assert world.txn("commit", **MULTI)["Status"] == "OK"
    world.bit(number)
    assert other.plain()["Status"] == "Success"
    other.is_now("VISIBLE", HERE)
    other.table, other.label = world.table, world.client.fresh("later")
    other.begun(**MULTI)
    assert other.txn("commit", **MULTI)["Status"] == "OK"
    other.is_now("COMMITTED")
    world.admin.arm("publish_now", label=other.label)
    other.is_now("COMMITTED")
    world.published(HERE * 2)
    other.is_now("VISIBLE", HERE * 2)


def test_publish_now_of_one_label(world):
    """Only that label becomes visible."""
    other = World(world.pool)
    world.admin.arm("publish_timeout", count=2, seconds=600)
    for one in (world, other):
        assert one.plain()["Status"] == "Publish Timeout"
    world.published()
    other.is_now("COMMITTED")
    other.published()


@pytest.mark.parametrize("outcome", ["committed", "aborted", "open"])
@pytest.mark.parametrize("how", ["plain", "backend", "prepared", "multi"])
def test_status_unknown_with_and_without_commit(world, how, outcome):
    """The answer is the same; the label tells the truth."""
    headers = MULTI if how == "multi" else {}
    if how == "prepared":
        world.prepared()
    elif how != "plain":
        world.begun(**headers)
    number = world.admin.arm("status_unknown", outcome=outcome, label=world.label)
    reply = world.plain() if how == "plain" else world.txn("commit", **headers)
    wanted = {"plain": "Fail", "backend": "INTERNAL_ERROR"}.get(how, "FAILED")
    assert reply["Status"] == wanted
    assert "Transaction status unknown, you can retry with same label" in reply["Message"]
    world.bit(number)
    is_open = "PREPARED" if how == "prepared" else "PREPARE"
    state = {"committed": "VISIBLE", "aborted": "ABORTED", "open": is_open}[outcome]
    world.is_now(state, HERE if outcome == "committed" else ())
    if outcome == "open":
        assert world.admin.open() == {world.label: is_open}
        assert cancel(world, world.label)["status"] == "OK"
        world.is_now("ABORTED")


# ---- the fate of a label


def test_open_multi_hidden_from_get_load_state(world):
    """UNKNOWN while it is open, and only then; the transaction is there all the time."""
    world.begun(**MULTI)
    number = world.admin.arm("open_multi_hidden", count=None)
    world.is_now("UNKNOWN")
    assert world.admin.open() == {world.label: "PREPARE"}
    assert world.txn("commit", **MULTI)["Status"] == "OK"
    world.is_now("VISIBLE", HERE)
    world.bit(number)


def test_state_unknown_of_a_label_that_exists(world):
    """UNKNOWN for a VISIBLE label; the label is taken all the same."""
    world.plain()
    world.admin.arm("state_unknown", label=world.label)
    world.is_now("UNKNOWN", HERE)
    assert world.plain()["Status"] == "Label Already Exists"
    world.is_now("VISIBLE", HERE)


def test_prepared_expires_for_one_label(world):
    """That label is ABORTED and its commit refused; another PREPARED one commits."""
    other = World(world.pool)
    for one in (world, other):
        one.prepared()
    world.admin.arm("prepared_expires", label=world.label, database=DATABASE)
    world.is_now("ABORTED")
    reply = world.txn("commit")
    assert reply["Status"] == "FAILED" and "Can not commit ABORTED" in reply["Message"]
    asked = f"/api/{DATABASE}/get_load_state?label={world.label}"
    assert "prepared transaction timeout" in world.client.follow("GET", asked)["reason"]
    other.is_now("PREPARED")
    assert other.txn("commit")["Status"] == "OK"
    other.is_now("VISIBLE", HERE)
    world.is_now("ABORTED")


def test_prepared_expires_just_before_its_commit(world):
    """Armed for the operation: the commit itself meets the ABORTED transaction."""
    world.prepared()
    number = world.admin.arm("prepared_expires", operation="commit", label=world.label)
    world.is_now("PREPARED")
    assert "Can not commit ABORTED transaction" in world.txn("commit")["Message"]
    world.bit(number)
    world.is_now("ABORTED")


def test_label_forgotten_of_one_label(world):
    """UNKNOWN, rows stay, the label is free again; an open label is not forgotten."""
    world.plain()
    other = World(world.pool)
    other.begun()
    for label in (world.label, other.label):
        world.admin.arm("label_forgotten", label=label)
    world.is_now("UNKNOWN", HERE)
    other.is_now("PREPARE")
    assert other.txn("rollback")["Status"] == "OK"
    assert world.plain()["Status"] == "Success"
    world.is_now("VISIBLE", HERE * 2)


def test_label_forgotten_of_a_multi_transaction_after_its_commit(world):
    """The commit's answer is lost, then the label: commit again finds no task."""
    world.begun(**MULTI)
    world.admin.arm("label_forgotten", operation="commit", point="after")
    world.admin.arm("drop_reply", operation="commit")
    no_answer(world.txn, "commit", **MULTI)
    assert "does not exist" in world.txn("commit", **MULTI)["Message"]
    world.is_now("UNKNOWN", HERE)


def test_labels_evicted_by_count(world):
    """Only the newest are remembered; running ones are kept."""
    old = World(world.pool)
    for one in (old, world):
        one.plain()
    running = World(world.pool)
    running.begun()
    world.admin.arm("labels_evicted", database=DATABASE, keep=1)
    old.is_now("UNKNOWN", HERE)
    world.is_now("VISIBLE", HERE)
    running.is_now("PREPARE")
    assert running.txn("rollback")["Status"] == "OK"


# ---- restarts


def test_backend_restart_loses_prepare_and_keeps_prepared(world):
    """PREPARE, single and multi, is ABORTED; PREPARED commits."""
    prepared, multi = World(world.pool), World(world.pool)
    world.begun()
    prepared.prepared()
    multi.begun(**MULTI)
    world.admin.arm("backend_restart")
    world.is_now("ABORTED")
    multi.is_now("ABORTED")
    assert world.txn("load", ROW)["Status"] == "TXN_NOT_EXISTS"
    assert multi.txn("commit", **MULTI)["Status"] == "FAILED"
    assert prepared.txn("commit")["Status"] == "OK"
    prepared.is_now("VISIBLE", HERE)
    assert world.rows == multi.rows == []


def test_backend_restart_at_an_operation(world):
    """Before prepare: lost. After prepare: kept; both times without an answer."""
    world.begun()
    world.admin.arm("backend_restart", operation="prepare")
    no_answer(world.txn, "prepare")
    world.is_now("ABORTED")
    world.begun()
    world.admin.arm("backend_restart", operation="prepare", point="after")
    no_answer(world.txn, "prepare")
    world.is_now("PREPARED")
    assert world.txn("commit")["Status"] == "OK"
    world.is_now("VISIBLE", HERE)


def test_backend_restart_closes_the_port_for_a_time(world):
    """Connections are refused while it is down, and served when it is up again."""
    world.admin.arm("backend_restart", seconds=0.8)
    no_answer(world.plain)
    world.is_now("UNKNOWN")
    _until(lambda: _answers(world.plain))
    world.is_now("VISIBLE", HERE)


def test_frontend_restart_cancels_multi_and_keeps_single(world):
    """Open multi: ABORTED, its task unknown; PREPARE and PREPARED of single tables go on."""
    multi, prepared = World(world.pool), World(world.pool)
    world.begun()
    multi.begun(**MULTI)
    prepared.prepared()
    for one in (world, multi, prepared):
        one.client.sql("SELECT 1")
    number = world.admin.arm("frontend_restart")
    for one in (world, multi, prepared):
        with pytest.raises(Exception, match="Lost connection|not connected|closed"):
            one.client.sql("SELECT 1")
        one.connect()
    world.bit(number)
    multi.is_now("ABORTED")
    for op in ("commit", "rollback"):
        assert "does not exist" in multi.txn(op, **MULTI)["Message"]
    for one in (world, prepared):
        assert one.txn("commit")["Status"] == "OK"
        one.is_now("VISIBLE", HERE)


def test_frontend_restart_at_a_multi_commit(world):
    """Before it: nothing was committed. After it: all was; both times without an answer."""
    world.begun(**MULTI)
    world.admin.arm("frontend_restart", operation="commit")
    no_answer(world.txn, "commit", **MULTI)
    world.connect()
    world.is_now("ABORTED")
    world.begun(**MULTI)
    world.admin.arm("frontend_restart", operation="commit", point="after", seconds=0.8)
    no_answer(world.txn, "commit", **MULTI)
    no_answer(world.client.state, world.label)
    world.connect()
    _until(lambda: _answers(world.client.state, world.label))
    world.is_now("VISIBLE", HERE)


def test_leader_change_cancels_open_multi_and_moves_the_leader(world):
    """Multi cancelled and unknown; the other frontend redirects; single tables go on."""
    multi = World(world.pool)
    world.begun()
    multi.begun(**MULTI)
    target = f"/api/{DATABASE}/get_load_state?label={world.label}"
    before = world.client.request("GET", target).status
    world.admin.arm("leader_change")
    assert {before, world.client.request("GET", target).status} == {200, 307}
    multi.is_now("ABORTED")
    assert "does not exist" in multi.txn("commit", **MULTI)["Message"]
    assert world.txn("load", "2\tb\n")["Status"] == "OK"
    assert world.txn("commit")["NumberTotalRows"] == 2
    world.is_now("VISIBLE", [*HERE, ("2", "b")])


def _answers(function, *arguments):
    try:
        return function(*arguments)
    except ConnectionError:
        return None


def _until(done, seconds=10):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


# ---- kill -9


def test_state_and_armed_faults_survive_kill_9(world):
    """COMMITTED is published later, PREPARED commits, an armed fault bites with its counts."""
    prepared, skipped = World(world.pool), World(world.pool)
    world.admin.arm("publish_timeout", operation="stream_load", seconds=600)
    assert world.plain()["Status"] == "Publish Timeout"
    prepared.prepared()
    number = world.admin.arm("in_processing", operation="commit", count=2, skip=1)
    skipped.begun()
    assert skipped.txn("commit")["Status"] == "OK"
    world.pool.kill()
    world.pool.start()
    for one in (world, prepared):
        one.connect()
    assert world.admin.faults()[-1]["seen"] == 1
    world.is_now("COMMITTED")
    prepared.is_now("PREPARED")
    for _ in range(2):
        assert prepared.txn("commit")["Status"] == "TXN_IN_PROCESSING"
    assert prepared.txn("commit")["Status"] == "OK"
    world.bit(number, 2)
    prepared.is_now("VISIBLE", HERE)
    world.published()
