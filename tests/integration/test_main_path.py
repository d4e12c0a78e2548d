"""Topic → detail rows and rollups → verify, against DuckDB's own answer."""

import random
from datetime import timedelta
from pathlib import Path

from confluent_kafka import Producer

from harness import events, oracle
from harness.broker import Broker, Produced
from harness.program import Millrace, Run
from harness.starrocks import Rockpool, number, stream_load
from harness.wait import until

CHANNELS = ["web", "store", "app"]
COUNTRIES = ["US", "CA", "GB", "Ελλάδα"]
ROLLUP = ("SELECT window_start, channel, country, orders, revenue, smallest, biggest, basket_sum, "
          "basket_count FROM orders_1m")


def random_orders(count: int, seed: int, first: int = 0) -> list[tuple[int, bytes, bytes]]:
    """(partition, key, value), spread over an hour, in no order of time."""
    draw = random.Random(seed)
    records = []
    for index in range(first, first + count):
        event = events.order(
            index,
            amount=f"{draw.randrange(-50, 100_000) / 100:.2f}",
            member=f"M-{draw.randrange(200)}",
            channel=draw.choice(CHANNELS),
            country=draw.choice(COUNTRIES),
            items=draw.randrange(1, 9),
            at=events.BASE_TIME + timedelta(milliseconds=draw.randrange(3_600_000)),
        )
        records.append((draw.randrange(4), event["payload"]["member_id"].encode(),
                        events.encode(event)))
    return records


def wait_for_rows(starrocks: Rockpool, database: str, rows: int, timeout_s: float = 30) -> None:
    until(f"{rows} detail rows", lambda: starrocks.one("SELECT count(*) FROM orders", database),
          lambda n: n >= rows, timeout_s=timeout_s)


def stop_cleanly(run: Run) -> None:
    code = run.stop()
    assert code == 0, run.log[-3000:]


def assert_rollup_is(expected: list[tuple], starrocks: Rockpool, database: str) -> None:
    def plain(rows: list[tuple]) -> list[tuple]:
        return sorted((str(r[0])[:19], r[1], r[2], *map(number, r[3:])) for r in rows)

    assert plain(starrocks.sql(ROLLUP, database)) == plain(expected)


def test_every_record_becomes_one_detail_row_and_counts_once_in_its_rollup_window(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str, tmp_path: Path
) -> None:
    produced = kafka.produce_records(name, random_orders(3000, seed=1))
    run = orders.start()
    wait_for_rows(starrocks, name, 3000)
    stop_cleanly(run)

    rows = starrocks.sql("SELECT _partition, _offset, order_id FROM orders", name)
    expected = sorted((p.partition, p.offset) for p in produced)
    assert sorted((r[0], r[1]) for r in rows) == expected
    assert_rollup_is(oracle.orders_by_minute(oracle.orders(produced, tmp_path)), starrocks, name)
    orders.assert_verified()


