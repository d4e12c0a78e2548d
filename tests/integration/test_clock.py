"""The machine's clock jumps by an hour while the program runs. Time to cut and time to wait are told by
the monotonic clock; the wall clock only says which events lie in the future."""

import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool
from harness.wait import until

PLAIN, AHEAD, BEHIND, IN_TIME_S = 300, 20, 7, 8

pytestmark = pytest.mark.timeout(120)


class Jumping:
    """A run whose wall clock the test moves; its monotonic clock is the kernel's."""

    def __init__(self, folder: Path):
        self.file = folder / "clock"
        self.file.write_text("+0\n")
        preloaded = folder / "clock_jump.so"
        source = Path(__file__).with_name("clock_jump.c")
        subprocess.run(["cc", "-std=gnu17", "-O1", "-shared", "-fPIC", "-pthread", str(source),
                        "-o", str(preloaded)], check=True, timeout=60)
        self.env = {"LD_PRELOAD": str(preloaded), "CLOCK_JUMP_FILE": str(self.file)}

    def jump(self, seconds: int) -> None:
        """Replaced in one step: a reader never sees half a file."""
        made = self.file.with_suffix(".new")
        made.write_text(f"{seconds:+d}\n")
        made.rename(self.file)


def records(number: int) -> list[tuple[int, bytes, bytes]]:
    """Events of long ago, some half an hour ahead of the real clock, and some half an hour behind."""
    now, half = datetime.now(timezone.utc), timedelta(minutes=30)
    times = [None] * PLAIN + [now + half] * AHEAD + [now - half] * BEHIND
    return [(i % 4, b"k", events.encode(events.order(number + i, at=at)))
            for i, at in enumerate(times)]


def test_a_clock_that_jumps_by_an_hour_moves_max_future_and_nothing_else(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    tmp_path: Path,
) -> None:
    clock = Jumping(tmp_path)
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    made = millrace(config, clock.env)
    made.apply_ddl()
    run = made.start()
    until("ready", run.ready)
    rows = clocked = 0
    turns = [(0, AHEAD), (3600, 0), (-3600, AHEAD + BEHIND), (0, AHEAD)]
    for turn, (jump, refused) in enumerate(turns):
        clock.jump(jump)
        cuts = run.metric("mr_harvest_cuts_total", cause="time")
        kafka.produce_records(name, records(turn * 1000))
        began = time.monotonic()
        rows += PLAIN + AHEAD + BEHIND - refused
        clocked += refused
        until("this turn's rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
              lambda n, want=rows: n == want, timeout_s=20)
        until("this turn's quarantine", lambda: starrocks.one(
            "SELECT count(*) FROM orders_quarantine WHERE reason = 'clock'", name),
            lambda n, want=clocked: n == want, timeout_s=20)
        assert time.monotonic() - began < IN_TIME_S
        assert run.metric("mr_harvest_cuts_total", cause="time") > cuts
    assert run.stop() == 0, run.log[-3000:]
    assert starrocks.one("SELECT count(*) FROM orders_quarantine", name) == clocked
    offsets = starrocks.sql("SELECT _partition, _offset FROM orders", name)
    assert len(set(offsets)) == len(offsets) == rows
    made.assert_verified()


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_unit_is_cut_on_time_although_the_clock_jumps_while_nothing_more_comes(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    tmp_path: Path, jump: int,
) -> None:
    """No message wakes the client: its waits end by time alone, which the wall clock must not tell."""
    clock = Jumping(tmp_path)
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    config["flush"]["every"] = "2s"
    made = millrace(config, clock.env)
    made.apply_ddl()
    run = made.start()
    until("ready", run.ready)
    kafka.produce_records(name, records(0)[:PLAIN])
    until("records taken", lambda: run.metric("mr_consume_records_total") == PLAIN)
    clock.jump(jump)
    until("their rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n == PLAIN, timeout_s=2 + IN_TIME_S)
    clock.jump(-jump)
    assert run.stop() == 0, run.log[-3000:]
    made.assert_verified()
