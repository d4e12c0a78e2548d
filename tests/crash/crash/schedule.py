"""Plays one schedule: members, producer, faults; then drains, stops, and asks the oracle."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness import events
from harness.broker import Broker
from harness.starrocks import Rockpool
from harness.wait import until

from . import frames, oracle, pool, scenes
from .kafka_proxy import KafkaProxy, Loop, Rule
from .member import STOPPED, Member
from .plan import SESSION_S, Plan, database_of
from .steps import Steps
from .traffic import Traffic

TICK_S = 0.02
DRAIN_S = 90
STOPPED_DRAIN_S = 30
EXIT_S = 40
JOIN_S = 30
AFTER_SCENE_S = 2.0
END_S = 10  # in which a server ends the load of a client that has gone


class Interrupted(BaseException):
    """The campaign is to end: the schedule says nothing any more."""


class Hung(AssertionError):
    """Something that must end did not."""


@dataclass
class Slot:
    """The servers that schedules play on, one schedule at a time."""

    broker: Broker
    starrocks: Rockpool
    loop: Loop
    delivery: dict  # the option `delivery`, where it must be said
    interrupted: threading.Event


@dataclass
class Result:
    plan: Plan
    problems: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    hung: bool = False
    stopped: bool = False
    seconds: float = 0.0
    events: int = 0
    timeline: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    logs: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.problems


class Schedule(Steps):
    def __init__(self, slot: Slot, plan: Plan, folder: Path, repeats_allowed: bool):
        self.slot, self.plan, self.folder = slot, plan, folder
        self.repeats_allowed = repeats_allowed
        self.name = database_of(plan.seed)
        self.result = Result(plan)
        self.members: list[Member] = []
        self.rules: list[tuple[str, Rule]] = []
        self.background: list[threading.Thread] = []
        self.pool_busy = threading.Lock()
        self.began = time.monotonic()
        self.draining = self.drained = False
        self.late_label = ""  # begun when nobody waited for it any more: it runs out
        self.traffic: Traffic | None = None

    # ---- what happened ----

    def say(self, text: str) -> None:
        self.result.timeline.append(f"{time.monotonic() - self.began:6.2f}  {text}")

    def count(self, what: str, times: int = 1) -> None:
        if times:
            self.result.counts[what] += times

    def fail(self, text: str) -> None:
        self.say(f"PROBLEM {text}")
        self.result.problems.append(text)

    # ---- members ----

    def config(self, broker_port: int) -> dict:
        config = events.orders_config(f"127.0.0.1:{broker_port}", self.slot.starrocks.fe,
                                      self.slot.starrocks.mysql, self.name, self.name)
        config["source"]["kafka"] |= {
            "session.timeout.ms": SESSION_S * 1000, "heartbeat.interval.ms": 1000,
            "socket.timeout.ms": 4000, "reconnect.backoff.max.ms": 500,
            # The client waits that long for the answer to a JoinGroup, on a connection that lives.
            "max.poll.interval.ms": JOIN_S * 1000}
        config["rollups"] = oracle.ROLLUPS
        config["memory"] = "64MiB"
        config["threads"] = {"workers": 2}
        return config | self.slot.delivery

    def add_member(self) -> Member:
        number = len(self.members)
        proxy = KafkaProxy(self.slot.loop, self.slot.broker.port)
        starts = self.plan.starts[number] if number < len(self.plan.starts) else []
        config = self.config(proxy.port)
        if self.plan.is_late and number == 0:
            config["source"]["kafka"] |= scenes.UNHEARD
        member = Member(number, proxy, config, self.folder / f"member-{number}", starts)
        self.members.append(member)
        return member

    @property
    def group(self) -> str:
        return self.members[0].millrace.config["source"]["kafka"]["group"]

    def expel(self, member: str) -> None:
        """Says to the coordinator that the member leaves; itself it does not know."""
        error = self.slot.broker.ask(frames.LEAVE_GROUP, 0, frames.put_text(self.group.encode())
                                     + frames.put_text(member.encode())).take("h")
        assert error == 0, error

    def start(self, member: Member) -> None:
        if self.draining:
            member.starts.clear()
        at = member.start()
        self.say(f"member {member.number} starts, pid {member.run.process.pid}"
                 + (f", MILLRACE_AT={at}" if at else ""))

    def tick(self) -> None:
        """Starts who is due, continues who has slept enough, and notices who ended."""
        if self.slot.interrupted.is_set():
            raise Interrupted
        now = time.monotonic()
        for member in self.members:
            if member.run is None or not member.up:
                self.notice_end(member)
                if member.start_at is not None and now >= member.start_at and member.wanted:
                    self.start(member)
            elif member.frozen_until is None and member.state() == "T":
                member.frozen_until = now + self.plan.restart_after[0] + 1.0
                place = member.acted()[-1][0]
                self.say(f"member {member.number} stopped at {place}")
                self.count(f"stop at {place}")
            elif member.frozen_until is not None and now >= member.frozen_until:
                member.thaw()
                self.say(f"member {member.number} goes on")
        time.sleep(TICK_S)

    def notice_end(self, member: Member) -> None:
        if member.run is None:
            return
        code = member.run.process.poll()
        at_point = [place for place, action in member.acted() if action == "kill"]
        self.say(f"member {member.number} ended with {code}"
                 + (f" at {at_point[-1]}" if at_point else ""))
        unborn = code == -signal.SIGTERM and not member.run.log  # it takes no signals yet
        expected = ((code == -signal.SIGKILL and (member.killed or at_point))
                    or (member.terminated and (code == 0 or unborn)))
        if at_point and code == -9 and not member.killed:
            self.count(f"kill at {at_point[-1]}")
        if code == STOPPED:
            self.result.stopped = True
            self.count("stopped with a reason")
            if not self.plan.may_stop:
                self.fail(f"member {member.number} stopped without need: {last_error(member)}")
        elif not expected:
            self.fail(f"member {member.number} ended with {code}: {last_error(member)}")
        elif member.wanted:
            delay = self.plan.restart_after[len(member.millrace.runs) % 8]
            member.start_at = time.monotonic() + (0 if self.draining else delay)
        member.run = member.frozen_until = None

    def wait_for(self, what: str, probe: Callable[[], object], timeout_s: float) -> object:
        """As harness.wait.until, the members being looked after meanwhile."""
        def look() -> object:
            self.tick()
            return probe()

        return until(what, look, timeout_s=timeout_s, pause_s=0)

    def rest(self, seconds: float) -> None:
        """Nothing is done, and the members are looked after."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()

    # ---- the course ----

    def run(self) -> Result:
        try:
            self.set_up()
            self.play_chaos()
            self.calm_down()
            self.drain()
            self.stop_all()
            self.judge()
        except Hung as error:
            self.result.hung = True
            self.fail(f"hung: {error}")
        except AssertionError as error:
            self.fail(f"{error}")
        except Exception as error:  # noqa: BLE001 - told as the schedule's problem
            self.fail(f"harness: {type(error).__name__}: {error}")
        finally:
            self.clean_up()
        self.result.seconds = time.monotonic() - self.began
        return self.result

    def set_up(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        pool.disarm(self.slot.starrocks)
        self.slot.broker.create_topic(self.name, self.plan.partitions)
        self.slot.starrocks.sql(f"CREATE DATABASE {self.name}")
        for _ in range(self.plan.members):
            self.add_member()
        self.members[0].millrace.apply_ddl()
        self.traffic = Traffic(self.slot.broker.address, self.name, self.plan.partitions,
                               self.plan.seed, self.plan.rate)
        self.began = time.monotonic()
        self.traffic.start()
        for member in self.members:
            self.start(member)

    def play_chaos(self) -> None:
        steps = list(self.plan.steps)
        began, lasts = self.began, self.plan.chaos_s
        if self.plan.kind in scenes.SCENES:
            scenes.play(self)
            began, lasts = time.monotonic(), AFTER_SCENE_S
        while steps or time.monotonic() - began < lasts or any(m.frozen_until for m in self.members):
            while steps and steps[0].at <= time.monotonic() - began:
                self.play(steps.pop(0))
            self.tick()

    def calm_down(self) -> None:
        """Ends the producer and every fault; what never bit is not counted. What the sink hides of open
        transactions it hides until the last of them is done with."""
        for thread in self.background:
            thread.join(100)
            if thread.is_alive():
                raise Hung("a server does not come back")
        self.draining = True
        self.traffic.finish()
        self.result.events = len(self.traffic.acknowledged)
        for fault in pool.armed(self.slot.starrocks):
            self.count(f"rockpool {fault['fault']}", fault["hits"])
        pool.disarm(self.slot.starrocks)
        if self.plan.hides:
            scenes.hide_open(self)
        for name, rule in self.rules:
            self.count(f"Kafka {name}", rule.hits)
        for member in self.members:
            member.proxy.clear()
            member.thaw()
            if member.start_at is not None:
                member.start_at = time.monotonic()
        self.say(f"calm: {self.result.events} events, ends {self.traffic.ends()}")

    def units_in(self) -> dict[int, tuple[str, int]]:
        """Partition → (chain, n) of its ledger row."""
        return {row[0]: (row[1], row[2]) for row in self.slot.starrocks.sql(
            "SELECT `partition`, chain, n FROM millrace_ledger", self.name)}

    def ledger_ends(self) -> dict[int, int]:
        return oracle.ledger_ends(self.slot.starrocks, self.name, self.name)

    def drain(self) -> None:
        wanted = self.traffic.ends()
        began = time.monotonic()
        next_look = 0.0
        ends: dict[int, int] = {}
        while ends != wanted:
            self.tick()
            if not any(m.up or (m.wanted and m.start_at is not None) for m in self.members):
                if self.result.stopped:
                    self.say("all stopped")
                    return
                self.start(self.add_member())
            waited = time.monotonic() - began
            if waited > (STOPPED_DRAIN_S if self.result.stopped else DRAIN_S):
                if self.result.stopped:
                    return
                raise Hung(f"not drained after {DRAIN_S} s: ledger ends {ends}, log ends {wanted}")
            if time.monotonic() >= next_look:
                ends = self.ledger_ends()
                next_look = time.monotonic() + 0.2
        self.drained = True
        self.say(f"drained, {time.monotonic() - began:.1f} s after the calm")

    def stop_all(self) -> None:
        for member in self.members:
            member.wanted = False
            member.terminate()
        deadline = time.monotonic() + EXIT_S
        while any(m.up for m in self.members):
            self.tick()
            if time.monotonic() > deadline:
                left = [m.number for m in self.members if m.up]
                raise Hung(f"members {left} did not end {EXIT_S} s after SIGTERM")
        for member in self.members:
            self.notice_end(member)

    def judge(self) -> None:
        truth = oracle.Truth(self.traffic.acknowledged, self.traffic.bad)
        if not self.drained:  # stopped: what the ledger covers, and nothing else
            truth = truth.up_to(self.ledger_ends())
        findings = oracle.judge(self.slot.starrocks, self.name, self.name, truth,
                                self.open_transactions(), self.folder)
        self.result.lost, self.result.doubled = len(findings.lost), len(findings.doubled)
        problems = (findings.problems_of_repeats_allowed() if self.repeats_allowed
                    else findings.problems())
        for problem in problems:
            self.fail(problem)
        if not problems and not self.repeats_allowed and self.drained:
            verified = self.members[0].millrace.verify()
            if verified.returncode != 0:
                self.fail(f"verify: {verified.stdout[-1500:]}{verified.stderr[-500:]}")

    def open_transactions(self) -> list[dict]:
        if not self.drained:
            return []  # who stops leaves everything as it was found
        left = self.left_open()
        deadline = time.monotonic() + END_S
        while left and time.monotonic() < deadline:
            self.tick()
            left = self.left_open()
        return left

    def left_open(self) -> list[dict]:
        return pool.to_be_ended(pool.open_transactions(self.slot.starrocks, self.name),
                                self.result.counts, self.late_label)

    def clean_up(self) -> None:
        for member in self.members:
            for problem in member.proxy.failures:
                self.fail(f"harness: proxy {member.number}: {problem}")
            for run in member.millrace.runs:
                self.result.logs[f"member {member.number}, {run.log_path.name}"] = run.log
            member.close()
        if self.traffic is not None and self.result.problems:
            self.traffic.abandon()
        for thread in self.background:
            thread.join(100)


def last_error(member: Member) -> str:
    """Why it stopped, or the last it said of an error, or the last it said."""
    lines = member.run.log.splitlines()
    stops = [line for line in lines if 'msg="partition stopped' in line]
    errors = [line for line in lines if "error" in line.lower()]
    return (stops or errors or lines or ["(no log)"])[-1][-500:]
