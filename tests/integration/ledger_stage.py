"""What millrace ledger is tried on: a pipeline with rows in its ledger and its registry of chains."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from crash import pool
from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool, stream_load
from harness.wait import until

LEDGER = ["pipeline", "topic", "partition", "chain", "n", "start", "end", "consumed", "detail",
          "quarantined", "filtered", "late", "tombstones", "rollups", "updated_at"]
CHAINS = ["pipeline", "topic", "partition", "chain", "seq", "start", "announced_at"]
NOON = "2026-02-02 12:00:00"
OLD, NEW = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


class Stage(NamedTuple):
    """A pipeline whose partition 0 ended at 5 (unit 3 of NEW); of partition 1 a chain is open."""

    program: Millrace
    kafka: Broker
    starrocks: Rockpool
    name: str

    @property
    def group(self) -> str:
        return self.program.config["source"]["kafka"]["group"]

    def ledger(self, action: str, *options: str) -> CompletedProcess:
        return self.program.command("ledger", action, *options, str(self.program.path))

    def commit(self, partition: int, offset: int) -> None:
        """As an admin does it: an offset without metadata."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": self.group})
        place = TopicPartition(self.name, partition, offset)
        until("the commit", lambda: not consumer.commit(offsets=[place], asynchronous=False)[0].error)
        consumer.close()

    def committed(self) -> list[int]:
        return self.kafka.committed(self.group, self.name, 2)

    def ends(self) -> list[tuple]:
        return self.starrocks.sql("SELECT `partition`, `end`, chain, n, consumed FROM "
                                  f"{self.name}.millrace_ledger ORDER BY `partition`")

    def chains(self) -> list[tuple]:
        return self.starrocks.sql("SELECT `partition`, chain, seq, `start` FROM "
                                  f"{self.name}.millrace_chains ORDER BY `partition`, seq")

    def come_in_late(self, partition: int, end: int) -> str:
        """Unit 4 of NEW is committed, and visible only when it is published; gives back its label."""
        label = f"{self.program.config['pipeline']}-{NEW}-4"
        pool.arm(self.starrocks, {"fault": "publish_timeout", "database": self.name, "label": label,
                                  "operation": "stream_load", "seconds": 600})
        row = [self.program.config["pipeline"], self.name, partition, NEW, 4, 0, end, end, end,
               0, 0, 0, 0, "{}", NOON]
        answer = load_rows(self.starrocks, self.name, "millrace_ledger", label, LEDGER, [row])
        assert answer["Status"] == "Publish Timeout", answer
        return label

    def ledger_that_waits(self, label: str, action: str, *options: str) -> CompletedProcess:
        """The label is published once the command asks for its state: it began without its rows, then."""
        asked = {"fault": "delay", "database": self.name, "label": label,
                 "operation": "get_load_state", "seconds": 0}
        before = self.ends()
        pool.arm(self.starrocks, asked)
        with ThreadPoolExecutor(1) as runner:
            command = runner.submit(self.ledger, action, *options)
            until("a question for the label", lambda: command.done() or any(
                fault["hits"] for fault in pool.armed(self.starrocks)
                if fault["fault"] == "delay" and fault.get("label") == label))
            assert not command.done(), command.result()
            assert self.ends() == before
            self.publish(label)
            return command.result()

    def lose_chain(self, partition: int, chain: str) -> None:
        """The registry forgets the chain, of this partition."""
        columns = ",".join(f"`{c}`" for c in CHAINS)
        answer = stream_load(
            self.starrocks, self.name, "millrace_chains", f"undo-{chain}",
            f"{self.program.config['pipeline']},{self.name},{partition},{chain},3,2,{NOON}\n",
            f"{columns},__op='delete'")
        assert answer["Status"] == "Success", answer

    def publish(self, label: str) -> None:
        pool.arm(self.starrocks, {"fault": "publish_now", "database": self.name, "label": label})


def load_rows(server: Rockpool, database: str, table: str, label: str, columns: list[str],
              rows: list[list]) -> dict:
    text = "".join(",".join(str(v) for v in row) + "\n" for row in rows)
    return stream_load(server, database, table, label, text, ",".join(f"`{c}`" for c in columns))


def put(server: Rockpool, database: str, table: str, columns: list[str], rows: list[list]) -> None:
    answer = load_rows(server, database, table, f"other-{table}-{database}", columns, rows)
    assert answer["Status"] == "Success", answer


@pytest.fixture
def stage(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> Iterator[Stage]:
    kafka.create_topic(name, 2)
    kafka.produce(name, [b"{}"] * 9, partition=0)
    program = millrace(
        events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name))
    program.apply_ddl()
    pipeline = program.config["pipeline"]
    put(starrocks, name, "millrace_ledger", LEDGER,
        [[pipeline, name, 0, NEW, 3, 2, 5, 5, 5, 0, 0, 0, 0, "{}", NOON]])
    put(starrocks, name, "millrace_chains", CHAINS,
        [[pipeline, name, 0, OLD, 1, 0, NOON], [pipeline, name, 0, NEW, 2, 2, NOON],
         [pipeline, name, 1, NEW, 2, 0, NOON]])
    yield Stage(program, kafka, starrocks, name)


def orders_of(kafka: Broker, name: str, first: int, count: int) -> None:
    kafka.produce(name, [events.encode(events.order(i)) for i in range(first, first + count)])


def wait_for_rows(starrocks: Rockpool, name: str, count: int) -> None:
    until(f"{count} rows", lambda: starrocks.one("SELECT COUNT(*) FROM orders", name) == count,
          timeout_s=40)
