"""The oracle sees what is wrong: tables that are right pass, and each way to be wrong is named."""

import http.client
import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crash import oracle, pool, traffic
from crash.oracle import Findings, Truth, judge, short
from harness import events
from harness.broker import Produced
from harness.program import Millrace
from harness.starrocks import Rockpool, stream_load

COUNT = 400
PARTITIONS = 3
DETAIL = "`occurred_at`,`_topic`,`_partition`,`_offset`,`id`,`type`,`schema_version`,`entity_type`," \
         "`entity_id`,`produced_at`,`sequence`,`order_id`,`member_id`,`amount`,`currency`,`items`," \
         "`channel`,`country`"


@dataclass
class Tables:
    """A database filled by hand with what a right run leaves behind."""

    server: Rockpool
    name: str
    folder: Path
    truth: Truth

    def load(self, table: str, columns: str, rows: list[str]) -> None:
        number = self.server.one("SELECT count(*) FROM millrace_ledger", self.name)
        label = f"{self.name}-{table}-{abs(hash(tuple(rows)))}-{number}"
        answer = stream_load(self.server, self.name, table, label, "\n".join(rows) + "\n", columns)
        assert answer["Status"] == "Success", answer

    def judge(self) -> Findings:
        return judge(self.server, self.name, self.name, self.truth,
                     pool.open_transactions(self.server, self.name), self.folder)

    def detail_row(self, record: Produced) -> str:
        event = json.loads(record.value)
        payload = event["payload"]
        cells = [event["occurred_at"][:23], self.name, record.partition, record.offset, event["id"],
                 event["type"], 1, "order", event["entity"]["id"], event["produced_at"][:23],
                 event["sequence"], payload["order_id"], payload["member_id"], payload["amount"],
                 payload["currency"], payload["items"], payload["channel"], payload["country"]]
        return ",".join(r"\N" if cell is None else str(cell) for cell in cells)

    def quarantine_row(self, place: tuple[int, int]) -> str:
        return f"2026-02-02 10:00:00,malformed,cut,{self.name},{place[0]},{place[1]},1"

    def ledger_row(self, partition: int, **changes: int) -> str:
        mine = [r for r in self.truth.records if r.partition == partition]
        bad = sum(place[0] == partition for place in self.truth.bad)
        row = {"end": len(mine), "consumed": len(mine), "detail": len(mine) - bad,
               "quarantined": bad, "orders_1h": len(mine) - bad} | changes
        rollups = json.dumps({"orders_1m": len(mine) - bad, "orders_1h": row["orders_1h"]})
        return (f"p;{self.name};{partition};c;1;0;{row['end']};{row['consumed']};{row['detail']};"
                f"{row['quarantined']};0;0;0;{rollups};2026-02-02 10:00:00").replace(",", "|")

    def load_ledger(self, rows: list[str]) -> None:
        plain = [row.replace(";", ",") for row in rows]
        # The counts' own commas would split a cell: JSON of two members is written by an expression.
        self.load("millrace_ledger",
                  "pipeline,topic,`partition`,chain,n,`start`,`end`,consumed,detail,quarantined,"
                  "filtered,late,tombstones,r,updated_at,rollups=replace(r,'|',',')", plain)


def rollup_line(key: tuple, values: tuple) -> str:
    return ",".join(r"\N" if cell is None else str(cell) for cell in (*key, *values))


