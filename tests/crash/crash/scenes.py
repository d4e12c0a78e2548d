"""The three schedules without which the fence is not tested: F15, F24 and F25 of the failure table.

Each makes its failure for certain; one that could not be made fails the schedule, for it proves nothing.
"""

import time
from typing import TYPE_CHECKING

from .frames import OFFSET_COMMIT, OffsetCommit
from .kafka_proxy import Rule
from .member import Member
from .plan import SESSION_S

if TYPE_CHECKING:
    from .schedule import Schedule

START_S = 40
TRIES = 4


def _commits(member: Member) -> int:
    return member.proxy.passed.get(OFFSET_COMMIT, 0)


def _wait_for_commits(schedule: "Schedule", member: Member, count: int) -> None:
    wanted = _commits(member) + count
    schedule.wait_for(f"{count} commits of member {member.number}",
                      lambda: _commits(member) >= wanted, START_S)


def _end(schedule: "Schedule", member: Member) -> None:
    """What becomes of the member in whose name the failure was made."""
    variant = schedule.plan.variant
    schedule.say(f"member {member.number}: {variant}")
    if variant == "kill":
        member.kill()
    elif variant == "freeze":
        member.freeze(SESSION_S + 1.5)
    member.proxy.clear()


def refused_in_part(schedule: "Schedule") -> None:
    """F15: one partition of an offset commit is refused, the others are taken."""
    victim = schedule.members[0]
    _wait_for_commits(schedule, victim, 3)
    heals = schedule.plan.variant == "heal"
    rule = victim.proxy.arm(Rule(OFFSET_COMMIT, "refuse_one", 2 if heals else None,
                                 pick=schedule.plan.pick))
    schedule.wait_for("a commit refused in part", lambda: rule.errors, START_S)
    assert len(set(rule.errors[0].values())) > 1, f"not refused in part: {rule.errors[0]}"
    schedule.say(f"F15: partition → error {rule.errors[0]}")
    schedule.count("F15 one partition of a commit refused")
    _end(schedule, victim)
    if schedule.plan.variant != "heal" and schedule.plan.members == 1:
        schedule.start(schedule.add_member())


def late_duplicate(schedule: "Schedule") -> None:
    """F25: a commit that was answered long ago is delivered once more, behind later ones."""
    victim = schedule.members[0]
    skip = schedule.plan.pick
    for _ in range(TRIES):
        rule = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", skip=skip))
        schedule.wait_for("a commit copied", lambda: rule.frames, START_S)
        # The second one behind it is sent when the first is visible: the ledger is ahead then.
        _wait_for_commits(schedule, victim, 2 + schedule.plan.pick % 3)
        victim.proxy.shut_gate(OFFSET_COMMIT)
        time.sleep(0.1)  # what passed the gate before is answered first
        errors = victim.proxy.deliver_commit(rule.frames[0])
        if errors and not any(errors.values()):
            schedule.say(f"F25: delivered again {OffsetCommit.read(rule.frames[0]).partitions}")
            schedule.count("F25 commit delivered late, again")
            _end(schedule, victim)
            return
        schedule.say(f"F25: refused {errors}, a rebalance came between")
        victim.proxy.clear()
    raise AssertionError("F25 could not be made: the broker refused every late duplicate")


def stray_commit(schedule: "Schedule") -> None:
    """F24: a commit of a stalled member reaches the group when it is empty, of generation -1, after a
    successor came, committed and left."""
    first = schedule.members[0]
    _wait_for_commits(schedule, first, 2)
    rule = first.proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    schedule.wait_for("a commit held", lambda: rule.frames, START_S)
    first.freeze(10 * SESSION_S)
    schedule.say("F24: a commit is held, its member stalls")
    second = schedule.add_member()
    schedule.start(second)
    _wait_for_commits(schedule, second, 1 if schedule.plan.rate < 100 else 4)
    second.wanted = False
    second.terminate()
    schedule.wait_for("the successor's end", lambda: not second.up, START_S)
    stray = OffsetCommit.read(rule.frames[0]).of_nobody()
    errors = schedule.wait_for(
        "an empty group", lambda: _if_taken(first.proxy.deliver_commit(stray.frame())), START_S)
    schedule.say(f"F24: delivered to the empty group {stray.partitions}: {errors}")
    schedule.count("F24 commit of nobody into an empty group")
    first.proxy.cut()
    first.proxy.clear()
    if schedule.plan.variant == "kill":
        first.kill()
    first.thaw()
    second.wanted = True
    second.start_at = time.monotonic()


def _if_taken(errors: dict[int, int]) -> dict[int, int] | None:
    return errors if errors and not any(errors.values()) else None


SCENES = {"F15": refused_in_part, "F24": stray_commit, "F25": late_duplicate}
