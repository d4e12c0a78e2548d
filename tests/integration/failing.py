"""One failure, made on purpose: a pipeline on a real broker and rockpool, with a producer that does not
pause, members that end or stop at named points, and the crash campaign's oracle at the end."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient

from crash import frames, pool
from crash.kafka_proxy import Loop, Rule
from crash.member import STOPPED, Member
from crash.plan import Plan
from crash.scenes.course import UNIT_IN
from crash.schedule import Schedule, Slot
from harness.broker import Broker
from harness.paths import MILLRACE_RACE
from harness.starrocks import Rockpool
from harness.wait import until

SESSION_S = 5  # what a dead member holds up its successor for; less expels members of a busy machine
SOON_S = 40
REPLAY = 'verdict="replay"'
PATIENT = {"socket.timeout.ms": 10_000}  # the client waits for an answer longer than a session
_numbers = itertools.count(1)


class Decided(NamedTuple):
    """What the group's offset of a partition says."""

    offset: int
    chain: str
    n: int
    start: int
    tables: int
    in_force: str
    config: str


class Needless(BaseException):
    """A member ended, or the harness failed, and no waiting mends it: passes every probe's except."""


class Course(Schedule):
    """A schedule whose faults are the test's own."""

    def __init__(self, slot: Slot, folder: Path, row: str, starts: list[list[str]],
                 kafka: dict | None = None, **changes: object):
        plan = Plan(seed=f"{row.lower()}_{next(_numbers)}", kind="mixed", variant="", partitions=2,
                    members=1, rate=120, chaos_s=0, starts=starts, restart_after=[1000.0] * 8,
                    steps=[], pick=0, forgets=False)
        for key, value in changes.items():
            assert hasattr(plan, key), key
            setattr(plan, key, value)
        super().__init__(slot, plan, folder, repeats_allowed=False)
        self.kafka = kafka or {}   # properties of the client
        self.left_stopped = False  # ends stopped: what the ledger covers counts
        self.judged = True         # False: the test counts for itself

    def tick(self) -> None:
        """A member that ended without need is told at once."""
        super().tick()
        if self.result.problems:
            raise Needless("\n".join(self.result.problems))

    # ---- members ----

    def config(self, broker_port: int) -> dict:
        config = super().config(broker_port)
        config["source"]["kafka"] |= {"session.timeout.ms": SESSION_S * 1000,
                                      "heartbeat.interval.ms": 1000, "socket.timeout.ms": 2500,
                                      **self.kafka}
        return config

    def add_member(self) -> Member:
        member = super().add_member()
        member.millrace.program = MILLRACE_RACE
        return member

    def run_member(self, member: Member | None = None) -> Member:
        """Starts a member, a new one unless it is named."""
        member = member or self.add_member()
        member.wanted = True
        self.start(member)
        return member

    def dies_at(self, member: Member, place: str) -> None:
        """It ends at the race point, and is not started again until the test does."""
        member.wanted = False
        self.wait_for(f"kill at {place}", lambda: self.result.counts[f"kill at {place}"], SOON_S)

    def stops_at(self, member: Member, place: str) -> None:
        self.wait_for(f"stop at {place}", lambda: self.result.counts[f"stop at {place}"], SOON_S)

    def leaves(self, member: Member) -> None:
        """In good order."""
        member.wanted = False
        member.terminate()
        self.wait_for("its end", lambda: member.run is None, SOON_S)

    def refuses(self, member: Member, *words: str) -> None:
        """It ends with the code of a stop, brings nothing in before, and its log says why and what to
        do."""
        run = member.run
        units = run.log.count(UNIT_IN)
        until("its end", lambda: not run.alive() or run.log.count(UNIT_IN) > units, timeout_s=SOON_S)
        assert run.log.count(UNIT_IN) == units, f"it goes on\n{run.log[-3000:]}"
        assert run.ended(SOON_S) == STOPPED, run.log[-3000:]
        said = [line for line in run.log.splitlines() if all(word in line for word in words)]
        assert said and "hint" in said[0].lower(), f"{words} not in\n{run.log[-3000:]}"
        member.run, member.wanted = None, False
        self.count("stopped with a reason")

    def log(self, member: Member) -> str:
        return "".join(run.log for run in member.millrace.runs)

    def says(self, member: Member, *words: str) -> str:
        """Waits for a line of its log, and gives it back."""
        return self.wait_for(f"a log line with {words}", lambda: next(
            (line for line in self.log(member).splitlines() if all(w in line for w in words)), ""),
            SOON_S)

    def watch_commits(self, member: Member) -> Rule:
        """Changes nothing; collects the commits, and how the broker answers each."""
        return member.proxy.arm(Rule(frames.OFFSET_COMMIT, "copy", None))

    def refused_commit(self, seen: Rule) -> frames.OffsetCommit:
        """The first commit that the broker refused because of its sender."""
        at = self.wait_for("the broker's refusal", lambda: 1 + next(
            (i for i, e in enumerate(seen.errors) if frames.is_fenced(e)), -1), SOON_S)
        return frames.OffsetCommit.read(seen.frames[at - 1])

    # ---- what Kafka and the sink say ----

    def as_admin(self, action: str, *arguments: object) -> None:
        """One call of the admin client, done; it must live until then."""
        admin = AdminClient({"bootstrap.servers": self.slot.broker.address})
        for done in getattr(admin, action)(*arguments).values():
            done.result(20)

    def decided(self) -> dict[int, Decided]:
        found = self.slot.broker.offsets(self.group, self.name, self.plan.partitions)
        return {partition: read_metadata(offset, text.decode())
                for partition, (offset, text) in found.items() if text}

    def last_label(self) -> str:
        """Label of the last unit that was decided, of all partitions alike."""
        units = {(d.chain, d.n) for d in self.decided().values()}
        assert len(units) == 1, units
        return self.label(*units.pop())

    def label(self, chain: str, n: int) -> str:
        return f"{self.name}-{chain}-{n}"

    def unit_of(self, committed: frames.CommitPartition) -> str:
        """The label that a commit on its way names for a partition."""
        said = read_metadata(committed.offset, committed.metadata.decode())
        return self.label(said.chain, said.n)

    def open_labels(self) -> list[str]:
        return sorted((t["label"] for t in pool.open_transactions(self.slot.starrocks, self.name)),
                      key=lambda text: int(text.rsplit("-", 1)[1]))

    def undecided(self) -> str:
        """Label of the first open unit that the group's offsets do not name yet."""
        decided = int(self.last_label().rsplit("-", 1)[1])
        return next(one for one in self.open_labels() if int(one.rsplit("-", 1)[1]) > decided)

    def state(self, label: str) -> str:
        return pool.state_of(self.slot.starrocks, self.name, label)

    @contextmanager
    def sink_down(self) -> Iterator[None]:
        self.slot.starrocks.kill()
        try:
            yield
        finally:
            self.slot.starrocks.start()

    @contextmanager
    def broker_down(self) -> Iterator[None]:
        self.slot.broker.kill()
        try:
            yield
        finally:
            self.slot.broker.start()

    def fault(self, name: str, **options: object) -> int:
        return pool.arm(self.slot.starrocks, {"fault": name, "database": self.name, **options})

    def hits(self, name: str) -> int:
        return sum(one["hits"] for one in pool.armed(self.slot.starrocks) if one["fault"] == name)

    def wait_for_chain_after(self, label: str) -> None:
        """Another chain than the label's has brought units in."""
        chain = label.split("-")[1]

        def others() -> bool:
            chains = {c for c, _ in self.units_in().values()}
            return bool(chains) and chain not in chains

        self.wait_for("units of another chain", others, SOON_S)

    def detail_rows(self) -> int:
        return self.slot.starrocks.one("SELECT COUNT(*) FROM orders", self.name)

    def wait_for_rows(self, count: int) -> None:
        self.wait_for(f"{count} rows", lambda: self.detail_rows() >= count, SOON_S)

    # ---- the end ----

    def finish(self) -> None:
        """All faults end, what was produced comes in, every offset is counted."""
        self.calm_down()
        if not self.left_stopped:
            self.drain()
        self.stop_all()
        if self.judged:
            self.judge()

    def tell(self) -> str:
        tails = [f"-- {name}\n{log[-2500:]}" for name, log in self.result.logs.items()]
        return "\n".join([*self.result.timeline, *tails, *self.result.problems])


