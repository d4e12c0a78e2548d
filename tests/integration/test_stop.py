"""SIGTERM while units cannot be finished: the end is bounded, and nothing is lost or doubled by it."""

import signal
import time
from collections.abc import Callable

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool
from harness.wait import until
from test_main_path import random_orders

RECORDS = 2000


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("delivery", "how"), [
    ("exactly-once", "stop"), ("exactly-once", "freeze"), ("at-least-once", "stop")])
def test_sigterm_with_the_sink_down_ends_in_time_and_says_what_is_read_again(
    kafka: Broker, own_starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    delivery: str, how: str,
) -> None:
    kafka.create_topic(name, 4)
    own_starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(
        kafka.address, own_starrocks.fe, own_starrocks.mysql, name, name)
    config |= {"delivery": delivery, "stop": {"timeout": "1s"}}
    made = millrace(config)
    made.apply_ddl()
    run = made.start()
    until("ready", run.ready)
    getattr(own_starrocks, how)()
    kafka.produce_records(name, random_orders(RECORDS, seed=6))
    until("records taken", lambda: run.metric("mr_consume_records_total") == RECORDS)
    began = time.monotonic()
    run.signal(signal.SIGTERM)
    assert run.ended(30) == 0, run.log[-3000:]
    assert 1 <= time.monotonic() - began < 1 + 15 + 2
    assert f"records_at_most={RECORDS}" in run.log_says("stopping without the units in flight")

    own_starrocks.start() if how == "stop" else own_starrocks.thaw()
    again = made.start()
    until("every row, once", lambda: own_starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n == RECORDS, timeout_s=60)
    assert again.stop() == 0, again.log[-3000:]
    assert own_starrocks.one("SELECT count(*) FROM orders", name) == RECORDS
    made.assert_verified()
