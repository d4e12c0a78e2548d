"""How long rows stop: after a crash, at an orderly hand-over, when a member joins.

A real Kafka broker and rockpool, one pipeline with exactly-once delivery, a producer that never rests,
and an eye on the ledger: its row of a partition moves in the same transaction as the rows of the
tables, and names the chain, so that the first row of a new owner is known from those of the old one.
The last line is `millrace verify`: figures of a run that lost or doubled a row are worth nothing.

    recovery.py [--rounds N] [--session MS] [--heartbeat MS] [--flush DURATION] [--keep FOLDER]
"""

import argparse
import copy
import json
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import pymysql

from harness import events
from harness.broker import Broker
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until

NAME = "recovery"
PARTITIONS = 4
LIMIT_S = 120
LOOK_S = 0.01
PRODUCE_S = 0.02  # one event a partition each time


class Ledger(threading.Thread):
    """Sees when each partition's row moves: (time, end, chain)."""

    def __init__(self, server: Rockpool):
        super().__init__(daemon=True)
        self.moves: dict[int, list[tuple[float, int, str]]] = {p: [] for p in range(PARTITIONS)}
        self.over = threading.Event()
        self.trouble: Exception | None = None
        self.slowest = 0.0
        self.connection = pymysql.connect(
            host="127.0.0.1", port=server.ports["mysql"], user="root", database=NAME,
            autocommit=True, read_timeout=30)

    def run(self) -> None:
        try:
            while not self.over.wait(LOOK_S):
                self.look()
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self.trouble = error

    def look(self) -> None:
        began = time.monotonic()
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT `partition`, `end`, chain FROM millrace_ledger")
            rows = cursor.fetchall()
        now = time.monotonic()
        self.slowest = max(self.slowest, now - began)
        for partition, end, chain in rows:
            seen = self.moves[int(partition)]
            if not seen or seen[-1][1] != end:
                seen.append((now, int(end), str(chain)))

    def first_of_chain(self, partition: int, chains: set[str], since: float) -> float | None:
        """When a chain that is not one of `chains` first moved the partition."""
        for at, _, chain in reversed(self.moves[partition]):
            if at < since:
                break
            if chain not in chains and not self._earlier(partition, chains, at, since):
                return at
        return None

    def _earlier(self, partition: int, chains: set[str], at: float, since: float) -> bool:
        return any(since <= t < at and c not in chains for t, _, c in self.moves[partition])

    def pause(self, partition: int, since: float) -> float:
        """The longest time without a row around and after that moment."""
        times = [at for at, _, _ in self.moves[partition]]
        before = [at for at in times if at < since]
        after = before[-1:] + [at for at in times if at >= since]
        return max((b - a for a, b in zip(after, after[1:])), default=0.0)

    def check(self) -> None:
        if self.trouble:
            raise self.trouble


class Producer(threading.Thread):
    def __init__(self, broker: Broker):
        super().__init__(daemon=True)
        self.broker, self.over, self.count = broker, threading.Event(), 0
        self.trouble: Exception | None = None

    def run(self) -> None:
        try:
            while not self.over.wait(PRODUCE_S):
                records = []
                for partition in range(PARTITIONS):
                    event = events.order(self.count, member=f"M-{self.count % 97}")
                    records.append((partition, b"k", events.encode(event)))
                    self.count += 1
                self.broker.produce_records(NAME, records)
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self.trouble = error

    def check(self) -> None:
        if self.trouble:
            raise self.trouble


class Stage:
    """Broker, server, producer, eye, and the members of the round under way."""

    def __init__(self, folder: Path, options: argparse.Namespace):
        self.folder, self.options = folder, options
        self.broker = Broker(folder / "kafka")
        self.server = Rockpool(folder / "rockpool")
        self.programs: list[Millrace] = []

    def open(self) -> None:
        self.broker.folder.mkdir()
        self.broker.start()
        self.server.start()
        self.broker.create_topic(NAME, PARTITIONS)
        self.server.sql(f"CREATE DATABASE {NAME}")
        self.program().apply_ddl()
        self.ledger, self.producer = Ledger(self.server), Producer(self.broker)
        self.producer.start()
        self.ledger.start()

    def program(self, instance: str = "") -> Millrace:
        config = copy.deepcopy(events.orders_config(
            self.broker.address, self.server.fe, self.server.mysql, NAME, NAME))
        kafka = config["source"]["kafka"]
        kafka["session.timeout.ms"] = self.options.session
        kafka["heartbeat.interval.ms"] = self.options.heartbeat
        config["flush"]["every"] = self.options.flush
        if instance:
            kafka["group.instance.id"] = instance
        folder = self.folder / f"program-{len(self.programs)}"
        folder.mkdir()
        self.programs.append(Millrace(folder, config))
        return self.programs[-1]

    def wait(self, what: str, probe: object) -> object:
        def look() -> object:
            return probe()

        found = until(what, look, good=lambda x: x is not None and x is not False,
                      timeout_s=LIMIT_S, pause_s=0.02)
        self.ledger.check()
        self.producer.check()
        return found

    def settled(self, *runs: Run) -> dict[Run, list[int]]:
        """Who owns which partitions, once rows of every partition come in from these runs."""
        def look() -> dict[Run, list[int]] | None:
            told = {run: json.loads(run.http("/v1/status")[1]) for run in runs}
            chains = {told[run]["chain"]: run for run in runs}
            owned: dict[Run, list[int]] = {run: [] for run in runs}
            horizon = time.monotonic() - 3
            for partition, moves in self.ledger.moves.items():
                if not moves or moves[-1][0] < horizon or moves[-1][2] not in chains:
                    return None
                owned[chains[moves[-1][2]]].append(partition)
            agree = all(len(owned[r]) == told[r]["kafka"]["partitions"] > 0 for r in runs)
            return owned if agree and all(run.ready() for run in runs) else None

        return self.wait("rows of every partition", look)

    def first_rows(self, partitions: list[int], chains: set[str], since: float) -> list[float]:
        """Seconds until the first row of a new chain, partition by partition, ascending."""
        def look() -> list[float] | None:
            found = [self.ledger.first_of_chain(p, chains, since) for p in partitions]
            return None if None in found else sorted(at - since for at in found)

        return self.wait("a row of the new owner", look)

    def known(self) -> set[str]:
        return {chain for moves in list(self.ledger.moves.values()) for _, _, chain in list(moves)}

    def close(self) -> None:
        for program in self.programs:
            program.close()
        for thread in ("ledger", "producer"):
            if hasattr(self, thread):
                getattr(self, thread).over.set()
                getattr(self, thread).join(60)
        self.server.stop()
        self.broker.stop()