@pytest.fixture
def tables(starrocks: Rockpool, name: str, tmp_path: Path) -> Iterator[Tables]:
    records, bad, ends = [], set(), [0] * PARTITIONS
    for number in range(COUNT):
        partition = number % PARTITIONS
        records.append(Produced(partition, ends[partition], b"k", traffic.event_bytes("1.0", number)))
        if traffic.is_bad(number):
            bad.add((partition, ends[partition]))
        ends[partition] += 1
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config("127.0.0.1:1", starrocks.fe, starrocks.mysql, name, name)
    config["rollups"] = oracle.ROLLUPS
    Millrace(tmp_path, config).apply_ddl()
    made = Tables(starrocks, name, tmp_path, Truth(records, bad))
    good = [r for r in records if (r.partition, r.offset) not in bad]
    made.load("orders", DETAIL, [made.detail_row(r) for r in good])
    made.load("orders_quarantine", "received_at,reason,message,_topic,_partition,_offset,raw_bytes",
              [made.quarantine_row(place) for place in sorted(bad)])
    expected = oracle.recomputed(good, tmp_path)
    made.load("orders_1m", "window_start,channel,country,orders,revenue,smallest,biggest,basket_sum,"
              "basket_count", [rollup_line(k, v) for k, v in expected["orders_1m"].items()])
    made.load("orders_1h", "window_start,country,orders,pieces,revenue",
              [rollup_line(k, v) for k, v in expected["orders_1h"].items()])
    made.load_ledger([made.ledger_row(p) for p in range(PARTITIONS)])
    yield made
    pool.disarm(starrocks)


def test_tables_that_are_right_pass(tables: Tables) -> None:
    assert tables.truth.bad, "some records must be no events"
    assert tables.judge().problems() == []


def test_a_lost_row_is_named(tables: Tables) -> None:
    lost = Produced(1, 133, b"k", traffic.event_bytes("1.0", 9999))
    tables.truth.records.append(lost)
    findings = tables.judge()
    assert findings.lost == [(1, 133)] and findings.doubled == []
    assert any("lost 1: [1:133]" in problem for problem in findings.problems())
    assert findings.problems_of_repeats_allowed() != []


def test_a_lost_bad_record_is_named_too(tables: Tables) -> None:
    place = min(tables.truth.bad)
    tables.server.sql("TRUNCATE TABLE orders_quarantine", tables.name)
    tables.load("orders_quarantine", "received_at,reason,message,_topic,_partition,_offset,raw_bytes",
                [tables.quarantine_row(p) for p in sorted(tables.truth.bad) if p != place])
    assert tables.judge().lost == [place]


def test_a_doubled_row_is_named_and_passes_where_repeats_may_be(tables: Tables) -> None:
    twice = next(r for r in tables.truth.records if (r.partition, r.offset) not in tables.truth.bad)
    tables.load("orders", DETAIL, [tables.detail_row(twice)])
    findings = tables.judge()
    assert findings.doubled == [(twice.partition, twice.offset)] and findings.lost == []
    assert findings.problems() != [] and findings.problems_of_repeats_allowed() == []


def test_a_row_in_both_tables_or_the_wrong_one_is_named(tables: Tables) -> None:
    good = next(r for r in tables.truth.records if (r.partition, r.offset) not in tables.truth.bad)
    place = (good.partition, good.offset)
    tables.load("orders_quarantine", "received_at,reason,message,_topic,_partition,_offset,raw_bytes",
                [tables.quarantine_row(place)])
    findings = tables.judge()
    assert findings.misplaced == [place] and findings.doubled == [place]


def test_a_row_that_nobody_produced_is_named(tables: Tables) -> None:
    tables.load("orders_quarantine", "received_at,reason,message,_topic,_partition,_offset,raw_bytes",
                [tables.quarantine_row((0, 5000))])
    assert tables.judge().misplaced == [(0, 5000)]


@pytest.mark.parametrize(("columns", "values"), [
    ("orders,pieces,revenue", "1,0,0"), ("orders,pieces,revenue", "0,1,0"),
    ("orders,pieces,revenue", "0,0,0.01")])
def test_a_rollup_that_is_off_by_the_least_is_named(
    tables: Tables, columns: str, values: str
) -> None:
    window, country = tables.server.sql(
        "SELECT window_start, country FROM orders_1h WHERE country IS NOT NULL LIMIT 1",
        tables.name)[0]
    tables.load("orders_1h", f"window_start,country,{columns}", [f"{window},{country},{values}"])
    problems = tables.judge().problems()
    assert len(problems) == 1 and problems[0].startswith(f"orders_1h {str(window)[:19]} {country}")


