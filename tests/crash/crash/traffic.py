"""What is produced: events that follow from their number alone, sent at a steady rate, to the
partitions that a schedule wants; what it kept back for a while comes at once."""

import random
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from confluent_kafka import Producer

from harness import events
from harness.broker import Produced

CHANNELS = ("web", "store", "app")
COUNTRIES = ("US", "CA", "GB", None)
BAD_EVERY = 23
BATCH_PAUSE_S = 0.02
ACKNOWLEDGED_S = 20
OUTSTANDING_MAX = 2000  # a broker that is away is waited for, not buried


def is_bad(number: int) -> bool:
    return number % BAD_EVERY == 7


def event_bytes(seed: str, number: int) -> bytes:
    """The number-th event of a schedule; a bad one is a good one cut off."""
    draw = random.Random(f"{seed}/{number}")
    value = events.encode(events.order(
        number,
        amount=f"{draw.randrange(-50, 100_000) / 100:.2f}",
        member=f"M-{draw.randrange(50)}",
        channel=draw.choice(CHANNELS),
        country=draw.choice(COUNTRIES),
        items=draw.randrange(9),
        at=events.BASE_TIME + timedelta(milliseconds=draw.randrange(3 * 3_600_000)),
    ))
    return value[: len(value) * 2 // 3] if is_bad(number) else value


class Traffic:
    """A producer on a thread of its own; what the broker acknowledged is the truth of the oracle."""

    def __init__(self, brokers: str, topic: str, partitions: int, seed: str, rate: int):
        self.topic, self.partitions, self.seed, self.rate = topic, partitions, seed, rate
        self.acknowledged: list[Produced] = []
        self.bad: set[tuple[int, int]] = set()
        self.sent = 0
        self.failures: list[str] = []
        self._written = tuple(range(partitions))
        self._sent_to = dict.fromkeys(range(partitions), 0)
        self._writing = threading.Lock()  # held while it is looked at and written by
        self._end = threading.Event()
        self._producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True,
                                   "linger.ms": 5, "reconnect.backoff.max.ms": 500,
                                   "log_level": 0})
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        draw = random.Random(f"{self.seed}/partitions")
        began = time.monotonic()
        while not self._end.wait(BATCH_PAUSE_S):
            due = min((time.monotonic() - began) * self.rate,
                      len(self.acknowledged) + OUTSTANDING_MAX)
            while self.sent < due and not self._end.is_set():
                with self._writing:
                    if not self._written:
                        break
                    self._send(self._written[draw.randrange(self.partitions) % len(self._written)])
            self._producer.poll(0)

    def _send(self, partition: int) -> None:
        number = self.sent
        value = event_bytes(self.seed, number)
        try:
            self._producer.produce(
                self.topic, value, b"k", partition,
                on_delivery=lambda e, m: self._delivered(number, value, e, m))
        except BufferError:
            self._producer.poll(0.1)
            return
        self.sent += 1
        self._sent_to[partition] += 1

    def _delivered(self, number: int, value: bytes, error: object, message) -> None:
        if error is not None:
            self.failures.append(f"event {number}: {error}")
            return
        self.acknowledged.append(Produced(message.partition(), message.offset(), b"k", value))
        if is_bad(number):
            self.bad.add((message.partition(), message.offset()))

    def write_only(self, partitions: Iterable[int]) -> None:
        """From now on; what was sent to the others is acknowledged when this returns."""
        with self._writing:
            self._written = tuple(partitions)
            sent = dict(self._sent_to)

        def open_ones() -> dict[int, int]:
            ends = self.ends()
            return {one: count - ends.get(one, 0) for one, count in sent.items() if count > ends.get(one, 0)}

        deadline = time.monotonic() + ACKNOWLEDGED_S
        while open_ones() and time.monotonic() < deadline:
            time.sleep(BATCH_PAUSE_S)
        assert not open_ones(), f"unacknowledged, by partition: {open_ones()}"

    def write_one(self, partition: int) -> None:
        """One event, while nothing else is written."""
        assert not self._written, self._written
        sent = self.sent
        self._send(partition)
        assert self.sent == sent + 1, "no room for an event"
        self._producer.poll(0)

    def write_all(self) -> None:
        self._written = tuple(range(self.partitions))

    def finish(self, timeout_s: float = 90) -> None:
        """Ends the producer; every event must have been acknowledged, at the offsets 0, 1, 2 …"""
        self._end.set()
        self._thread.join(timeout_s)
        left = self._producer.flush(timeout_s)
        assert left == 0 and not self.failures, f"{left} events unacknowledged, {self.failures[:3]}"
        for partition, end in self.ends().items():
            have = sorted(p.offset for p in self.acknowledged if p.partition == partition)
            assert have == list(range(end)), f"partition {partition}: offsets with gaps or repeats"

    def abandon(self) -> None:
        """Ends the producer whatever becomes of what it sent."""
        self._end.set()
        self._thread.join(5)
        self._producer.purge()

    def ends(self) -> dict[int, int]:
        """Partition → the log's end, of partitions that got an event."""
        ends: dict[int, int] = {}
        for record in self.acknowledged:
            ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
        return ends
