"""F25: a decision is delivered once more."""

from typing import TYPE_CHECKING

from .. import pool
from ..frames import OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..member import Member
from .course import START_S, comes_in, end_of_victim, fetches, unseen_labels, wait_for_commits
from .zombie import announce_as_zombie

if TYPE_CHECKING:
    from ..schedule import Schedule

TRIES = 4
SLOW_S = 14  # a start and a recovery fit into it
SLOW_COMMITS = 8


def late_duplicate(schedule: "Schedule") -> None:
    """F25: a commit that was answered long ago is delivered once more, behind later ones; `slow`: those
    are committed in the sink, and not visible when the next owner looks; `zombie`: and then the
    registry was touched by one whose place the member had taken."""
    victim, slow = schedule.members[0], schedule.plan.variant in ("slow", "zombie")
    if schedule.plan.variant == "zombie":
        victim = announce_as_zombie(schedule)
    place = deliver_again(schedule, victim, slow)
    looks = fetches(schedule)
    end_of_victim(schedule, victim)
    if slow:
        schedule.expel(place)
        schedule.wait_for("the next owner's look", lambda: fetches(schedule) > looks, START_S)
        assert unseen_labels(schedule), "all was visible when the next owner looked"


def deliver_again(schedule: "Schedule", victim: Member, slow: bool) -> str:
    """The victim's place in the group, its member id."""
    server, skip = schedule.slot.starrocks, schedule.plan.pick
    for _ in range(TRIES):
        rule = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", skip=skip))
        schedule.wait_for("a commit copied", lambda: rule.frames, START_S)
        if slow:  # from the units behind it on: its own is seen
            if not comes_in(schedule, *OffsetCommit.read(rule.frames[0]).last):
                schedule.say("F25: that commit was of no unit, or a rebalance came behind it")
                victim.proxy.clear()
                continue
            fault = pool.arm(server, {"fault": "slow_publish", "database": schedule.name,
                                      "operation": "commit", "count": SLOW_COMMITS, "seconds": SLOW_S})
        # The second one behind it is sent when the first is visible: the ledger is ahead then.
        wait_for_commits(schedule, victim, 2 + schedule.plan.pick % 3)
        stopped = victim.proxy.stopped.get(OFFSET_COMMIT, 0)
        victim.proxy.shut_gate(OFFSET_COMMIT)
        # What passed the gate before is answered first, and a loaded unit waits for its decision.
        schedule.wait_for("a commit at the gate",
                          lambda: victim.proxy.stopped.get(OFFSET_COMMIT, 0) > stopped, START_S)
        errors = victim.proxy.deliver_commit(rule.frames[0])
        if errors and not any(errors.values()):
            schedule.say(f"F25: delivered again {OffsetCommit.read(rule.frames[0]).partitions}")
            schedule.count("F25 commit delivered late, again")
            return OffsetCommit.read(rule.frames[0]).member.decode()
        if slow:
            pool.disarm(server, fault)
        schedule.say(f"F25: refused {errors}, a rebalance came between")
        victim.proxy.clear()
    raise AssertionError("F25 could not be made: a rebalance came between each time")
