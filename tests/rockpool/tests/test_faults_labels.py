"""Faults of a label: hidden, expired, forgotten, evicted."""

from rockpool_faults import HERE, MULTI, World, no_answer
from rockpool_support import DATABASE


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