def read_metadata(offset: int, text: str) -> Decided:
    _, _, last, start, tables, in_force, _, config, _ = text.split("|")
    chain, _, n = last.partition(",")
    return Decided(offset, chain, int(n or 0), int(start), int(tables[1:], 16), in_force,
                   config)


def begin_elsewhere(course: Course, label: str) -> None:
    """Somebody else begins a transaction under this label."""
    pool.ask_elsewhere(course.slot.starrocks, course.name, "begin", label, timeout="600")


def roll_back_elsewhere(course: Course, label: str) -> None:
    """Somebody else rolls back: as good as a time-out in the sink."""
    pool.ask_elsewhere(course.slot.starrocks, course.name, "rollback", label)


@contextmanager
def played(slot: Slot, folder: Path, row: str, *starts: str, **changes: object) -> Iterator[Course]:
    """A running pipeline with one member, started with `starts` (MILLRACE_AT), one after the other."""
    course = Course(slot, folder / row, row, [list(starts)], **changes)
    try:
        course.set_up()
        yield course
        course.finish()
    finally:
        course.clean_up()
        print(course.tell())
    assert course.result.passed, "\n".join(course.result.problems)
    assert course.left_stopped or not course.judged or course.drained


Play = Callable[..., AbstractContextManager[Course]]


@pytest.fixture(scope="module")
def slot(kafka: Broker, starrocks: Rockpool) -> Iterator[Slot]:
    assert MILLRACE_RACE.exists(), f"{MILLRACE_RACE}: MILLRACE_RACE_BIN names a build with race points"
    loop = Loop()
    yield Slot(kafka, starrocks, loop, {}, threading.Event())
    loop.close()


@pytest.fixture
def play(slot: Slot, tmp_path: Path) -> Play:
    """The arguments of played, from `row` on."""
    return partial(played, slot, tmp_path)
