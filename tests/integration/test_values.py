"""Whatever a JSON event can hold arrives unchanged, null and empty string apart."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool, number
from harness.wait import until

DATABASE = "odd_values"
TOPIC = "odd-values"
_numbers = itertools.count(1)


@dataclass
class Live:
    kafka: Broker
    starrocks: Rockpool

    def row_of(self, **payload: object) -> dict:
        """Sends one reading and returns its detail row."""
        event = events.reading(next(_numbers), **payload)
        sent = self.kafka.produce(TOPIC, [events.encode(event)])[0]
        names = ("text", "note", "count", "level", "alarm", "price", "day", "extra")
        query = (f"SELECT {', '.join(f'`{n}`' for n in names)} FROM readings "
                 f"WHERE _offset = {sent.offset}")
        rows = until("the row", lambda: self.starrocks.sql(query, DATABASE))
        return dict(zip(names, rows[0]))


@pytest.fixture(scope="module")
def live(
    kafka: Broker, starrocks: Rockpool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    kafka.create_topic(TOPIC)
    starrocks.sql(f"CREATE DATABASE {DATABASE}")
    config = events.readings_config(kafka.address, starrocks.fe, starrocks.mysql, DATABASE, TOPIC)
    made = Millrace(tmp_path_factory.mktemp("odd-values"), config)
    made.apply_ddl()
    run = made.start()
    yield Live(kafka, starrocks)
    assert run.stop() == 0, run.log[-3000:]
    made.assert_verified()
    made.close()


TEXTS = {
    "the_column_separator": "a\x01b",
    "the_row_delimiter": "a\x02b",
    "other_control_characters": "".join(map(chr, range(1, 32))),
    "a_tab_and_a_comma": "a\tb,c",
    "a_newline": "a\nb\r\nc",
    "quotes": "say \"hi\" and 'bye' and `tick`",
    "backslashes": "C:\\temp\\new \\",
    "the_text_of_null": r"\N",
    "a_nul": "a\x00b",
    "emoji": "🚚💨 and 👩‍👩‍👧",
    "four_byte_characters": "𝔐𝔦𝔩𝔩",
    "combining_marks": "e\u0301 \u202e right to left",
    "an_empty_string": "",
    "spaces_at_the_ends": "  x  ",
    "the_word_null": "null",
    "a_percent_and_an_ampersand": "100% & more; <b>",
    "the_longest_text": "é" * 200,
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_arrives_unchanged(live: Live, case: str) -> None:
    row = live.row_of(text=TEXTS[case], note=TEXTS[case])
    assert (row["text"], row["note"]) == (TEXTS[case], TEXTS[case])


def test_null_and_empty_string_stay_apart(live: Live) -> None:
    assert live.row_of(note=None)["note"] is None
    assert live.row_of(note="")["note"] == ""


def test_an_absent_optional_field_is_null(live: Live) -> None:
    event = events.reading(next(_numbers))
    for field in ("note", "level", "alarm", "price", "day", "extra"):
        del event["payload"][field]
    sent = live.kafka.produce(TOPIC, [events.encode(event)])[0]
    row = until("the row", lambda: live.starrocks.sql(
        "SELECT note, `level`, alarm, price, `day`, extra FROM readings "
        f"WHERE _offset = {sent.offset}", DATABASE))[0]
    assert row == (None,) * 6


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63)])
def test_an_integer_arrives_unchanged(live: Live, value: int) -> None:
    assert live.row_of(count=value)["count"] == value


@pytest.mark.parametrize("value", [0.0, -1.5, 1e300, 5e-324, 0.1, 1.7976931348623157e308])
def test_a_double_arrives_bit_for_bit(live: Live, value: float) -> None:
    assert live.row_of(level=value)["level"] == value


@pytest.mark.parametrize("value", ["0", "-0.000001", "999999999999.999999", "-999999999999.999999"])
def test_a_decimal_arrives_exactly(live: Live, value: str) -> None:
    assert number(live.row_of(price=value)["price"]) == number(value)


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_arrives(live: Live, value: bool) -> None:
    assert bool(live.row_of(alarm=value)["alarm"]) is value


@pytest.mark.parametrize("value", ["2026-02-28", "1970-01-01", "1600-02-29", "9999-12-31"])
def test_a_date_arrives(live: Live, value: str) -> None:
    assert str(live.row_of(day=value)["day"]) == value


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": "x\ny\u0001"}], "é": None}])
def test_json_arrives_with_the_same_meaning(live: Live, value: dict) -> None:
    assert json.loads(live.row_of(extra=value)["extra"]) == value


def test_event_time_keeps_its_microseconds(live: Live) -> None:
    live.row_of()
    assert str(live.starrocks.one("SELECT max(occurred_at) FROM readings", DATABASE)) == (
        "2026-02-02 10:15:30.123456")
