"""Plays many schedules, side by side on servers of their own, and adds up."""

import queue
import shutil
import signal
import subprocess
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

from harness.broker import Broker
from harness.paths import MILLRACE
from harness.starrocks import Rockpool

from .kafka_proxy import Loop
from .plan import FORCED, PERIOD, POINTS, Plan, draw_plan
from .schedule import Interrupted, Result, Schedule, Slot

LOG_TAIL = 2500
SERVERS_LAST = 40


class Campaign:
    def __init__(self, folder: Path, seeds: list[str], jobs: int, repeats_allowed: bool,
                 points: tuple[str, ...], again: str, keep: bool):
        self.folder, self.jobs, self.repeats_allowed = folder, min(jobs, len(seeds)), repeats_allowed
        self.points, self.again, self.keep = points, again, keep
        self.total = len(seeds)
        self.seeds: queue.Queue[str] = queue.Queue()
        for seed in seeds:
            self.seeds.put(seed)
        self.results: list[Result] = []
        self.broken: list[str] = []  # what ended a slot: the campaign is not whole then
        self.printing = threading.Lock()
        self.interrupted = threading.Event()
        self.began = time.monotonic()

    def run(self) -> bool:
        threads = [threading.Thread(target=self._slot, args=(i,)) for i in range(self.jobs)]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.interrupted.set())
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._summary()

    def _slot(self, number: int) -> None:
        try:
            turn = 0
            while not self.seeds.empty() and not self.interrupted.is_set():
                self._turn(self.folder / f"slot-{number}-{turn}")
                turn += 1
        except Interrupted:
            self.broken.append(f"slot {number} was interrupted")
        except Exception as error:  # noqa: BLE001 - told in the summary, which then fails
            self.broken.append(f"slot {number}: {type(error).__name__}: {error}")

    def _turn(self, folder: Path) -> None:
        """Some schedules on fresh servers, so that what piles up stays bounded."""
        broker, starrocks, loop = Broker(folder / "kafka"), Rockpool(folder / "rockpool"), Loop()
        try:
            broker.start()
            starrocks.start()
            slot = Slot(broker, starrocks, loop, self._delivery(), self.interrupted)
            for _ in range(SERVERS_LAST):
                if not self._next(slot):
                    break
        finally:
            starrocks.kill()
            broker.kill()
            loop.close()
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _next(self, slot: Slot) -> bool:
        try:
            seed = self.seeds.get_nowait()
        except queue.Empty:
            return False
        plan = draw_plan(seed, self.points)
        result = Schedule(slot, plan, self.folder / seed, self.repeats_allowed).run()
        if self.keep:
            (self.folder / seed / "timeline").write_text(
                "\n".join([*plan.lines(), *result.timeline, *result.problems]) + "\n")
        else:
            shutil.rmtree(self.folder / seed, ignore_errors=True)
        with self.printing:
            self.results.append(result)
            self._progress(result)
        return True

    def _delivery(self) -> dict:
        """A program that knows the option is told to allow repeats; one from before it does so anyway."""
        options = subprocess.run([str(MILLRACE), "--list-options"], capture_output=True, text=True,
                                 timeout=20, check=True).stdout
        return {"delivery": "at-least-once"} if self.repeats_allowed and "`delivery`" in options else {}

    # ---- what is printed ----

    def _progress(self, result: Result) -> None:
        plan = result.plan
        word = "ok" if result.passed else "HUNG" if result.hung else "FAILED"
        word += " (stopped)" if result.stopped else ""
        doubled = f", {result.doubled} doubled" if result.doubled else ""
        print(f"[{time.monotonic() - self.began:5.0f} s] {len(self.results)}/{self.total} {plan.seed} "
              f"{plan.kind} {plan.variant}".rstrip()
              + f": {word}, {result.events} events{doubled}, {result.seconds:.1f} s: "
              + (", ".join(result.counts) or "nothing happened"), flush=True)
        if not result.passed:
            self._show_failure(result)

    def _show_failure(self, result: Result) -> None:
        print(f"---- schedule {result.plan.seed} ----")
        print("\n".join(f"  plan  {line}" for line in result.plan.lines()))
        print("\n".join(f"  {line}" for line in result.timeline))
        for name, log in result.logs.items():
            print(f"  -- {name}, its end:")
            print("\n".join(f"     {line}" for line in log[-LOG_TAIL:].splitlines()))
        for problem in result.problems:
            print(f"  PROBLEM {problem}")
        print(f"  again: {self.again} --only {result.plan.seed}", flush=True)

    def _summary(self) -> bool:
        counts: Counter = Counter()
        schedules: Counter = Counter()
        for result in self.results:
            counts += result.counts
            schedules.update(result.counts.keys())
        print(f"\n{'what happened':58} {'times':>6} {'in schedules':>12}")
        for name in sorted(counts):
            print(f"{name:58} {counts[name]:6} {schedules[name]:12}")
        if self.points == POINTS:
            self._points_reached(counts)
        missing = self._missing(counts)
        for text in (*self.broken, *missing):
            print(f"NOT WHOLE: {text}")
        passed = sum(r.passed for r in self.results)
        print(f"{len(self.results)} schedules: {passed} passed, "
              f"lost {sum(r.lost for r in self.results)}, "
              f"doubled {sum(r.doubled for r in self.results)}, "
              f"hung {sum(r.hung for r in self.results)}", flush=True)
        return passed == self.total and not self.broken and not missing

    def _points_reached(self, counts: Counter) -> None:
        reached = {name.split(" at ")[1] for name in counts if " at " in name}
        never = [point for point in POINTS if point not in reached]
        text = (f"named points: {len(POINTS) - len(never)} of {len(POINTS)} killed or stopped at; "
                f"not at: {' '.join(never) or 'none'}")
        print("\n".join(textwrap.wrap(text, 100, break_on_hyphens=False)))

    def _missing(self, counts: Counter) -> list[str]:
        """The forced kinds occurred in any run that is long enough to hold them."""
        if self.total < PERIOD:
            return []
        return [f"{kind} did not occur" for kind in sorted(FORCED.values())
                if not any(name.startswith(kind) for name in counts)]
