"""Faults of the publish: committed, and visible later."""

import time

from rockpool_faults import HERE, MULTI, World


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
