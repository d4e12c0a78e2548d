"""Faults of the way: connections that end before or after the effect, and answers that come late."""

import concurrent.futures
import time

import pytest
from rockpool_faults import HERE, MULTI, ROW, cancel, no_answer, until
from rockpool_support import DATABASE


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
        until(lambda: world.admin.hits(number))
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
        until(lambda: world.state == "VISIBLE")
        assert world.rows == HERE and not load.done()
        world.admin.disarm(number)
        assert load.result(10)["Status"] == "Success"
    world.admin.arm("delay", operation="sql", seconds=0.3)
    began = time.monotonic()
    world.client.sql("SELECT 1", database=None)
    assert time.monotonic() - began >= 0.3
