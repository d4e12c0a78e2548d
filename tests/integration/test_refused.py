"""Events that Millrace's own checks pass and the server refuses: the table no longer fits them."""

import json
import re

import pytest

from harness import events, oracle
from harness.wait import stays, until
from test_faults import Line, line  # noqa: F401 (a fixture)
from test_main_path import assert_rollup_is

pytestmark = pytest.mark.timeout(180)

LONG = "Lummerland"


def narrowed(line: Line) -> str:
    """Narrows the column behind the program's back; returns what makes it wide again."""
    wide = line.starrocks.sql("SHOW CREATE TABLE orders", line.name)[0][1]
    narrow = re.sub(r"(`country` varchar)\s*\(\d+\)", r"\1(3)", wide, flags=re.I)
    assert narrow != wide, wide
    line.starrocks.sql("DROP TABLE orders", line.name)
    line.starrocks.sql(narrow, line.name)
    return wide


def widen(line: Line, wide: str) -> None:
    line.starrocks.sql("DROP TABLE orders", line.name)
    line.starrocks.sql(wide, line.name)


def produce(line: Line, countries: list[str]) -> None:
    first = len(line.produced)
    line.produced += line.kafka.produce(line.name, [
        events.encode(events.order(first + i, country=c)) for i, c in enumerate(countries)])


def quarantined(line: Line) -> list[tuple]:
    return line.starrocks.sql(
        "SELECT _partition, _offset, reason, message, raw FROM orders_quarantine "
        "ORDER BY _partition, _offset", line.name)


@pytest.mark.parametrize("bad", [{10}, {0}, {19}, {3, 4, 17}, set(range(20))],
                         ids=["middle", "first", "last", "three", "all"])
def test_a_refused_event_goes_to_quarantine_and_its_neighbours_arrive(
        line: Line, bad: set[int]) -> None:
    run = line.millrace.start()
    until("ready", run.ready)
    narrowed(line)
    produce(line, [LONG if i in bad else "DE" for i in range(20)])
    until("the good neighbours", line.rows, lambda n: n == 20 - len(bad), timeout_s=60)
    until("the refused ones", lambda: len(quarantined(line)), lambda n: n == len(bad))
    run.log_says("goes to quarantine", "offset")
    produce(line, ["DE"] * 30)
    until("those that come later", line.rows, lambda n: n == 50 - len(bad), timeout_s=60)
    assert run.metric("mr_decode_rejects_total", reason="load") == len(bad)
    assert run.stop() == 0, run.log[-3000:]

    truth = {(record.partition, record.offset): record.value
             for i, record in enumerate(line.produced) if i in bad}
    assert {(int(p), int(o)) for p, o, *_ in quarantined(line)} == set(truth)
    for partition, offset, reason, message, raw in quarantined(line):
        assert reason == "load"
        assert "refused by the server" in message
        raw_bytes = raw if isinstance(raw, bytes) else raw.encode()
        assert json.loads(raw_bytes) == json.loads(truth[int(partition), int(offset)])
    good = [record for i, record in enumerate(line.produced) if i not in bad]
    expected = oracle.orders_by_minute(oracle.orders(good, line.folder))
    assert_rollup_is(expected, line.starrocks, line.name)
    line.millrace.assert_verified()


def test_a_table_that_fits_no_event_is_waited_for_with_a_hint_and_then_takes_all(
        line: Line) -> None:
    run = line.millrace.start()
    until("ready", run.ready)
    wide = narrowed(line)
    produce(line, [LONG] * 400)
    run.log_says("refused rows", "orders", "hint", timeout_s=60)
    stays("alive, and nothing in", lambda: run.alive() and line.rows() == 0, for_s=2)
    assert quarantined(line) == []
    widen(line, wide)
    line.assert_exact_after(run)


def test_at_least_once_keeps_a_refused_load_until_the_table_takes_it(line: Line) -> None:
    line.millrace.config["delivery"] = "at-least-once"
    line.millrace.write()
    run = line.millrace.start()
    until("ready", run.ready)
    wide = narrowed(line)
    produce(line, [LONG if i == 10 else "DE" for i in range(20)])
    run.log_says("refused rows", "orders", "hint", timeout_s=60)
    until("the reject in the metrics",
          lambda: run.metric("mr_load_requests_total", outcome="rejected") >= 1)
    assert line.rows() == 0, "max_filter_ratio is 0: all or nothing"
    widen(line, wide)
    line.assert_exact_after(run)
