"""What all scenes wait for and do: commits of a member, units that came in, how it ends."""

import struct
import time
from typing import TYPE_CHECKING

from .. import pool
from ..frames import DESCRIBE_GROUPS, OFFSET_COMMIT, OFFSET_FETCH, put_text
from ..member import Member
from ..plan import SESSION_S

if TYPE_CHECKING:
    from ..schedule import Schedule

START_S = 40
UNIT_S = 10  # from its decision until it is visible, at most
HELD_S = 60  # what waits for a scene waits so long at most
UNIT_IN = 'msg="unit is in"'


def commits(member: Member) -> int:
    return member.proxy.passed.get(OFFSET_COMMIT, 0)


def wait_for_commits(schedule: "Schedule", member: Member, count: int) -> None:
    wanted = commits(member) + count
    schedule.wait_for(f"{count} commits of member {member.number}",
                      lambda: commits(member) >= wanted, START_S)


def comes_in(schedule: "Schedule", chain: str, n: int) -> bool:
    """Waits for a unit, or a later one of its chain; other members' rows tell nothing of it."""
    limit = time.monotonic() + UNIT_S
    while n > 0 and time.monotonic() < limit:
        schedule.tick()
        if any(c == chain and m >= n for c, m in schedule.units_in().values()):
            return True
        time.sleep(0.02)
    return False


def open_labels(schedule: "Schedule") -> list[str]:
    return [t["label"] for t in pool.open_transactions(schedule.slot.starrocks, schedule.name)]


def group_members(schedule: "Schedule") -> list[str]:
    """Member ids, as the coordinator has them."""
    answer = schedule.slot.broker.ask(
        DESCRIBE_GROUPS, 0, struct.pack(">i", 1) + put_text(schedule.group.encode()))
    assert answer.take("i") == 1 and answer.take("h") == 0
    for _ in range(4):  # group, state, type, protocol
        answer.text()
    members = []
    for _ in range(answer.take("i")):
        members.append(answer.text().decode())
        for _ in range(2):  # client, host
            answer.text()
        for _ in range(2):  # metadata, assignment
            size = answer.take("i")
            answer.at += max(size, 0)
    return members


def let_all_come_in(schedule: "Schedule") -> None:
    """No event is written any more, and everybody is at rest."""
    schedule.wait_for("a unit of each partition",
                      lambda: len(schedule.units_in()) == schedule.plan.partitions, START_S)
    schedule.traffic.write_only(())
    schedule.wait_for("all units", lambda: schedule.ledger_ends() == schedule.traffic.ends(), START_S)


def if_taken(errors: dict[int, int]) -> dict[int, int] | None:
    return errors if errors and not any(errors.values()) else None


def end_of_victim(schedule: "Schedule", member: Member) -> None:
    """What becomes of the member in whose name the failure was made."""
    variant = schedule.plan.variant
    schedule.say(f"member {member.number}: {variant}")
    if variant in ("kill", "slow", "zombie"):
        member.kill()
    elif variant == "freeze":
        member.freeze(SESSION_S + 1.5)
    if variant != "live":
        member.proxy.cut()  # a commit that is held up would undo the failure
    member.proxy.clear()


def kill_for_now(schedule: "Schedule", member: Member) -> None:
    """It stays away until comes_back."""
    member.wanted = False
    member.kill()
    schedule.wait_for("its end", lambda: member.run is None, START_S)


def comes_back(member: Member, after_s: float = 0.0) -> None:
    member.wanted = True
    member.start_at = time.monotonic() + after_s


def recovers(schedule: "Schedule", member: Member) -> None:
    """It comes back, and what the sink does meanwhile it does until a unit of its own is in, or it stops."""
    comes_back(member, schedule.plan.restart_after[0])
    schedule.wait_for("its recovery", lambda: schedule.result.stopped or (
        member.run is not None and UNIT_IN in member.run.log), START_S)


def fetches(schedule: "Schedule") -> int:
    """How often a group's offsets were asked for: a recovery begins with it."""
    return sum(member.proxy.passed.get(OFFSET_FETCH, 0) for member in schedule.members)


def unseen_labels(schedule: "Schedule") -> list[str]:
    """Committed, and not visible."""
    return [t["label"] for t in pool.open_transactions(schedule.slot.starrocks, schedule.name)
            if t["state"] == "COMMITTED"]
