"""The schedules that chance does not make: F9, F15, F24 and F25 of the failure table. A unit begins
behind the fence; a decision is taken in part, by nobody, or once more.

Each makes its failure for certain; one that could not be made fails the schedule, for it proves nothing.
"""

import time
from typing import TYPE_CHECKING, NamedTuple

from . import pool
from .frames import HEARTBEAT, JOIN_GROUP, OFFSET_COMMIT, OffsetCommit, is_fenced
from .kafka_proxy import Rule
from .member import Member
from .plan import SESSION_S

if TYPE_CHECKING:
    from .schedule import Schedule

START_S = 40
TRIES = 4
LATE_UNIT = 4  # from the last one decided: those between are done with when the member loses its place
HELD_S = 60  # at most
SLOW_S = 14  # a session, a start and a recovery fit into it
SLOW_COMMITS = 8
UNIT_S = 10  # from its decision until it is visible, at most
# Of a member that does not hear of its loss: neither it nor its requests give up before.
UNHEARD = {"session.timeout.ms": 25_000, "socket.timeout.ms": 30_000}


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
    if variant in ("kill", "slow"):
        member.kill()
    elif variant == "freeze":
        member.freeze(SESSION_S + 1.5)
    if variant in ("kill", "slow", "freeze"):
        member.proxy.cut()  # a commit that is held up would undo the failure
    member.proxy.clear()


def refused_in_part(schedule: "Schedule") -> Rule:
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
    return rule


def _comes_in(schedule: "Schedule", chain: str, n: int) -> bool:
    """Waits for a unit, or a later one of its chain; other members' rows tell nothing of it."""
    limit = time.monotonic() + UNIT_S
    while n > 0 and time.monotonic() < limit:
        schedule.tick()
        if any(c == chain and m >= n for c, m in schedule.units_in().values()):
            return True
        time.sleep(0.02)
    return False


def late_duplicate(schedule: "Schedule") -> None:
    """F25: a commit that was answered long ago is delivered once more, behind later ones; `slow`: those
    are committed in the sink, and not visible when the next owner looks."""
    victim = schedule.members[0]
    skip = schedule.plan.pick
    slow = schedule.plan.variant == "slow"
    for _ in range(TRIES):
        rule = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", skip=skip))
        schedule.wait_for("a commit copied", lambda: rule.frames, START_S)
        if slow:  # from the units behind it on: its own is seen
            if not _comes_in(schedule, *OffsetCommit.read(rule.frames[0]).last):
                schedule.say("F25: that commit was of no unit, or a rebalance came behind it")
                victim.proxy.clear()
                continue
            pool.arm(schedule.slot.starrocks, {"fault": "slow_publish", "database": schedule.name,
                                               "operation": "commit", "count": SLOW_COMMITS,
                                               "seconds": SLOW_S})
        # The second one behind it is sent when the first is visible: the ledger is ahead then.
        _wait_for_commits(schedule, victim, 2 + schedule.plan.pick % 3)
        stopped = victim.proxy.stopped.get(OFFSET_COMMIT, 0)
        victim.proxy.shut_gate(OFFSET_COMMIT)
        # What passed the gate before is answered first, and a loaded unit waits for its decision.
        schedule.wait_for("a commit at the gate",
                          lambda: victim.proxy.stopped.get(OFFSET_COMMIT, 0) > stopped, START_S)
        errors = victim.proxy.deliver_commit(rule.frames[0])
        if errors and not any(errors.values()):
            schedule.say(f"F25: delivered again {OffsetCommit.read(rule.frames[0]).partitions}")
            schedule.count("F25 commit delivered late, again")
            _end(schedule, victim)
            return
        schedule.say(f"F25: refused {errors}, a rebalance came between")
        victim.proxy.clear()
    raise AssertionError("F25 could not be made: a rebalance came between each time")


def stray_commit(schedule: "Schedule") -> None:
    """F24: a commit of a stalled member reaches the group when it is empty, of generation -1, after a
    successor came, committed and left."""
    if schedule.plan.variant == "late":
        late_decision(schedule)
        return
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


class Late(NamedTuple):
    """A member without a place whose BEGIN is on its way, and its successor with units of its own."""

    victim: Member
    second: Member
    label: str
    heartbeat: Rule  # holds what the member asks about its place
    fault: int  # holds the BEGIN


