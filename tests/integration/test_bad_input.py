"""Each kind of bad record: a quarantine row with its reason, and the good neighbours arrive."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until

DATABASE = "bad_input"
TOPIC = "bad-input"
_numbers = itertools.count(1)


@dataclass
class Live:
    kafka: Broker
    starrocks: Rockpool
    millrace: Millrace
    run: Run

    def detail_offsets(self) -> set[int]:
        return {r[0] for r in self.starrocks.sql("SELECT _offset FROM orders", DATABASE)}

    def quarantine_row(self, offset: int) -> dict | None:
        names = ("received_at", "reason", "message", "_topic", "_partition", "_offset",
                 "record_time", "record_key", "raw", "raw_bytes")
        rows = self.starrocks.sql(
            f"SELECT {', '.join(names)} FROM orders_quarantine WHERE _offset = {offset}", DATABASE)
        assert len(rows) <= 1
        return dict(zip(names, rows[0])) if rows else None

    def between_good_neighbours(self, value: bytes | None) -> int:
        """Sends good, value, good; waits for the neighbours; the offset of the middle one."""
        good = [events.encode(events.order(next(_numbers))) for _ in range(2)]
        before, middle, after = self.kafka.produce(TOPIC, [good[0], value, good[1]], key=b"key-7")
        until("the good neighbours", self.detail_offsets,
              lambda seen: {before.offset, after.offset} <= seen)
        return middle.offset


@pytest.fixture(scope="module")
def live(
    kafka: Broker, starrocks: Rockpool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    kafka.create_topic(TOPIC)
    starrocks.sql(f"CREATE DATABASE {DATABASE}")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, DATABASE, TOPIC)
    made = Millrace(tmp_path_factory.mktemp("bad-input"), config)
    made.apply_ddl()
    run = made.start()
    yield Live(kafka, starrocks, made, run)
    made.close()


def changed(**fields: object) -> bytes:
    event = events.order(next(_numbers))
    event.update(fields)
    return events.encode(event)


def payload(**fields: object) -> bytes:
    return events.encode(events.order(next(_numbers), **fields))


def without(field: str) -> bytes:
    event = events.order(next(_numbers))
    del event["payload"][field]
    return events.encode(event)


def replaced(old: bytes, new: bytes) -> bytes:
    value = events.encode(events.order(next(_numbers), channel="web"))
    assert value.count(old) == 1, (old, value)
    return value.replace(old, new)


WHOLE = events.encode(events.order(1))
DEEP = b'{"a":' * 1000 + b"1" + b"}" * 1000
CASES = {
    "truncated_json": (WHOLE[: len(WHOLE) // 2], "malformed"),
    "text_after_the_document": (WHOLE + b"}", "malformed"),
    "two_documents": (WHOLE + b" " + WHOLE, "malformed"),
    "not_json_at_all": (b"order,1,2", "malformed"),
    "an_array_for_a_document": (b"[]", "malformed"),
    "a_trailing_comma": (replaced(b'"items":1,', b'"items":1,,'), "malformed"),
    "a_number_where_text_belongs": (payload(order_id=17), "type"),
    "text_where_a_number_belongs": (payload(items="many"), "type"),
    "an_object_where_a_number_belongs": (payload(items={}), "type"),
    "null_where_null_is_not_allowed": (payload(amount=None), "type"),
    "a_missing_field": (without("amount"), "missing"),
    "a_missing_time": (replaced(b'"occurred_at"', b'"happened_at"'), "missing"),
    "invalid_utf8": (replaced(b'"web"', b'"w\xc3\x28b"'), "utf8"),
    "overlong_utf8": (replaced(b'"web"', b'"w\xc0\xafb"'), "utf8"),
    "utf8_of_a_surrogate": (replaced(b'"web"', b'"w\xed\xa0\x80b"'), "utf8"),
    "a_lone_high_surrogate": (replaced(b'"web"', rb'"w\ud800b"'), "utf8"),
    "a_lone_low_surrogate": (replaced(b'"web"', rb'"w\udc00b"'), "utf8"),
    "nesting_of_1000": (DEEP, "depth"),
    "an_integer_overflow": (replaced(b'"items":1,', b'"items":9223372036854775808,'), "range"),
    "a_decimal_overflow": (payload(amount="1" + "0" * 30 + ".00"), "range"),
    "too_many_decimals": (payload(amount="1.999"), "range"),
    "a_decimal_that_is_no_number": (payload(amount="eleven"), "format"),
    "not_a_number": (replaced(b'"items":1,', b'"items":NaN,'), "malformed"),
    "infinity": (replaced(b'"items":1,', b'"items":-Infinity,'), "malformed"),
    "a_time_without_zone": (changed(occurred_at="2026-02-02T10:15:30.120"), "format"),
    "a_time_that_does_not_exist": (changed(occurred_at="2026-02-30T10:15:30Z"), "format"),
    "a_time_in_the_far_future": (changed(occurred_at="2999-01-01T00:00:00Z"), "clock"),
    "an_empty_record": (b"", "malformed"),
    "only_white_space": (b" \n\t ", "malformed"),
    "a_nul_byte": (b"\x00", "malformed"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_record_is_quarantined_with_its_reason_and_its_neighbours_arrive(
    live: Live, case: str
) -> None:
    value, reason = CASES[case]
    offset = live.between_good_neighbours(value)
    row = until("the quarantine row", lambda: live.quarantine_row(offset))

    assert row["reason"] == reason, row["message"]
    assert row["message"]
    assert (row["_topic"], row["_partition"], row["raw_bytes"]) == (TOPIC, 0, len(value))
    assert as_bytes(row["record_key"]) == b"key-7"
    assert as_bytes(row["raw"]) == value[: len(as_bytes(row["raw"]))]
    assert value == b"" or len(as_bytes(row["raw"])) > 0
    assert offset not in live.detail_offsets()


def as_bytes(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return str(value).encode() if value is not None else b""


def test_a_record_of_5_mb_is_quarantined_cut_with_its_true_length(live: Live) -> None:
    value = payload(channel="x" * 5_000_000)
    offset = live.between_good_neighbours(value)
    row = until("the quarantine row", lambda: live.quarantine_row(offset))
    raw = as_bytes(row["raw"])
    assert (row["reason"], row["raw_bytes"]) == ("oversize", len(value))
    assert 0 < len(raw) < len(value) and value.startswith(raw)


def repeated(spelling: bytes) -> bytes:
    return replaced(b'"amount":"11.77"', b'"amount":"1.00",' + spelling + b':"2.00"')


@pytest.mark.parametrize(("value", "path"), [
    (repeated(b'"amount"'), "payload.amount"),
    (repeated(rb'"\u0061mount"'), "payload.amount"),
    (WHOLE[:-1] + b',"payload":null}', "payload"),
], ids=["a_field", "another_spelling", "an_object"])
def test_a_repeated_key_is_quarantined_by_its_path_and_its_neighbours_arrive(
    live: Live, value: bytes, path: str
) -> None:
    """Nobody can know which of the two values was meant, so neither is loaded."""
    offset = live.between_good_neighbours(value)
    row = until("the quarantine row", lambda: live.quarantine_row(offset))
    assert row["reason"] == "malformed"
    assert row["message"].startswith(f"{path}: the key is repeated at byte "), row["message"]
    assert as_bytes(row["raw"]) == value
    assert offset not in live.detail_offsets()


def test_keys_that_the_schema_does_not_name_may_repeat(live: Live) -> None:
    offset = live.between_good_neighbours(WHOLE[:-1] + b',"colour":1,"colour":2}')
    until("the row", live.detail_offsets, lambda seen: offset in seen)
    assert live.quarantine_row(offset) is None


def test_a_tombstone_is_counted_and_loaded_nowhere(live: Live) -> None:
    before = live.run.metric("mr_consume_tombstones_total")
    offset = live.between_good_neighbours(None)
    until("the counter", lambda: live.run.metric("mr_consume_tombstones_total"),
          lambda seen: seen == before + 1)
    assert offset not in live.detail_offsets()
    assert live.quarantine_row(offset) is None


def test_a_field_that_the_schema_does_not_name_is_counted_not_loaded(live: Live) -> None:
    before = live.run.metric("mr_decode_unknown_fields_total")
    offset = live.between_good_neighbours(payload(colour="green"))
    until("the row", live.detail_offsets, lambda seen: offset in seen)
    until("the counter", lambda: live.run.metric("mr_decode_unknown_fields_total"),
          lambda seen: seen > before)


def test_rejects_are_counted_by_reason_and_the_books_balance(live: Live) -> None:
    """Last in this file: whatever the tests above sent, nothing was lost or counted twice."""
    offset = live.between_good_neighbours(b"{")
    until("the quarantine row", lambda: live.quarantine_row(offset))
    reasons = dict(live.starrocks.sql(
        "SELECT reason, count(*) FROM orders_quarantine GROUP BY reason", DATABASE))
    for reason, count in reasons.items():
        until(f"the counter of {reason}",
              lambda: live.run.metric("mr_decode_rejects_total", reason=reason),
              lambda seen: seen == count)
    assert live.run.stop() == 0, live.run.log[-3000:]
    live.millrace.assert_verified()


def test_the_cases_are_what_they_say() -> None:
    """The samples are broken in the one way that their name says."""
    assert json.loads(WHOLE)["payload"]["amount"] == "11.77"
    for case in ("a_missing_field", "a_time_without_zone", "too_many_decimals"):
        assert isinstance(json.loads(CASES[case][0]), dict)
    for case in ("truncated_json", "two_documents", "a_trailing_comma"):
        with pytest.raises(json.JSONDecodeError):
            json.loads(CASES[case][0])
    with pytest.raises(UnicodeDecodeError):
        CASES["invalid_utf8"][0].decode("utf-8")
