"""The sink is down while input goes on: memory stays within its bound, and on return all of it is loaded
once, without anybody's help. Run by scripts/outage.sh in the long form, by test_outage.py in the short."""

import argparse
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from . import events
from .broker import Broker
from .program import Millrace, Run
from .starrocks import Rockpool
from .wait import until

MEBIBYTE = 1024 * 1024
OVERHEAD_BYTES = 64 * MEBIBYTE
"""Resident beside the option memory: the program, librdkafka's queue (16 MiB) and what it fetches into."""
PARTITIONS = 4
PAYLOADS = 4000


@dataclass(frozen=True)
class Plan:
    outage_s: float
    burst: int  # records at full speed when the sink goes down
    rate: int  # records a second from then on
    memory_mib: int = 128
    drain_s: float = 600


@dataclass
class Report:
    produced: int = 0
    taken_while_down: int = 0
    peak_resident: int = 0
    peak_used: int = 0
    limit: int = 0
    drain_s: float = 0
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"produced {self.produced} records; taken while the sink was down {self.taken_while_down}",
            f"memory used at most {self.peak_used / MEBIBYTE:.1f} MiB of {self.limit / MEBIBYTE:.0f}",
            f"resident at most {self.peak_resident / MEBIBYTE:.1f} MiB of "
            f"{(self.limit + OVERHEAD_BYTES) / MEBIBYTE:.0f}",
            f"drained in {self.drain_s:.1f} s: {self.produced / max(self.drain_s, 0.001):.0f} records/s",
        ]


class Flood(threading.Thread):
    """Produces until told to stop; every record is acknowledged when join returns."""

    def __init__(self, kafka: Broker, topic: str, plan: Plan):
        super().__init__(daemon=True)
        self.topic, self.plan = topic, plan
        self.stopping = threading.Event()
        self.sent, self.left = 0, -1
        self.producer = Producer({"bootstrap.servers": kafka.address, "enable.idempotence": True,
                                  "linger.ms": 20, "queue.buffering.max.messages": 200_000})
        self.payloads = [events.encode(events.order(i, channel=("web", "store", "app")[i % 3]))
                         for i in range(PAYLOADS)]

    def _send(self) -> None:
        try:
            self.producer.produce(self.topic, self.payloads[self.sent % PAYLOADS], b"k",
                                  self.sent % PARTITIONS)
            self.sent += 1
        except BufferError:
            self.producer.poll(0.05)

    def run(self) -> None:
        while self.sent < self.plan.burst and not self.stopping.is_set():
            self._send()
        began, first = time.monotonic(), self.sent
        while not self.stopping.is_set():
            due = first + int((time.monotonic() - began) * self.plan.rate)
            while self.sent < due and not self.stopping.is_set():
                self._send()
            self.producer.poll(0.02)
        self.left = self.producer.flush(120)

    def finish(self) -> None:
        self.stopping.set()
        self.join(150)
        assert self.left == 0, f"{self.left} records were not acknowledged"


def log_ends(kafka: Broker, topic: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": f"ends-{topic}"})
    try:
        return [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1]
                for p in range(PARTITIONS)]
    finally:
        consumer.close()


def resident_bytes(run: Run, row: str = "VmHWM") -> int:
    for line in Path(f"/proc/{run.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{row}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {row}")


def sample(run: Run, report: Report, began: float) -> None:
    assert run.alive(), run.log[-3000:]
    used = int(run.metric("mr_app_memory_used_bytes"))
    resident = resident_bytes(run, "VmRSS")
    report.samples.append((time.monotonic() - began, resident, used,
                           int(run.metric("mr_consume_records_total"))))
    report.peak_used = max(report.peak_used, int(run.metric("mr_app_memory_peak_bytes")))
    report.peak_resident = max(report.peak_resident, resident_bytes(run))
    assert used <= report.limit, f"{used} bytes are charged of {report.limit}"
    assert resident <= report.limit + OVERHEAD_BYTES, f"{resident} bytes are resident"


