"""The real Kafka broker, and a producer with exact control of partition, key and bytes."""

import os
import signal
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from crash import frames

from .paths import KAFKA_SH, free_port
from .wait import until


@dataclass(frozen=True)
class Produced:
    """What the broker acknowledged."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Broker:
    """Started and stopped by scripts/kafka.sh; its data and port survive a stop."""

    def __init__(self, folder: Path, port: int | None = None):
        self.folder = folder
        self.port = port or free_port()
        self._controller_port = free_port()
        self._producer: Producer | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._script("start", str(self.port), str(self._controller_port))

    def stop(self) -> None:
        self._script("stop")

    def kill(self) -> None:
        self._script("kill")

    def freeze(self) -> None:
        os.kill(self._pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid(), signal.SIGCONT)

    def create_topic(self, name: str, partitions: int = 1) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1)
        admin.create_topics([topic], operation_timeout=15)[name].result(20)

    def produce(
        self, topic: str, values: list[bytes | None], partition: int = 0, key: bytes | None = b"k"
    ) -> list[Produced]:
        """Sends the values in order to one partition and waits for every acknowledgement."""
        return self.produce_records(topic, [(partition, key, value) for value in values])

    def produce_records(
        self, topic: str, records: list[tuple[int, bytes | None, bytes | None]]
    ) -> list[Produced]:
        """Sends (partition, key, value) in order; the result is in the same order."""
        done: list[Produced | None] = [None] * len(records)

        def delivered(index: int, error: object, message: object) -> None:
            if error is None:
                partition, key, value = records[index]
                done[index] = Produced(partition, message.offset(), key, value)

        producer = self._get_producer()
        for index, (partition, key, value) in enumerate(records):
            while True:
                try:
                    producer.produce(
                        topic, value, key, partition,
                        on_delivery=lambda e, m, i=index: delivered(i, e, m),
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        left = producer.flush(60)
        assert left == 0 and None not in done, f"{left} records were not acknowledged"
        return done

    def ask(self, api: int, version: int, body: bytes) -> frames.Reader:
        """One request by hand; the reader stands behind the correlation id of the answer."""
        head = struct.pack(">hhi", api, version, 1) + frames.put_text(b"test")
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as broker:
            broker.sendall(frames.with_length(head + body))
            answer = broker.makefile("rb")
            size, _ = struct.unpack(">ii", answer.read(8))
            return frames.Reader(answer.read(size - 4))

    def offsets(self, group: str, topic: str, partitions: int) -> dict[int, tuple[int, bytes]]:
        """Partition → offset (-1: none) and metadata that the group committed. By hand, for the client's
        answer carries bytes of its own behind the metadata. A young broker is asked again until the
        coordinator, which the first question for it brings up, has loaded."""
        body = frames.put_text(group.encode()) + struct.pack(">i", 1) \
            + frames.put_text(topic.encode()) + struct.pack(">i", partitions) \
            + b"".join(struct.pack(">i", partition) for partition in range(partitions))

        def read() -> dict[int, tuple[int, bytes]]:
            self.ask(frames.FIND_COORDINATOR, 0, frames.put_text(group.encode()))
            answer, found = self.ask(frames.OFFSET_FETCH, 1, body), {}
            assert answer.take("i") == 1 and answer.text() == topic.encode()
            for _ in range(answer.take("i")):
                partition, offset = answer.take("i"), answer.take("q")
                found[partition] = offset, answer.text() or b""
                error = answer.take("h")
                assert error == 0, f"error {error} for partition {partition}"
            return found

        return until("the group's offsets", read)

    def committed(self, group: str, topic: str, partitions: int = 1) -> list[int]:
        """The group's offsets; -1001 where there is none."""
        found = self.offsets(group, topic, partitions)
        return [found[p][0] if found[p][0] >= 0 else -1001 for p in range(partitions)]

    def _get_producer(self) -> Producer:
        if self._producer is None:
            self._producer = Producer({
                "bootstrap.servers": self.address,
                "enable.idempotence": True,
                "message.max.bytes": 32_000_000,
                "linger.ms": 5,
                "queue.buffering.max.messages": 200_000,
            })
        return self._producer

    def _pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def _script(self, command: str, *arguments: str) -> None:
        result = subprocess.run(
            ["sh", str(KAFKA_SH), command, str(self.folder), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False,
        )
        assert result.returncode == 0, f"kafka.sh {command}: {result.stderr}"