def test_detail_values_are_what_was_sent(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    event = events.order(7, amount="-0.10", country="Ελλάδα", at="2026-02-02T23:59:59.999+05:30")
    kafka.produce(name, [events.encode(event)], partition=2)
    run = orders.start()
    wait_for_rows(starrocks, name, 1)
    stop_cleanly(run)

    row = starrocks.sql("SELECT occurred_at, order_id, amount, country, _topic, _partition, _offset"
                        " FROM orders", name)[0]
    assert str(row[0]).startswith("2026-02-02 18:29:59.999")
    assert (row[1], number(row[2]), *row[3:]) == (
        "O-000007", number("-0.10"), "Ελλάδα", name, 2, 0)


def test_a_second_run_goes_on_where_the_first_one_stopped(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str, tmp_path: Path
) -> None:
    produced: list[Produced] = []
    for turn in range(3):
        produced += kafka.produce_records(name, random_orders(500, seed=turn, first=turn * 500))
        run = orders.start()
        wait_for_rows(starrocks, name, len(produced))
        stop_cleanly(run)

    assert starrocks.one("SELECT count(*) FROM orders", name) == 1500
    ends = [max((p.offset + 1 for p in produced if p.partition == i), default=-1001)
            for i in range(4)]
    assert kafka.committed(f"millrace-{name}", name, 4) == ends
    assert_rollup_is(oracle.orders_by_minute(oracle.orders(produced, tmp_path)), starrocks, name)
    orders.assert_verified()


def transactional(kafka: Broker, name: str) -> Producer:
    made = Producer({"bootstrap.servers": kafka.address, "transactional.id": name, "linger.ms": 5})
    made.init_transactions(30)
    return made


def send(producer: Producer, topic: str, records: list[tuple[int, bytes, bytes]],
         done: list[Produced]) -> None:
    """Into a transaction of its own, still open; what the broker took goes to `done`."""
    producer.begin_transaction()
    for partition, key, value in records:
        producer.produce(topic, value, key, partition, on_delivery=lambda error, message: done.append(
            Produced(message.partition(), message.offset(), message.key(), message.value())))
    assert producer.flush(30) == 0


def test_committed_transactions_count_once_between_aborted_ones(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str, tmp_path: Path
) -> None:
    good, bad = transactional(kafka, f"{name}-good"), transactional(kafka, f"{name}-bad")
    produced: list[Produced] = []
    aborted: list[Produced] = []
    run = orders.start()
    until("ready", run.ready)
    for turn in range(6):
        send(bad, name, random_orders(20, seed=50 + turn, first=turn * 50), aborted)
        send(good, name, random_orders(50, seed=turn, first=turn * 50), produced)
        ends = [good.commit_transaction, bad.abort_transaction]
        for end in ends if turn % 2 else reversed(ends):
            end(10)
    wait_for_rows(starrocks, name, 300)
    # A record, an aborted record or a marker: no offset is left out of the count.
    last = [max(p.offset for p in produced + aborted if p.partition == i) for i in range(4)]
    until("the gaps", lambda: run.metric("mr_consume_gap_offsets_total"),
          lambda n: n >= sum(last) + len(last) - len(produced))
    assert run.metric("mr_consume_skipped_total") == 0
    until("no lag", lambda: run.metric("mr_consume_lag_records"), lambda n: n == 0)
    said = "a log has no records at some offsets"
    assert run.log.count(said) == 1, run.log[-3000:]
    stop_cleanly(run)

    rows = starrocks.sql("SELECT _partition, _offset FROM orders", name)
    assert sorted((r[0], r[1]) for r in rows) == sorted((p.partition, p.offset) for p in produced)
    assert_rollup_is(oracle.orders_by_minute(oracle.orders(produced, tmp_path)), starrocks, name)
    orders.assert_verified()


def test_verify_names_the_window_that_somebody_else_changed(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    kafka.produce_records(name, random_orders(200, seed=3))
    run = orders.start()
    wait_for_rows(starrocks, name, 200)
    stop_cleanly(run)
    orders.assert_verified()

    window, channel, country = starrocks.sql(
        "SELECT window_start, channel, country FROM orders_1m ORDER BY 1, 2, 3 LIMIT 1", name)[0]
    answer = stream_load(
        starrocks, name, "orders_1m", f"{name}_tamper",
        f"{window},{channel},{country},0,0.01,0,0,0,0\n",
        "window_start,channel,country,orders,revenue,smallest,biggest,basket_sum,basket_count")
    assert answer["Status"] == "Success", answer

    result = orders.verify()
    assert result.returncode == 1
    assert str(window)[:19] in result.stdout + result.stderr
    assert "orders_1m" in result.stdout + result.stderr


def test_verify_notices_a_detail_row_that_is_there_twice(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    kafka.produce_records(name, random_orders(50, seed=4))
    run = orders.start()
    wait_for_rows(starrocks, name, 50)
    stop_cleanly(run)

    columns = [row[0] for row in starrocks.sql("DESC orders", name)]
    row = starrocks.sql(f"SELECT {', '.join(f'`{c}`' for c in columns)} FROM orders LIMIT 1", name)
    copy = ",".join(r"\N" if value is None else str(value) for value in row[0])
    answer = stream_load(starrocks, name, "orders", f"{name}_twice", f"{copy}\n",
                         ",".join(f"`{c}`" for c in columns))
    assert answer["Status"] == "Success", answer
    result = orders.verify()
    assert result.returncode == 1, result.stdout + result.stderr
    assert "orders" in result.stdout + result.stderr


def test_key_mode_collapses_repeats_and_verify_counts_them(
    kafka: Broker, starrocks: Rockpool, name: str, millrace
) -> None:
    kafka.create_topic(name, 1)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    config["detail"]["key"] = ["id"]
    made = millrace(config)
    made.apply_ddl()
    same = [events.order(1, amount="1.00"), events.order(1, amount="2.00"),
            events.order(2, amount="3.00")]
    same[0]["sequence"], same[1]["sequence"] = 10, 9
    kafka.produce(name, [events.encode(e) for e in same])
    run = made.start()
    until("both rows and all counts", lambda: (
        starrocks.one("SELECT count(*) FROM orders", name),
        number(starrocks.one("SELECT sum(orders) FROM orders_1m", name))),
          lambda got: got == (2, 3))
    stop_cleanly(run)

    assert number(starrocks.one("SELECT amount FROM orders WHERE order_id = 'O-000001'", name)) == 1
    made.assert_verified()
