"""F3, F5, F7, F16: what becomes of one unit; F12: an offset that somebody set. Only F12 needs a stop, which
it asks for itself."""

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from .. import pool
from ..frames import OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..member import STOPPED, Member
from .course import (
    HELD_S,
    START_S,
    UNIT_IN,
    comes_back,
    if_taken,
    kill_for_now,
    open_labels,
    recovers,
    wait_for_commits,
)

if TYPE_CHECKING:
    from ..schedule import Schedule

AHEAD = 6  # of the last unit decided: what is armed for a unit is armed before it begins
UNGUARDED_S = 1.0  # in which a unit that is decided without need would be
SENT_S = 1.0  # in which the body of a LOAD that waits is sent
EACH_UNITS = "millrace_ledger"  # the table of which every unit has rows
NEXT_TRY = 4  # two units were begun at most: the numbers from which on the next try has one of its own
UNCONFIRMED = 'msg="offset commit not confirmed'


class Unit(NamedTuple):
    """One that will be decided soon, and every decision from now on."""

    chain: str
    n: int
    seen: Rule

    def label(self, schedule: "Schedule", ahead: int = 0) -> str:
        return f"{schedule.name}-{self.chain}-{self.n + ahead}"

    def is_decided(self) -> bool:
        return any(OffsetCommit.read(frame).last == (self.chain, self.n) for frame in self.seen.taken)


def _unit_to_come(schedule: "Schedule", member: Member) -> Unit:
    seen = member.proxy.arm(Rule(OFFSET_COMMIT, "copy", None))
    wait_for_commits(schedule, member, 3)
    schedule.wait_for("a unit", lambda: OffsetCommit.read(seen.frames[-1]).last[1] > 0, START_S)
    chain, n = OffsetCommit.read(seen.frames[-1]).last
    return Unit(chain, n + AHEAD, seen)


def _fault(schedule: "Schedule", fault: str, operation: str, label: str, **options: object) -> dict:
    return {"fault": fault, "operation": operation, "label": label, "database": schedule.name, **options}


def _is_passed(schedule: "Schedule", label: str, table: str) -> dict:
    """No fault: its hit says that a LOAD is done."""
    return _fault(schedule, "delay", "load", label, table=table, point="after", seconds=0)


def _arm(schedule: "Schedule", *faults: dict) -> list[int]:
    return pool.arm_all(schedule.slot.starrocks, list(faults))


def _wait_for_hit(schedule: "Schedule", what: str, *faults: int) -> None:
    """Of each of these."""
    schedule.wait_for(what, lambda: all(pool.hits(schedule.slot.starrocks, one) for one in faults), START_S)


def _state(schedule: "Schedule", label: str) -> str:
    return pool.state_of(schedule.slot.starrocks, schedule.name, label)


def decided_and_aborted(schedule: "Schedule") -> None:
    """F7: the sink aborts a unit that was decided; its member lives, the next unit loaded; `kill`: it is
    killed before."""
    member, server = schedule.members[0], schedule.slot.starrocks
    is_killed = schedule.plan.variant == "F7 kill"
    unit = _unit_to_come(schedule, member)
    label = unit.label(schedule)
    commit, loaded = _arm(schedule, _fault(schedule, "delay", "commit", label, seconds=HELD_S),
                          _is_passed(schedule, unit.label(schedule, 1), EACH_UNITS))
    _wait_for_hit(schedule, "a COMMIT that waits", commit)
    if is_killed:
        kill_for_now(schedule, member)
    else:
        _wait_for_hit(schedule, "the next unit", loaded)
        schedule.rest(UNGUARDED_S)
    assert unit.is_decided(), f"{label} was not decided"
    pool.ask_elsewhere(server, schedule.name, "rollback", label)
    assert _state(schedule, label) == "ABORTED", label
    pool.disarm(server, commit)
    schedule.say(f"F7: {label} was decided, and aborted in the sink")
    schedule.count(f"unit {schedule.plan.variant} decided, and aborted in the sink")
    if is_killed:
        recovers(schedule, member)


def decided_and_left(schedule: "Schedule") -> None:
    """F5: a member is killed between decision and COMMIT; the sink hides what is open until it has
    recovered."""
    member = schedule.members[0]
    unit = _unit_to_come(schedule, member)
    label = unit.label(schedule)
    (commit,) = _arm(schedule, _fault(schedule, "drop_before", "commit", label, count=None))
    _wait_for_hit(schedule, "a COMMIT that is lost", commit)
    kill_for_now(schedule, member)
    assert unit.is_decided() and label in open_labels(schedule), f"{label} is not open"
    assert _state(schedule, label) == "UNKNOWN", f"{label} is not hidden"
    pool.disarm(schedule.slot.starrocks, commit)
    schedule.say(f"F5: {label} is decided, and open")
    schedule.count("unit F5 decided, and left open by a kill")
    recovers(schedule, member)


