"""ddl --apply and verify against tables that somebody else filled, altered or tampered with."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import NamedTuple

import pytest

from harness import events
from harness.paths import ROOT
from harness.program import Millrace
from harness.starrocks import Rockpool, stream_load

DETAIL = ["occurred_at", "_topic", "_partition", "_offset", "id", "order_id", "amount", "items",
          "channel", "country"]
ROLLUP = ["window_start", "channel", "country", "orders", "revenue", "smallest", "biggest",
          "basket_sum", "basket_count"]
LEDGER = ["pipeline", "topic", "partition", "chain", "n", "start", "end", "consumed", "detail",
          "quarantined", "filtered", "late", "tombstones", "rollups", "updated_at"]
NOON = "2026-02-02 12:00:00"
EPOCH = datetime(1970, 1, 1)
_labels = count(1)


class Order(NamedTuple):
    at: datetime
    partition: int
    offset: int
    amount: Decimal
    items: int
    channel: str
    country: str


@pytest.fixture
def tables(starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]) -> Millrace:
    """The orders pipeline with its tables made; Kafka has no part in these tests."""
    config = events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name)
    made = millrace(config)
    made.apply_ddl()
    return made


def load(server: Rockpool, database: str, table: str, columns: list[str], rows: list) -> None:
    text = "".join(",".join("\\N" if v is None else str(v) for v in row) + "\n" for row in rows)
    answer = stream_load(server, database, table, f"other-{next(_labels)}", text,
                         ",".join(f"`{c}`" for c in columns))
    assert answer["Status"] == "Success", answer


def load_detail(server: Rockpool, database: str, rows: list) -> None:
    """Rows of DETAIL; columns of the schema that do not matter here get some value of their type."""
    filler = {"varchar": "x", "bigint": 1, "int": 1, "decimal": 1, "datetime": NOON, "boolean": 1}
    others = [(name, filler[kind.split("(")[0]])
              for name, kind, null, *_ in server.sql(f"DESC {database}.orders")
              if null == "NO" and name not in DETAIL]
    load(server, database, "orders", DETAIL + [name for name, _ in others],
         [[*row, *(value for _, value in others)] for row in rows])


def draw_orders(number: int, seed: int) -> list[Order]:
    """Two partitions; days around now, before 1970 and far ahead; edges of minutes."""
    draw = random.Random(seed)
    offsets = [0, 0]
    days = [datetime(2026, 2, 2), datetime(1969, 12, 31), datetime(1812, 6, 24)]
    made = []
    for _ in range(number):
        at = draw.choice(days) + timedelta(minutes=draw.randrange(5), seconds=draw.choice([0, 31, 59]),
                                           microseconds=draw.choice([0, 1, 999_999]))
        partition = draw.randrange(2)
        made.append(Order(at, partition, offsets[partition], Decimal(draw.randrange(-99, 10**9)) / 100,
                          draw.randrange(1, 9), draw.choice(["web", "app", ""]), "US"))
        offsets[partition] += 1
    return made


def detail_rows(topic: str, orders: list[Order]) -> list[tuple]:
    return [(o.at.strftime("%Y-%m-%d %H:%M:%S.%f"), topic, o.partition, o.offset, f"{o.partition}-{o.offset}",
             "O-1", o.amount, o.items, o.channel, o.country) for o in orders]


def rollup_rows(orders: list[Order]) -> list[tuple]:
    groups = defaultdict(list)
    for o in orders:
        start = EPOCH + (o.at - EPOCH) // timedelta(minutes=1) * timedelta(minutes=1)
        groups[start, o.channel, o.country].append(o)
    return [(*key, len(g), sum(o.amount for o in g), min(o.amount for o in g),
             max(o.amount for o in g), sum(o.items for o in g), len(g))
            for key, g in groups.items()]


def ledger_row(name: str, partition: int, end: int, **changed: object) -> list:
    row = {"pipeline": name, "topic": name, "partition": partition, "chain": "c", "n": 1, "start": 0,
           "end": end, "consumed": end, "detail": end, "quarantined": 0, "filtered": 0, "late": 0,
           "tombstones": 0, "rollups": f'{{"orders_1m": {end}}}', "updated_at": NOON, **changed}
    return [row[c] for c in LEDGER]


@pytest.fixture
def filled(tables: Millrace, starrocks: Rockpool, name: str) -> list[Order]:
    """Consistent tables, the rollup in two loads that the server merges."""
    made = draw_orders(400, seed=11)
    load_detail(starrocks, name, detail_rows(name, made))
    for part in (made[:150], made[150:]):
        load(starrocks, name, "orders_1m", ROLLUP, rollup_rows(part))
    ends = [sum(o.partition == p for o in made) for p in range(2)]
    load(starrocks, name, "millrace_ledger", LEDGER,
         [ledger_row(name, p, ends[p]) for p in range(2)])
    return made


def assert_different(millrace: Millrace, *parts: str) -> None:
    result = millrace.verify()
    assert result.returncode == 1, result.stdout + result.stderr
    for part in parts:
        assert part in result.stdout, f"no {part!r} in:\n{result.stdout}{result.stderr}"


def lines(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_apply_twice_makes_everything_once(tables: Millrace, starrocks: Rockpool, name: str) -> None:
    found = {row[0] for row in starrocks.sql(f"SHOW TABLES FROM {name}")}
    assert found == {"orders", "orders_quarantine", "orders_1m", "orders_1m_view",
                     "millrace_ledger", "millrace_chains"}
    again = tables.command("ddl", "--apply", str(tables.path))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "created" not in again.stdout and f"exists  {name}.orders_1m\n" in again.stdout


def test_what_ddl_prints_can_be_run_by_hand(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    made = millrace(events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name))
    printed = made.command("ddl", str(made.path))
    assert printed.returncode == 0, printed.stderr
    for statement in printed.stdout.split(";\n"):
        if statement.strip():
            starrocks.sql(statement)
    applied = made.command("ddl", "--apply", str(made.path))
    assert applied.returncode == 0 and "created" not in applied.stdout, applied.stdout


def test_a_further_column_fits_and_a_missing_one_is_named_with_its_fix(
    tables: Millrace, starrocks: Rockpool, name: str
) -> None:
    starrocks.sql(f"ALTER TABLE {name}.orders ADD COLUMN team VARCHAR(10) NULL")
    tables.apply_ddl()
    starrocks.sql(f"DROP TABLE {name}.millrace_chains")
    starrocks.sql(f"CREATE TABLE {name}.millrace_chains (pipeline VARCHAR(32) NOT NULL, topic "
                  "VARCHAR(100) NOT NULL, `partition` INT NOT NULL, chain VARCHAR(32) NOT NULL, seq "
                  "BIGINT) PRIMARY KEY (pipeline, topic, `partition`, chain) DISTRIBUTED BY "
                  "HASH(pipeline) PROPERTIES ('replication_num' = '1')")
    refused = tables.command("ddl", "--apply", str(tables.path))
    assert refused.returncode == 5
    assert lines(refused.stdout, "millrace_chains.topic", "is varchar(100), VARCHAR(249) is needed")
    assert lines(refused.stdout, "FIX: ALTER TABLE", "ADD COLUMN `tables` VARCHAR(65533) NULL")
    assert not lines(refused.stdout, "millrace_chains.seq")


def test_a_rollup_merged_by_another_function_is_refused(
    tables: Millrace, starrocks: Rockpool, name: str
) -> None:
    create = starrocks.sql(f"SHOW CREATE TABLE {name}.orders_1m")[0][1]
    starrocks.sql(f"DROP TABLE {name}.orders_1m")
    starrocks.sql(create.replace("CREATE TABLE `", f"CREATE TABLE `{name}`.`", 1)
                  .replace(" MAX ", " MIN "))
    refused = tables.command("ddl", "--apply", str(tables.path))
    assert refused.returncode == 5
    assert lines(refused.stdout, "orders_1m.biggest", "merged by MIN, MAX is needed")


def test_consistent_tables_are_ok(tables: Millrace, filled: list[Order], name: str) -> None:
    result = tables.verify()
    assert result.returncode == 0, result.stdout + result.stderr
    assert not lines(result.stdout, "DIFFERENT")
    assert lines(result.stdout, "detail rows", f"{name}/1", "ok")
    assert lines(result.stdout, "events in the rollup", "orders_1m", "400", "ok")
    assert lines(result.stdout, "windows other than detail says", "orders_1m", "ok")


def test_a_ledger_that_does_not_add_up_is_named(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    end = sum(o.partition == 0 for o in filled)
    load(starrocks, name, "millrace_ledger", LEDGER, [ledger_row(name, 0, end, consumed=end + 1)])
    result = tables.verify()
    assert result.returncode == 1
    assert lines(result.stdout, "consumed =", f"{name}/0", str(end + 1), "DIFFERENT")
    assert len(lines(result.stdout, "DIFFERENT")) == 1


def test_a_cent_too_many_is_found_in_its_window(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    load(starrocks, name, "orders_1m", ROLLUP,
         [("1812-06-24 00:01:00", "", "US", 0, "0.01", "9999999", "-9999999", 0, 0)])
    result = tables.verify()
    assert result.returncode == 1
    assert lines(result.stdout, "windows other than detail says", "orders_1m", "1", "DIFFERENT")
    named = lines(result.stdout, "orders_1m:", "window_start=1812-06-24 00:01:00", "channel= ",
                  "revenue is", "detail says")
    assert len(named) == 1 and "smallest" not in named[0] and "orders is" not in named[0]


def test_a_window_that_only_one_side_has_is_found(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    load(starrocks, name, "orders_1m", ROLLUP, [(NOON, "web", None, 0, 0, 0, 0, 0, 0)])
    assert_different(tables, "channel=web country=NULL; has no detail row")
    load_detail(starrocks, name,
                [("2026-02-02 13:00:59.9", name, 1, 0, "x", "O-1", 1, 1, "kiosk", "US")])
    assert_different(tables, "window_start=2026-02-02 13:00:00 channel=kiosk country=US; is not in "
                             "the rollup")


def test_only_the_first_twenty_windows_are_named_and_all_are_counted(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    extra = [(f"2026-03-{day:02} 00:00:00", "web", "US", 0, 0, 0, 0, 0, 0) for day in range(1, 29)]
    load(starrocks, name, "orders_1m", ROLLUP, extra)
    result = tables.verify()
    assert len(lines(result.stdout, "has no detail row")) == 20
    assert lines(result.stdout, "28 windows differ, the first 20 are named")


def test_repeats_and_rows_past_the_ledgers_end_are_told_apart(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    repeat = filled[0]
    load_detail(starrocks, name, detail_rows(name, [repeat]))
    load_detail(starrocks, name, detail_rows(name, [repeat._replace(offset=10**6)]))
    result = tables.verify()
    of = f"{name}/{repeat.partition}"
    assert lines(result.stdout, "offsets more than once", of, "DIFFERENT")
    assert lines(result.stdout, "detail rows past the ledger's end", of, "1", "DIFFERENT")
    assert lines(result.stdout, f"{of}: offset {repeat.offset} is the first")


def test_quarantined_offsets_are_counted_once_each(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    columns = ["received_at", "reason", "message", "_topic", "_partition", "_offset", "raw_bytes"]
    load(starrocks, name, "orders_quarantine", columns, [(NOON, "type", "m", name, 0, 3, 9)] * 2)
    result = tables.verify()
    assert lines(result.stdout, "quarantined offsets", f"{name}/0", "0", "1", "DIFFERENT")
    end = sum(o.partition == 0 for o in filled)
    load(starrocks, name, "millrace_ledger", LEDGER,
         [ledger_row(name, 0, end, consumed=end + 1, quarantined=1)])
    tables.assert_verified()


def test_in_key_mode_collapsed_repeats_are_named_and_no_difference(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    config = events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name)
    config["detail"]["key"] = ["id"]
    made = millrace(config)
    made.apply_ddl()
    drawn = draw_orders(60, seed=3)
    rows = [list(row) for row in detail_rows(name, drawn)]
    for row in rows[:10]:
        row[4] = "same"
    load_detail(starrocks, name, rows)
    load(starrocks, name, "orders_1m", ROLLUP, rollup_rows(drawn))
    ends = [sum(o.partition == p for o in drawn) for p in range(2)]
    load(starrocks, name, "millrace_ledger", LEDGER,
         [ledger_row(name, p, ends[p]) for p in range(2)])
    result = made.verify()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "orders: 9 repeats collapsed by the primary key" in result.stdout


def test_in_key_mode_an_empty_detail_table_is_no_collapse(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    config = events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name)
    config["detail"]["key"] = ["id"]
    config["rollups"] = []
    made = millrace(config)
    made.apply_ddl()
    load(starrocks, name, "millrace_ledger", LEDGER, [ledger_row(name, 0, 60)])
    assert_different(made, "detail rows", ">= 1")


def test_a_topic_that_nobody_could_have_made_cannot_colour_the_report(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    load_detail(starrocks, name, detail_rows("\x1b[31mred", filled[:1]))
    result = tables.verify()
    assert result.returncode == 1
    assert "\x1b" not in result.stdout
    assert lines(result.stdout, "detail rows past the ledger's end", "\\x1B[31mred/", "DIFFERENT")


def test_views_give_finished_answers(
    tables: Millrace, filled: list[Order], starrocks: Rockpool, name: str
) -> None:
    window = [o for o in filled if o.at < datetime(1812, 6, 24, 0, 1) and o.channel == "web"]
    orders, revenue, basket = starrocks.sql(
        "SELECT orders, revenue, basket FROM orders_1m_view WHERE window_start = "
        "'1812-06-24 00:00:00' AND channel = 'web'", name)[0]
    assert (int(orders), revenue) == (len(window), sum(o.amount for o in window))
    assert float(basket) == pytest.approx(sum(o.items for o in window) / len(window))


READING = ["occurred_at", "_topic", "_partition", "_offset", "id", "sequence", "text", "count",
           "note", "level", "price"]
READING_ROLLUP = ["window_start", "note", "readings", "levels", "level", "counts", "price_sum",
                  "price_count"]


def test_windows_with_an_offset_nulls_and_sums_of_doubles_are_compared(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    config = events.readings_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name)
    config["rollups"] = [{
        "table": "readings_1h", "window": {"tumble": {"size": "1h", "offset": "15m"}}, "by": ["note"],
        "measures": {"readings": "count()", "levels": "count(level)", "level": "sum(level)",
                     "counts": "sum(count)", "price": "avg(price)"},
    }]
    made = millrace(config)
    made.apply_ddl()
    # Two windows that meet at 10:15; null and empty notes; 64-bit values whose sum needs more.
    load(starrocks, name, "readings", READING, [
        ("2026-02-02 10:14:59.999999", name, 0, 0, "a", 1, "t", 2**63 - 1, None, 0.1, None),
        ("2026-02-02 10:14:00", name, 0, 1, "b", 1, "t", 2**63 - 1, None, 0.2, None),
        ("2026-02-02 09:15:00", name, 0, 2, "c", 1, "t", 5, "", None, "1.500000"),
        ("2026-02-02 10:15:00", name, 0, 3, "d", 1, "t", 6, None, 1e300, "-0.000001"),
    ])
    good = [("2026-02-02 09:15:00", None, 2, 2, "0.3", 2**64 - 2, None, 0),
            ("2026-02-02 09:15:00", "", 1, 0, None, 5, "1.5", 1),
            ("2026-02-02 10:15:00", None, 1, 1, "1e300", 6, "-0.000001", 1)]
    load(starrocks, name, "readings_1h", READING_ROLLUP, good)
    load(starrocks, name, "millrace_ledger", LEDGER,
         [ledger_row(name, 0, 4, rollups='{"readings_1h": 4}')])
    made.assert_verified()
    load(starrocks, name, "readings_1h", READING_ROLLUP,
         [("2026-02-02 09:15:00", "", 0, 0, "0.0", 0, None, 0),
          ("2026-02-02 09:15:00", None, 0, 0, "0.00001", 1, None, 0)])
    assert_different(
        made, "window_start=2026-02-02 09:15:00 note=; level is 0, detail says NULL\n",
        "note=NULL; level is 0.30001, detail says 0.3", f"counts is {2**64 - 1}, detail says {2**64 - 2}\n")


def test_the_stored_statements_are_what_ddl_prints(millrace: Callable[..., Millrace]) -> None:
    env = {"KAFKA_BROKERS": "localhost:9092", "SR_FE": "http://localhost:8030", "SR_PASSWORD": "",
           "SR_MYSQL": "localhost:9030", "STATUS_LISTEN": "localhost:8090"}
    runner = millrace(events.orders_config("x:1", "http://x:1", "x:1", "x", "x"), env)
    pipelines = sorted((ROOT / "schemas" / "pipelines").glob("*.yaml"))
    assert pipelines
    for pipeline in pipelines:
        printed = runner.command("ddl", str(pipeline))
        assert printed.returncode == 0, printed.stderr
        stored = ROOT / "schemas" / "tables" / f"{pipeline.stem}.sql"
        assert printed.stdout == stored.read_text(), f"millrace ddl {pipeline} > {stored}"


def test_a_missing_database_and_a_wrong_port_come_with_a_hint(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    config = events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name)
    missing = millrace(config).verify()
    assert missing.returncode == 5 and "ddl" in missing.stderr, missing.stderr
    config["sink"]["starrocks"]["mysql"] = "127.0.0.1:1"
    closed = millrace(config).verify()
    assert closed.returncode == 4 and "9030" in closed.stderr, closed.stderr