class Table:
    def __init__(self) -> None:
        self.rows: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self.rows.setdefault(name, []).append(seconds)
        print(f"  {time.strftime('%H:%M:%S')} {name}: {seconds:.2f} s", flush=True)

    def print(self) -> None:
        width = max(map(len, self.rows))
        print(f"\n{'seconds':{width}}  {'median':>7} {'min':>7} {'max':>7}  rounds")
        for name, values in self.rows.items():
            print(f"{name:{width}}  {statistics.median(values):7.2f} {min(values):7.2f}"
                  f" {max(values):7.2f}  {len(values):6}")


def stop_all(*runs: Run) -> None:
    for run in runs:
        assert run.stop(60) == 0, run.log[-2000:]


def restart(stage: Stage, table: Table, instance: str) -> None:
    """kill -9 of the only member, started again at once."""
    kind = "with group.instance.id" if instance else "without"
    program = stage.program(instance)
    run = program.start()
    stage.settled(run)
    known, killed = stage.known(), time.monotonic()
    run.kill()
    run = program.start()
    times = stage.first_rows(list(range(PARTITIONS)), known, killed)
    table.add(f"kill -9, restarted {kind}: first new row", times[0])
    table.add(f"kill -9, restarted {kind}: rows of all partitions", times[-1])
    stop_all(run)


def take_over(stage: Stage, table: Table) -> None:
    """kill -9 of one of two members; the other takes its partitions."""
    first, second = stage.program().start(), stage.program().start()
    owned = stage.settled(first, second)
    known, killed = stage.known(), time.monotonic()
    first.kill()
    times = stage.first_rows(owned[first], known, killed)
    table.add("kill -9 of one of two: first row by the other", times[0])
    stop_all(second)


def hand_over(stage: Stage, table: Table) -> None:
    """A member joins; then one of the two gets SIGTERM."""
    first = stage.program().start()
    stage.settled(first)
    known, began = stage.known(), time.monotonic()
    second = stage.program().start()
    owned = stage.settled(first, second)
    times = stage.first_rows(owned[second], known, began)
    table.add("a member joins: process start to its first row", times[0])
    table.add("a member joins: longest pause of a partition",
              max(stage.ledger.pause(p, began) for p in range(PARTITIONS)))
    known, told = stage.known(), time.monotonic()
    first.signal(signal.SIGTERM)
    times = stage.first_rows(owned[first], known, told)
    stage.settled(second)
    table.add("SIGTERM of one of two: first row by the other", times[0])
    table.add("SIGTERM of one of two: longest pause of a partition",
              max(stage.ledger.pause(p, told) for p in range(PARTITIONS)))
    assert first.ended(60) == 0, first.log[-2000:]
    stop_all(second)


def prove(stage: Stage) -> None:
    """All that was produced is in, once."""
    stage.producer.over.set()
    stage.producer.join(60)
    stage.producer.check()
    run = stage.program().start()
    wanted = stage.producer.count
    until("all rows", lambda: stage.server.one("SELECT count(*) FROM orders", NAME),
          good=lambda rows: rows >= wanted, timeout_s=LIMIT_S)
    stop_all(run)
    rows = stage.server.one("SELECT count(*) FROM orders", NAME)
    assert rows == wanted, f"{wanted} events were produced, {rows} rows are there"
    stage.programs[-1].assert_verified()
    print(f"\n{wanted} events produced, {rows} rows, millrace verify agrees;"
          f" slowest look at the ledger {stage.ledger.slowest * 1000:.0f} ms")


def measure(folder: Path, options: argparse.Namespace, table: Table) -> None:
    stage = Stage(folder, options)
    try:
        stage.open()
        for number in range(options.rounds):
            print(f"round {number + 1}", flush=True)
            restart(stage, table, "member-1")
            restart(stage, table, "")
            take_over(stage, table)
            hand_over(stage, table)
        prove(stage)
    finally:
        stage.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="how long rows stop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--session", type=int, default=6000, help="session.timeout.ms")
    parser.add_argument("--heartbeat", type=int, default=1000, help="heartbeat.interval.ms")
    parser.add_argument("--flush", default="200ms", help="flush.every")
    parser.add_argument("--keep", type=Path, help="logs and data go to this new folder and stay")
    options = parser.parse_args()
    table = Table()
    if options.keep:
        options.keep.mkdir(parents=True)
        measure(options.keep, options, table)
    else:
        with tempfile.TemporaryDirectory(prefix="mr-recovery-") as folder:
            measure(Path(folder), options, table)
    table.print()
    print(f"session.timeout.ms {options.session}, heartbeat.interval.ms {options.heartbeat},"
          f" flush.every {options.flush}, {PARTITIONS} partitions,"
          f" about {PARTITIONS / PRODUCE_S:.0f} events/s; real Kafka broker, rockpool")
    return 0


if __name__ == "__main__":
    sys.exit(main())
