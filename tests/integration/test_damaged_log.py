"""A batch of records that is damaged on the broker's disk: nothing behind it is taken for all there is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool


def orders_from(first: int, count: int) -> list[bytes]:
    return [events.encode(events.order(first + i)) for i in range(count)]


def damage(log: Path, text: bytes) -> None:
    """One bit, in the record that holds the text."""
    held = log.read_bytes()
    at = held.index(text)
    with open(log, "r+b") as file:
        file.seek(at)
        file.write(bytes([held[at] ^ 1]))


@pytest.mark.parametrize(("damaged", "behind"), [(1, 5), (300, 5), (300, 0)])
def test_records_that_cannot_be_read_stop_the_run_where_they_begin(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    damaged: int, behind: int,
) -> None:
    kafka.create_topic(name, 1)
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(
        events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name))
    made.apply_ddl()
    kafka.produce(name, orders_from(0, 5))
    kafka.produce(name, orders_from(5, damaged))
    kafka.produce(name, orders_from(5 + damaged, behind))
    damage(kafka.folder / "data" / f"{name}-0" / "00000000000000000000.log", b"O-000005")
    run = made.start()
    assert run.ended(60) == 6, run.log[-3000:]
    assert "partition 0: records at offset 5 and behind it cannot be read" in run.log
    assert "the broker's copy may be damaged" in run.log
    taken = starrocks.sql("SELECT _offset FROM orders ORDER BY 1", name)
    assert taken in ([], [(offset,) for offset in range(5)])
