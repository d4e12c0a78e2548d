"""The real Kafka broker, and a producer with exact control of partition, key and bytes."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

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
        self._producer: Producer | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._script("start", str(self.port))

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

    def committed(self, group: str, topic: str, partitions: int = 1) -> list[int]:
        """The group's offsets; -1001 where there is none. A young broker is asked again until its
        coordinator has loaded."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        asked = [TopicPartition(topic, p) for p in range(partitions)]
        try:
            found = until("committed offsets", lambda: consumer.committed(asked, timeout=10))
            return [p.offset for p in found]
        finally:
            consumer.close()

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