def test_a_rollup_without_one_of_its_rows_is_named(tables: Tables) -> None:
    expected = oracle.rollup_rows(
        "orders_1m", tables.server.sql(oracle.READ["orders_1m"], tables.name))
    key, found = next(iter(expected.items())), dict(expected)
    del found[key[0]]
    lines = oracle.differences("orders_1m", expected, found)
    assert len(lines) == 1 and "nothing, expected" in lines[0]


@pytest.mark.parametrize("changes", [
    {"end": 1}, {"consumed": 1}, {"detail": 1}, {"quarantined": 0}, {"orders_1h": 1}])
def test_a_ledger_row_that_is_wrong_is_named(tables: Tables, changes: dict) -> None:
    tables.load_ledger([tables.ledger_row(2, **changes)])
    problems = tables.judge().problems()
    assert len(problems) == 1 and problems[0].startswith("ledger: partition 2")


def test_a_partition_without_its_ledger_row_is_named(tables: Tables) -> None:
    tables.truth.records.append(Produced(7, 0, b"k", tables.truth.records[0].value))
    assert "ledger: partition 7 has no row" in tables.judge().ledger


def test_an_open_transaction_is_named(tables: Tables) -> None:
    begin(tables.server, tables.name, "left-open")
    problems = tables.judge().problems()
    assert len(problems) == 1 and problems[0].startswith("open transaction left-open")
    assert pool.open_transactions(tables.server, "another_one") == []


def test_one_shot_loads_may_stay_open_only_where_the_server_died_in_them() -> None:
    left = [{"label": f"p-chain-{end}"} for end in ("a1", "z12", "7", "7-orders")]
    assert pool.to_be_ended(left, {"kill -9 at any time"}) == left
    assert [t["label"] for t in pool.to_be_ended(left, {"rockpool kill -9"})] == [
        "p-chain-7", "p-chain-7-orders"]


def test_of_a_late_member_the_one_label_that_was_held_may_stay_open() -> None:
    left = [{"label": f"p-{end}", "state": "PREPARE"} for end in ("late-7", "late-8", "late-6", "late-77", "other-7")]
    assert [t["label"] for t in pool.to_be_ended(left, {}, "p-late-7")] == [
        "p-late-8", "p-late-6", "p-late-77", "p-other-7"]


def test_a_late_label_that_is_committed_and_not_yet_visible_is_no_excuse() -> None:
    committed = [{"label": "p-late-7", "state": "COMMITTED"}]
    assert pool.to_be_ended(committed, {}, "p-late-7") == committed


def begin(server: Rockpool, database: str, label: str) -> None:
    """A transaction of one table that nobody will end."""
    url = urllib.parse.urlsplit(server.fe)
    client = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    headers = {"Authorization": "Basic cm9vdDo=", "Expect": "100-continue", "label": label,
               "db": database, "table": "orders", "Content-Length": "0"}
    client.request("POST", "/api/transaction/begin", headers=headers)
    reply = client.getresponse()
    location = reply.getheader("Location")
    body = reply.read()
    client.close()
    if location:
        url = urllib.parse.urlsplit(location)
        client = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        client.request("POST", url.path, headers=headers)
        body = client.getresponse().read()
        client.close()
    assert json.loads(body)["Status"] == "OK", body


def test_after_a_stop_what_the_ledger_covers_must_be_there_and_no_more() -> None:
    records = [Produced(0, i, None, b"") for i in range(5)] + [Produced(1, 0, None, b"")]
    cut = Truth(records, {(0, 1), (0, 4)}).up_to({0: 3})
    assert [(r.partition, r.offset) for r in cut.records] == [(0, 0), (0, 1), (0, 2)]
    assert cut.bad == {(0, 1)}


def test_places_are_shown_as_runs() -> None:
    assert short([(0, 6), (0, 5), (1, 3), (0, 9)]) == "[0:5-6, 0:9, 1:3]"
    assert short((0, 2 * i) for i in range(20)).endswith(", …]")