def loaded_late(schedule: "Schedule") -> None:
    """F16: of a try that failed and was rolled back, a LOAD is done only when the next try waits for its
    COMMIT; the next one has another label, so it meets nothing."""
    member, server = schedule.members[0], schedule.slot.starrocks
    unit = _unit_to_come(schedule, member)
    label = unit.label(schedule)
    late, failing, lost, done, *commits = _arm(
        schedule,
        *(_fault(schedule, "delay", "load", label, table=one, seconds=HELD_S)
          for one in ("orders", "orders_1m")),
        _fault(schedule, "drop_before", "load", label, table="orders_1m"),
        _is_passed(schedule, label, "orders"),
        *(_fault(schedule, "delay", "commit", unit.label(schedule, again), seconds=HELD_S)
          for again in range(NEXT_TRY)))
    _wait_for_hit(schedule, "two LOADs that wait", late, failing)
    schedule.rest(SENT_S)
    pool.disarm(server, failing)
    _wait_for_hit(schedule, "one of them lost", lost)
    schedule.wait_for("the COMMIT of the next try",
                      lambda: any(pool.hits(server, one) for one in commits), START_S)
    assert _state(schedule, label) == "ABORTED" or schedule.plan.hides, label
    pool.disarm(server, late)
    _wait_for_hit(schedule, "the LOAD that is late", done)
    for commit in commits:
        pool.disarm(server, commit)
    schedule.say(f"F16: a LOAD of {label} came when the try was rolled back and another waited")
    schedule.count("unit F16 a LOAD of a try that was rolled back")


def decided_unheard(schedule: "Schedule") -> None:
    """F3: a decision is taken, and no answer comes, however often the client asks: nobody rolls it back."""
    member = schedule.members[0]
    wait_for_commits(schedule, member, 3)
    rule = member.proxy.arm(Rule(OFFSET_COMMIT, "drop_answer", None, skip=schedule.plan.pick))
    schedule.wait_for("a decision unheard", lambda: rule.errors, START_S)
    assert if_taken(rule.errors[0]), f"refused: {rule.errors[0]}"
    chain, n = OffsetCommit.read(rule.frames[0]).last
    label = f"{schedule.name}-{chain}-{n}"
    schedule.wait_for("the end of its patience", lambda: UNCONFIRMED in member.run.log, START_S)
    member.proxy.clear()
    schedule.say(f"F3: {label} was decided, and every answer lost")
    schedule.count("unit F3 decided, and every answer lost")
    state = schedule.wait_for("its end", lambda: {_state(schedule, label)} & {"VISIBLE", "ABORTED"},
                              START_S)
    assert state == {"VISIBLE"}, f"{label} was rolled back in doubt: it is {state}"


def set_by_an_operator(schedule: "Schedule") -> None:
    """F12: an offset that somebody set is not followed; the operator says that the sink counts."""
    member = schedule.members[0]
    wait_for_commits(schedule, member, 5)
    member.wanted = False
    member.terminate()
    schedule.wait_for("its end", lambda: member.run is None, START_S)
    partition, end = sorted(schedule.ledger_ends().items(), key=lambda row: row[1])[-1]
    place = TopicPartition(schedule.name, partition, end // 2)
    admin = AdminClient({"bootstrap.servers": schedule.slot.broker.address})
    for done in admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(schedule.group, [place])]).values():
        done.result(START_S)
    schedule.say(f"F12: partition {partition} is set to {end // 2}, the ledger ends at {end}")
    schedule.count("unit F12 an offset set by somebody else")
    member.millrace.env = {}
    run = member.millrace.start()  # not as the member's: it is to stop
    schedule.wait_for("its stop", lambda: not run.alive() or UNIT_IN in run.log, START_S)
    if run.alive():
        schedule.fail("F12: it goes on where it must stop")
        run.kill()
    else:
        assert run.ended() == STOPPED, run.log[-3000:]
        assert any("was not written by Millrace" in line and f"partition {partition}" in line
                   for line in run.log.splitlines()), run.log[-3000:]
    rewound = member.millrace.command("ledger", "accept-reset", "--rewind", str(member.millrace.path))
    assert rewound.returncode == 0, rewound.stdout + rewound.stderr
    schedule.say(f"F12: {rewound.stdout.strip()}")
    comes_back(member, schedule.plan.restart_after[0])


FATES = {"F3": decided_unheard, "F5": decided_and_left, "F7": decided_and_aborted,
         "F7 kill": decided_and_aborted, "F12": set_by_an_operator, "F16": loaded_late}


def fate_of_a_unit(schedule: "Schedule") -> None:
    FATES[schedule.plan.variant](schedule)
