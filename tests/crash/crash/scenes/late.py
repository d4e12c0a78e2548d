"""F9, and F24 of such a unit: it begins behind the fence."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from .. import pool
from ..frames import HEARTBEAT, JOIN_GROUP, OFFSET_COMMIT, OffsetCommit, is_fenced
from ..kafka_proxy import Rule
from ..member import Member
from .course import HELD_S, START_S, comes_back, if_taken, open_labels, wait_for_commits

if TYPE_CHECKING:
    from ..schedule import Schedule

LATE_UNIT = 4  # from the last one decided: those between are done with when the member loses its place
# Of a member that does not hear of its loss: neither it nor its requests give up before.
UNHEARD = {"session.timeout.ms": 25_000, "socket.timeout.ms": 30_000}


class Late(NamedTuple):
    """A member without a place whose BEGIN is on its way, and its successor with units of its own."""

    victim: Member
    second: Member
    unit: tuple[str, int]
    label: str
    heartbeat: Rule  # holds what the member asks about its place
    fault: int  # holds the BEGIN


def lose_place_in_begin(schedule: "Schedule", idle: Collection[int] = ()) -> Late:
    """The BEGIN of a member waits at the sink; its place is taken, the successor has fenced and brings
    units in, of all partitions but those that are idle; nobody has told the member."""
    victim, server = schedule.members[0], schedule.slot.starrocks
    seen = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    wait_for_commits(schedule, victim, 3)
    second = schedule.add_member()
    second.proxy.shut_gate(JOIN_GROUP)
    schedule.start(second)
    schedule.wait_for("a successor at the door", lambda: 'msg="connected"' in second.run.log, START_S)
    heartbeat = victim.proxy.arm(Rule(HEARTBEAT, "hold"))
    schedule.wait_for("a heartbeat held", lambda: heartbeat.frames, START_S)
    chain, n = OffsetCommit.read(seen.frames[-1]).last
    label = f"{schedule.name}-{chain}-{n + LATE_UNIT}"
    fault = pool.arm(server, {"fault": "delay", "database": schedule.name, "label": label,
                              "operation": "begin", "point": "before", "seconds": HELD_S})
    schedule.wait_for("a BEGIN that waits", lambda: pool.hits(server, fault), START_S)
    before = (chain, n + LATE_UNIT - 1)
    schedule.wait_for("the unit before", lambda: before in schedule.units_in().values(), START_S)
    schedule.expel(OffsetCommit.read(seen.frames[-1]).member.decode())
    second.proxy.clear()
    schedule.say(f"member 0 is expelled while the BEGIN of {label} is on its way")

    def is_replaced() -> bool:
        chains = {unit[0] for partition, unit in schedule.units_in().items() if partition not in idle}
        return bool(chains) and chain not in chains

    schedule.wait_for("units of another chain alone", is_replaced, START_S)
    victim.proxy.clear()
    assert label not in open_labels(schedule), f"{label} was begun too early"
    return Late(victim, second, (chain, n + LATE_UNIT), label, heartbeat, fault)


def late_unit(schedule: "Schedule") -> None:
    """F9: a unit that begins after its member's place was taken and the successor's fence has passed. It
    is loaded whole; the broker refuses its decision, and so it stays open until it runs out."""
    late = lose_place_in_begin(schedule)
    schedule.late_label = late.label
    decision = late.victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    pool.disarm(schedule.slot.starrocks, late.fault)
    schedule.wait_for("its decision", lambda: decision.errors, START_S)
    assert OffsetCommit.read(decision.frames[0]).last == late.unit
    assert is_fenced(decision.errors[0]), f"not refused: {decision.errors[0]}"
    schedule.say(f"F9: {late.label} was begun and loaded, its decision refused {decision.errors[0]}")
    schedule.count("F9 unit begun after the fence")
    late.victim.proxy.release(late.heartbeat)


def late_decision(schedule: "Schedule") -> None:
    """F24 of a unit that no fence has met: begun after it, decided by a member that hears in between that
    it is none any more, and told that all went well."""
    late = lose_place_in_begin(schedule)
    decide_by_nobody(schedule, late)
    comes_back(late.second)


def decide_by_nobody(schedule: "Schedule", late: Late) -> None:
    """The successor leaves, and the unit's decision is taken with generation -1."""
    late.second.wanted = False
    late.second.terminate()
    schedule.wait_for("the successor's end", lambda: not late.second.up, START_S)
    decision = late.victim.proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    pool.disarm(schedule.slot.starrocks, late.fault)
    schedule.wait_for("its decision", lambda: decision.frames, START_S)
    assert OffsetCommit.read(decision.frames[0]).last == late.unit
    late.victim.proxy.release(late.heartbeat)
    schedule.wait_for("the news", lambda: late.heartbeat.answered, START_S)
    schedule.rest(0.2)  # the client takes them up
    late.victim.proxy.release(decision, lambda frame: OffsetCommit.read(frame).of_nobody().frame())
    schedule.wait_for("the broker's answer", lambda: decision.errors, START_S)
    assert if_taken(decision.errors[0]), f"refused: {decision.errors[0]}"
    schedule.say(f"F24: {late.label} was decided by nobody, after its member had lost its place")
    schedule.count("F24 commit of nobody into an empty group")
