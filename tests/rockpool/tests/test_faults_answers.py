"""Faults of the answer: refused for now, failed for good, or true of another state."""

import pytest
from rockpool_faults import HERE, MULTI, ROW, cancel


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
