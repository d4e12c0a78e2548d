"""Many partitions, and more of them while the program runs."""

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from harness import events
from harness.broker import Broker, Produced
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until

pytestmark = pytest.mark.timeout(150)

NAMED_MAX = 20


def orders_over(partitions: range, first: int, count: int) -> list[tuple[int, bytes, bytes]]:
    return [(partitions[i % len(partitions)], b"k", events.encode(events.order(first + i)))
            for i in range(count)]


def partitions_of(runs: list[Run]) -> list[float]:
    return [run.metric("mr_consume_partitions") for run in runs]


def until_all_rows(starrocks: Rockpool, name: str, produced: list[Produced]) -> None:
    """Waits for as many rows as there are records; in vain, it says which records have none."""
    try:
        until("all rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
              lambda n: n >= len(produced), timeout_s=60)
    except AssertionError as error:
        rows = set(starrocks.sql("SELECT _partition, _offset FROM orders", name))
        missing = sorted({(record.partition, record.offset) for record in produced} - rows)
        bad = starrocks.one("SELECT count(*) FROM orders_quarantine", name)
        raise AssertionError(
            f"{error}\n{len(missing)} of {len(produced)} records have no row, (partition, offset): "
            f"{missing[:NAMED_MAX]}; rows in quarantine: {bad}") from None


def assert_each_once(starrocks: Rockpool, name: str, produced: list[Produced]) -> None:
    """Topic, partition and offset of every record, once."""
    rows = starrocks.sql("SELECT _partition, _offset FROM orders", name)
    assert sorted(rows) == sorted((record.partition, record.offset) for record in produced)
    counted = starrocks.one("SELECT sum(orders) FROM orders_1m", name)
    assert int(counted) == len(produced)


def test_64_partitions_are_shared_by_two_members_and_each_offset_counts_once(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 64)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    members = [millrace(config), millrace({**config, "status": {}})]
    members[0].apply_ddl()
    produced = kafka.produce_records(name, orders_over(range(64), 0, 3200))
    runs = [members[0].start()]
    until("rows by one", lambda: starrocks.one("SELECT count(*) FROM orders", name))
    runs.append(members[1].start())
    until("32 partitions each", lambda: partitions_of(runs), lambda got: got == [32, 32],
          timeout_s=60)
    produced += kafka.produce_records(name, orders_over(range(64), 3200, 3200))
    until_all_rows(starrocks, name, produced)
    for run in runs:
        assert run.stop() == 0, run.log[-3000:]
    assert_each_once(starrocks, name, produced)
    members[0].assert_verified()


def test_partitions_that_a_topic_gains_are_read_from_their_first_record(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    """The client looks every 2 s here; what was produced before it looked must not be skipped."""
    kafka.create_topic(name, 2)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    config["source"]["kafka"]["topic.metadata.refresh.interval.ms"] = 2000
    made = millrace(config)
    made.apply_ddl()
    produced = kafka.produce_records(name, orders_over(range(2), 0, 400))
    run = made.start()
    until("two partitions' rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n == 400)
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_partitions([NewPartitions(name, 6)])[name].result(20)
    until("six partitions", lambda: len(admin.list_topics(name).topics[name].partitions) == 6)
    later = Broker(kafka.folder, kafka.port)  # whose producer has not seen the topic with two
    produced += later.produce_records(name, orders_over(range(6), 400, 600))
    until_all_rows(starrocks, name, produced)
    assert run.metric("mr_consume_partitions") == 6
    assert run.stop() == 0, run.log[-3000:]
    assert_each_once(starrocks, name, produced)
    made.assert_verified()