def set_up(kafka: Broker, sink: Rockpool, name: str, folder: Path, plan: Plan) -> Millrace:
    kafka.create_topic(name, PARTITIONS)
    sink.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, sink.fe, sink.mysql, name, name)
    config["memory"] = f"{plan.memory_mib}MiB"
    made = Millrace(folder, config)
    made.apply_ddl()
    return made


class Held:
    """The ports of a server that is down: bound, so that nobody takes them, but nobody answers there."""

    def __init__(self, ports: dict[str, int | list[int]]):
        self.sockets = []
        flat = [port for one in ports.values() for port in (one if isinstance(one, list) else [one])]
        for port in flat:
            held = socket.socket()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            until(f"port {port}", lambda s=held, p=port: s.bind(("127.0.0.1", p)) is None)
            self.sockets.append(held)

    def release(self) -> None:
        for held in self.sockets:
            held.close()


def go_down(run: Run, flood: Flood, report: Report, plan: Plan) -> None:
    """The outage: input goes on, and Millrace takes what fits and then nothing."""
    began = time.monotonic()
    flood.start()
    while time.monotonic() - began < plan.outage_s:
        sample(run, report, began)
        time.sleep(1)
    flood.finish()
    report.taken_while_down = report.samples[-1][3] - report.samples[0][3]


def come_back(run: Run, sink: Rockpool, name: str, report: Report, plan: Plan) -> None:
    began = time.monotonic()

    def count() -> int:
        sample(run, report, began)
        return sink.one("SELECT count(*) FROM orders", name)

    until("the whole backlog", count, lambda n: n >= report.produced, timeout_s=plan.drain_s,
          pause_s=0.5)
    report.drain_s = time.monotonic() - began


def assert_exact(sink: Rockpool, name: str, ends: list[int]) -> None:
    rows = sink.sql("SELECT _partition, count(*), count(DISTINCT _offset), min(_offset), "
                    "max(_offset) FROM orders GROUP BY _partition ORDER BY _partition", name)
    assert [tuple(map(int, row)) for row in rows] == [
        (p, end, end, 0, end - 1) for p, end in enumerate(ends)]
    assert int(sink.one("SELECT sum(orders) FROM orders_1m", name)) == sum(ends)


def outage(kafka: Broker, sink: Rockpool, name: str, folder: Path, plan: Plan) -> Report:
    """sink: running, to be stopped and started. Ends with everything checked."""
    made = set_up(kafka, sink, name, folder, plan)
    report = Report(limit=plan.memory_mib * MEBIBYTE)
    run = made.start()
    try:
        until("ready", run.ready)
        sink.stop()
        held = Held(sink.ports)
        go_down(run, Flood(kafka, name, plan), report, plan)
        ends = log_ends(kafka, name)
        report.produced = sum(ends)
        assert report.taken_while_down < report.produced, "the outage did not fill the memory"
        assert run.metric("mr_consume_backpressure_seconds_total") > 0
        held.release()
        sink.start()
        come_back(run, sink, name, report, plan)
        assert run.stop() == 0, run.log[-3000:]
        assert_exact(sink, name, ends)
        made.assert_verified()
    finally:
        made.close()
    return report


def main() -> None:
    parser = argparse.ArgumentParser("outage.sh")
    parser.add_argument("--minutes", type=float, default=10, metavar="N")
    parser.add_argument("--burst", type=int, default=400_000, metavar="RECORDS",
                        help="at full speed when the sink goes down")
    parser.add_argument("--rate", type=int, default=2000, metavar="RECORDS",
                        help="a second from then on")
    parser.add_argument("--memory", type=int, default=128, metavar="MIB")
    options = parser.parse_args()
    plan = Plan(options.minutes * 60, options.burst, options.rate, options.memory, drain_s=1800)
    with tempfile.TemporaryDirectory(prefix="millrace-outage-") as temporary:
        folder = Path(temporary)
        kafka, sink = Broker(folder / "kafka"), Rockpool(folder / "rockpool")
        try:
            (folder / "run").mkdir()
            kafka.start()
            sink.start()
            report = outage(kafka, sink, "outage", folder / "run", plan)
        finally:
            sink.kill()
            kafka.kill()
    print("\n".join(report.lines()))


if __name__ == "__main__":
    sys.exit(main())
