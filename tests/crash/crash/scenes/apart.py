"""F24 of a unit that no fence has met, overtaken in some partitions only, the others owned apart."""

import struct
from typing import TYPE_CHECKING

from ..frames import JOIN_GROUP, OFFSET_FETCH, fetched_partitions, put_text
from ..kafka_proxy import Rule
from ..member import Member
from .course import START_S, group_members, open_labels
from .late import Late, decide_by_nobody, lose_place_in_begin

if TYPE_CHECKING:
    from ..schedule import Schedule

KEEPER_MS = 30_000  # the session of who keeps the door


def decision_apart(schedule: "Schedule") -> None:
    """F24: a unit that began behind the fence is decided by nobody, for all partitions of its chain. The
    successor had brought in units of some, for the others were idle; and who owns the idle ones
    recovers first. Nothing in its own partitions says that the unit was overtaken."""
    idle = make_idle(schedule)
    late = lose_place_in_begin(schedule, idle)
    late.victim.proxy.shut_gate(JOIN_GROUP)
    decide_by_nobody(schedule, late)
    schedule.wait_for("its later units undone", lambda: open_labels(schedule) == [late.label], START_S)
    units = schedule.units_in()
    assert {one for one, unit in units.items() if unit[0] == late.unit[0]} == idle, units
    asked = join_as_pair(schedule, late)
    owned = {member: fetched_partitions(rule.frames[0]) for member, rule in asked.items()}
    first, then = sorted(owned, key=lambda member: owned[member] != idle)
    assert owned[first] == idle and not owned[then] & idle, owned.values()
    assert open_labels(schedule) == [late.label], "settled too early"
    schedule.say(f"F24: member {first.number} recovers {idle}, and then {then.number} {owned[then]}")
    first.proxy.let_go(asked[first])
    schedule.wait_for("the late unit settled", lambda: late.label not in open_labels(schedule), START_S)
    then.proxy.let_go(asked[then])
    schedule.traffic.write_all()


def join_as_pair(schedule: "Schedule", late: Late) -> dict[Member, Rule]:
    """The member without a place and the successor join in one generation; what each asks first in
    its recovery is held."""
    keeper = keep_door(schedule)
    pair = (late.victim, late.second)
    asked = {}
    for member in pair:
        member.proxy.clear()
        asked[member] = member.proxy.arm(Rule(OFFSET_FETCH, "hold", None))
    late.second.wanted = True
    schedule.start(late.second)
    schedule.wait_for("two members at the door", lambda: len(group_members(schedule)) == 3, START_S)
    schedule.expel(keeper)
    schedule.wait_for("two recoveries", lambda: all(rule.frames for rule in asked.values()), START_S)
    return asked


def make_idle(schedule: "Schedule") -> set[int]:
    """The later half of the partitions, as members of a pair get them; what they have is visible then."""
    count = schedule.plan.partitions
    schedule.wait_for("a unit of each partition", lambda: len(schedule.units_in()) == count, START_S)
    idle = set(range((count + 1) // 2, count))
    schedule.traffic.write_only(set(range(count)) - idle)
    ends = {partition: schedule.traffic.ends()[partition] for partition in idle}

    def is_in() -> bool:
        have = schedule.ledger_ends()
        return all(have[partition] == end for partition, end in ends.items())

    schedule.wait_for("all of the idle partitions", is_in, START_S)
    return idle


def keep_door(schedule: "Schedule") -> str:
    """A member made by hand: while it is there and does not ask again, who joins waits for it, and
    so for the others. Its member id."""
    topics = struct.pack(">hi", 0, 1) + put_text(schedule.name.encode()) + struct.pack(">i", 0)
    answer = schedule.slot.broker.ask(
        JOIN_GROUP, 0, put_text(schedule.group.encode()) + struct.pack(">i", KEEPER_MS) + put_text(b"")
        + put_text(b"consumer") + struct.pack(">i", 1) + put_text(b"range")
        + struct.pack(">i", len(topics)) + topics)
    error = answer.take("h")
    assert error == 0, f"JoinGroup: error {error}"
    answer.take("i")
    answer.text()
    answer.text()
    return answer.text().decode()
