"""What Millrace may cost: its file, its memory, with and without a sink that keeps up."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.paths import MILLRACE
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until
from test_main_path import random_orders

MEBIBYTE = 1024 * 1024
RECORDS = 120_000


def peak_resident_bytes(run: Run) -> int:
    for line in Path(f"/proc/{run.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def many_orders(count: int) -> list[tuple[int, bytes, bytes]]:
    """The same few thousand events over and over: making them must not take longer than the test."""
    some = random_orders(4000, seed=11)
    return [some[i % len(some)] for i in range(count)]


def test_the_stripped_program_is_at_most_3_mb(tmp_path: Path) -> None:
    stripped = tmp_path / "millrace"
    shutil.copy(MILLRACE, stripped)
    subprocess.run(["strip", stripped], check=True)
    assert stripped.stat().st_size <= 3_000_000


def test_at_most_200_mb_are_resident_under_load_with_the_default_budget(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    del config["memory"]
    made = millrace(config)
    made.apply_ddl()
    kafka.produce_records(name, many_orders(RECORDS))
    run = made.start()
    until("all rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n >= RECORDS, timeout_s=90)
    assert peak_resident_bytes(run) <= 200_000_000
    assert run.stop() == 0, run.log[-3000:]


def test_as_many_workers_run_as_the_default_budget_has_room_for(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    del config["memory"]
    config["threads"] = {"workers": 32}
    made = millrace(config)
    made.apply_ddl()
    kafka.produce_records(name, random_orders(500, seed=12))
    run = made.start()
    run.log_says("fewer workers than wanted", "wanted=32")
    until("all rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n >= 500)
    assert run.stop() == 0, run.log[-3000:]


@pytest.mark.timeout(240)
def test_a_sink_that_stands_still_costs_no_more_than_the_budget_and_loses_nothing(
    kafka: Broker, own_starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 4)
    own_starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(
        kafka.address, own_starrocks.fe, own_starrocks.mysql, name, name)
    config["memory"] = "64MiB"
    config["source"]["kafka"] |= {"queued.max.messages.kbytes": 8192}
    made = millrace(config)
    made.apply_ddl()
    run = made.start()
    until("ready", run.ready)
    own_starrocks.freeze()
    kafka.produce_records(name, many_orders(RECORDS))
    taken = -1.0
    while (now := run.metric("mr_consume_records_total")) != taken:
        taken = now
        time.sleep(1.5)
    assert 0 < run.metric("mr_app_memory_peak_bytes") <= 64 * MEBIBYTE
    assert peak_resident_bytes(run) <= 200_000_000
    own_starrocks.thaw()
    until("all rows", lambda: own_starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n >= RECORDS, timeout_s=120)
    assert run.stop() == 0, run.log[-3000:]
    assert own_starrocks.one("SELECT count(*) FROM orders", name) == RECORDS
    made.assert_verified()
