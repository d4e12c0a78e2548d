"""F17 beside F7: the last unit was aborted, and what stands below it is committed and not visible."""

from typing import TYPE_CHECKING

from .. import pool
from ..frames import OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..plan import SESSION_S
from .course import (
    HELD_S,
    START_S,
    comes_back,
    fetches,
    if_taken,
    kill_for_now,
    let_all_come_in,
    open_labels,
    unseen_labels,
)

if TYPE_CHECKING:
    from ..schedule import Schedule

UNSEEN_S = SESSION_S + 6  # two recoveries, a session timeout apart: a stop is said by then


def unseen_before_aborted(schedule: "Schedule") -> None:
    """One event of partition 0 is a unit that is committed and not visible; one of partition 1 is the next
    unit, which is decided and then aborted by the sink. Their member dies. In the ledger partition 0,
    idle in the last unit, ends below what was committed for it, until the unit before is visible."""
    victim, server = schedule.members[0], schedule.slot.starrocks
    let_all_come_in(schedule)
    seen = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    slow = pool.arm(server, {"fault": "slow_publish", "database": schedule.name, "operation": "commit",
                             "count": None, "seconds": HELD_S})
    schedule.traffic.write_one(0)
    schedule.wait_for("a unit that is not visible", lambda: is_one_left(schedule), START_S)
    chain, unseen = last_decided(schedule, seen, 1)
    label = f"{schedule.name}-{chain}-{unseen + 1}"
    held = pool.arm(server, {"fault": "delay", "database": schedule.name, "label": label,
                             "operation": "commit", "point": "before", "seconds": HELD_S})
    schedule.traffic.write_one(1)
    schedule.wait_for("a COMMIT that waits", lambda: pool.hits(server, held), START_S)
    assert last_decided(schedule, seen, 2) == (chain, unseen + 1)
    kill_for_now(schedule, victim)
    pool.arm(server, {"fault": "frontend_restart", "operation": "now"})
    pool.disarm(server, held)
    schedule.wait_for("its abort", lambda: is_one_left(schedule), START_S)
    schedule.say(f"F17: {label} is decided and aborted, the unit before it is not visible")
    schedule.expel(OffsetCommit.read(seen.frames[-1]).member.decode())
    let_recover(schedule, f"{schedule.name}-{chain}-{unseen}")
    pool.disarm(server, slow)
    pool.arm(server, {"fault": "publish_now", "database": schedule.name, "operation": "now"})
    schedule.traffic.write_all()
    comes_back(victim)


def is_one_left(schedule: "Schedule") -> bool:
    """One transaction is not done with: it is committed, and not visible."""
    return len(open_labels(schedule)) == 1 == len(unseen_labels(schedule))


def last_decided(schedule: "Schedule", seen: Rule, count: int) -> tuple[str, int]:
    """The unit of the last of so many offset commits, all of them taken."""
    schedule.wait_for("the broker's answer", lambda: len(seen.errors) >= count, START_S)
    assert len(seen.frames) == len(seen.errors) == count and all(map(if_taken, seen.errors)), seen.errors
    return OffsetCommit.read(seen.frames[-1]).last


def let_recover(schedule: "Schedule", unseen: str) -> None:
    """The next owner has the time for two recoveries while the unit is not visible."""
    looks = fetches(schedule)
    schedule.start(schedule.add_member())
    schedule.wait_for("the next owner's look", lambda: fetches(schedule) > looks, START_S)
    schedule.rest(UNSEEN_S)
    assert unseen in unseen_labels(schedule), f"{unseen} was visible too early"
    schedule.count("F17 unit below an aborted one not visible at recovery")
