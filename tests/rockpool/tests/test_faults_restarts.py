"""Restarts of a server, and of the stand-in itself: what is lost, and what goes on."""

import pytest
from rockpool_faults import HERE, MULTI, ROW, World, answers, no_answer, until
from rockpool_support import DATABASE


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
    until(lambda: answers(world.plain))
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
    until(lambda: answers(world.client.state, world.label))
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
