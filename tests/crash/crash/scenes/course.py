"""What all scenes wait for and do: commits of a member, units that came in, how it ends."""

import time
from typing import TYPE_CHECKING

from .. import pool
from ..frames import OFFSET_COMMIT
from ..member import Member
from ..plan import SESSION_S

if TYPE_CHECKING:
    from ..schedule import Schedule

START_S = 40
UNIT_S = 10  # from its decision until it is visible, at most


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
    return [t["label"] for t in pool.open_transactions(schedule.slot.starrocks)]


def if_taken(errors: dict[int, int]) -> dict[int, int] | None:
    return errors if errors and not any(errors.values()) else None


def end_of_victim(schedule: "Schedule", member: Member) -> None:
    """What becomes of the member in whose name the failure was made."""
    variant = schedule.plan.variant
    schedule.say(f"member {member.number}: {variant}")
    if variant in ("kill", "slow"):
        member.kill()
    elif variant == "freeze":
        member.freeze(SESSION_S + 1.5)
    if variant in ("kill", "slow", "freeze"):
        member.proxy.cut()  # a commit that is held up would undo the failure
    member.proxy.clear()


def kill_for_now(schedule: "Schedule", member: Member) -> None:
    """It stays away until comes_back."""
    member.wanted = False
    member.kill()
    schedule.wait_for("its end", lambda: member.run is None, START_S)


def comes_back(schedule: "Schedule", member: Member) -> None:
    member.wanted = True
    member.start_at = time.monotonic() + schedule.plan.restart_after[0]
