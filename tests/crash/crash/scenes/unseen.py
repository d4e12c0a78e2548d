"""F17 beside F7: the last unit was aborted, and what stands below it is committed and not visible."""

import time
from typing import TYPE_CHECKING

from .. import pool
from ..frames import OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..plan import SESSION_S
from .course import START_S, if_taken, let_all_come_in

if TYPE_CHECKING:
    from ..schedule import Schedule

UNSEEN_S = SESSION_S + 6  # a start and two recoveries, a session timeout apart: a stop is said by then
HELD_S = 60  # at most


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
    schedule.wait_for("a unit that is not visible", lambda: states(schedule) == ["COMMITTED"], START_S)
    chain, unseen = last_decided(schedule, seen, 1)
    label = f"{schedule.name}-{chain}-{unseen + 1}"
    held = pool.arm(server, {"fault": "delay", "database": schedule.name, "label": label,
                             "operation": "commit", "point": "before", "seconds": HELD_S})
    schedule.traffic.write_one(1)
    schedule.wait_for("a COMMIT that waits", lambda: pool.hits(server, "delay"), START_S)
    assert last_decided(schedule, seen, 2) == (chain, unseen + 1)
    victim.wanted = False
    victim.kill()
    pool.arm(server, {"fault": "frontend_restart", "operation": "now"})
    pool.disarm(server, held)
    schedule.wait_for("its abort", lambda: states(schedule) == ["COMMITTED"], START_S)
    schedule.say(f"F17: {label} is decided and aborted, the unit before it is not visible")
    schedule.expel(OffsetCommit.read(seen.frames[-1]).member.decode())
    let_recover(schedule, chain, unseen)
    pool.disarm(server, slow)
    pool.arm(server, {"fault": "publish_now", "database": schedule.name, "operation": "now"})
    schedule.traffic.write_all()
    victim.wanted = True
    victim.start_at = time.monotonic()


def states(schedule: "Schedule") -> list[str]:
    return [t["state"] for t in pool.open_transactions(schedule.slot.starrocks, schedule.name)]


def last_decided(schedule: "Schedule", seen: Rule, count: int) -> tuple[str, int]:
    """The unit of the last of so many offset commits, all of them taken."""
    schedule.wait_for("the broker's answer", lambda: len(seen.errors) >= count, START_S)
    assert len(seen.frames) == len(seen.errors) == count and all(map(if_taken, seen.errors)), seen.errors
    return OffsetCommit.read(seen.frames[-1]).last


def let_recover(schedule: "Schedule", chain: str, unseen: int) -> None:
    """The next owner has the time for two recoveries while the unit is not visible."""
    schedule.start(schedule.add_member())
    until = time.monotonic() + UNSEEN_S
    while time.monotonic() < until:
        schedule.tick()
    shown = schedule.units_in()[0]
    assert shown[0] != chain or shown[1] < unseen, f"visible too early: {shown}"
    schedule.count("F17 unit below an aborted one not visible at recovery")