def _lose_place_in_begin(schedule: "Schedule") -> Late:
    """The BEGIN of a member waits at the sink; its place is taken, the successor has fenced and brings
    units in; nobody has told the member."""
    victim, server = schedule.members[0], schedule.slot.starrocks
    commits = victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    _wait_for_commits(schedule, victim, 3)
    second = schedule.add_member()
    second.proxy.shut_gate(JOIN_GROUP)
    schedule.start(second)
    schedule.wait_for("a successor at the door", lambda: 'msg="connected"' in second.run.log, START_S)
    heartbeat = victim.proxy.arm(Rule(HEARTBEAT, "hold"))
    schedule.wait_for("a heartbeat held", lambda: heartbeat.frames, START_S)
    chain, n = OffsetCommit.read(commits.frames[-1]).last
    label = f"{schedule.name}-{chain}-{n + LATE_UNIT}"
    fault = pool.arm(server, {"fault": "delay", "database": schedule.name, "label": label,
                              "operation": "begin", "point": "before", "seconds": HELD_S})
    schedule.wait_for("a BEGIN that waits", lambda: pool.hits(server, "delay"), START_S)
    before = (chain, n + LATE_UNIT - 1)
    schedule.wait_for("the unit before", lambda: before in schedule.units_in().values(), START_S)
    schedule.expel(OffsetCommit.read(commits.frames[-1]).member.decode())
    second.proxy.clear()
    schedule.say(f"member 0 is expelled while the BEGIN of {label} is on its way")

    def is_replaced() -> bool:
        chains = {one for one, _ in schedule.units_in().values()}
        return bool(chains) and chain not in chains

    schedule.wait_for("units of another chain alone", is_replaced, START_S)
    victim.proxy.clear()
    assert label not in _open_labels(schedule), f"{label} was begun too early"
    return Late(victim, second, label, heartbeat, fault)


def _open_labels(schedule: "Schedule") -> list[str]:
    return [t["label"] for t in pool.open_transactions(schedule.slot.starrocks)]


def late_unit(schedule: "Schedule") -> None:
    """F9: a unit that begins after its member's place was taken and the successor's fence has passed. It
    is loaded whole; the broker refuses its decision, and so it stays open until it runs out."""
    late = _lose_place_in_begin(schedule)
    schedule.late_label = late.label
    decision = late.victim.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    pool.disarm(schedule.slot.starrocks, late.fault)
    schedule.wait_for("its decision", lambda: decision.errors, START_S)
    assert OffsetCommit.read(decision.frames[0]).last[1] == int(late.label.rsplit("-", 1)[1])
    assert is_fenced(decision.errors[0]), f"not refused: {decision.errors[0]}"
    schedule.say(f"F9: {late.label} was begun and loaded, its decision refused {decision.errors[0]}")
    schedule.count("F9 unit begun after the fence")
    late.victim.proxy.release(late.heartbeat)


def late_decision(schedule: "Schedule") -> None:
    """F24 of a unit that no fence has met: begun after it, decided by a member that hears in between that
    it is none any more, and told that all went well."""
    late = _lose_place_in_begin(schedule)
    late.second.wanted = False
    late.second.terminate()
    schedule.wait_for("the successor's end", lambda: not late.second.up, START_S)
    decision = late.victim.proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    pool.disarm(schedule.slot.starrocks, late.fault)
    schedule.wait_for("its decision", lambda: decision.frames, START_S)
    late.victim.proxy.release(late.heartbeat)
    schedule.wait_for("the news", lambda: late.heartbeat.answered, START_S)
    time.sleep(0.2)  # the client takes them up
    late.victim.proxy.release(decision, lambda frame: OffsetCommit.read(frame).of_nobody().frame())
    schedule.wait_for("the broker's answer", lambda: decision.errors, START_S)
    assert _if_taken(decision.errors[0]), f"refused: {decision.errors[0]}"
    schedule.say(f"F24: {late.label} was decided by nobody, after its member had lost its place")
    schedule.count("F24 commit of nobody into an empty group")
    late.second.wanted = True
    late.second.start_at = time.monotonic()


def _if_taken(errors: dict[int, int]) -> dict[int, int] | None:
    return errors if errors and not any(errors.values()) else None


SCENES = {"F9": late_unit, "F15": refused_in_part, "F24": stray_commit, "F25": late_duplicate}


def play(schedule: "Schedule") -> None:
    if schedule.plan.hides:
        pool.arm(schedule.slot.starrocks, {"fault": "open_multi_hidden", "database": schedule.name,
                                           "operation": "get_load_state", "count": None})
    SCENES[schedule.plan.kind](schedule)
