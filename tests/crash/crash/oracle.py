"""What must be in the tables after a schedule, counted from what the broker acknowledged."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from harness import oracle
from harness.broker import Produced
from harness.starrocks import Rockpool, number

ROLLUPS = [
    {"table": "orders_1m", "window": {"tumble": "1m"}, "by": ["channel", "country"],
     "measures": {"orders": "count()", "revenue": "sum(amount)", "smallest": "min(amount)",
                  "biggest": "max(amount)", "basket": "avg(items)"}},
    {"table": "orders_1h", "window": {"tumble": "1h"}, "by": ["country"],
     "measures": {"orders": "count()", "pieces": "sum(items)", "revenue": "sum(amount)"}},
]
READ = {
    "orders_1m": "SELECT window_start, channel, country, orders, revenue, smallest, biggest, "
                 "basket_sum, basket_count FROM orders_1m",
    "orders_1h": "SELECT window_start, country, orders, pieces, revenue FROM orders_1h",
}
KEYS = {"orders_1m": 3, "orders_1h": 2}
BY_HOUR = ("SELECT time_bucket(INTERVAL 1 HOUR, occurred_at) AS w, country, count(*), sum(items), "
           "sum(amount) FROM orders GROUP BY ALL")
LEDGER = ("SELECT `partition`, `end`, consumed, detail, quarantined, rollups FROM millrace_ledger "
          "WHERE topic = '{topic}'")

Place = tuple[int, int]


@dataclass
class Findings:
    """Places are (partition, offset)."""

    lost: list[Place] = field(default_factory=list)
    doubled: list[Place] = field(default_factory=list)
    misplaced: list[Place] = field(default_factory=list)  # in the wrong table, or never produced
    rollups: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """What is wrong where every offset must count once; empty when nothing is."""
        named = [(f"{name} {len(places)}: {short(places)}", places) for name, places in
                 (("lost", self.lost), ("doubled", self.doubled), ("misplaced", self.misplaced))]
        lines = [text for text, places in named if places]
        return lines + self.rollups[:6] + self.ledger + self.open

    def problems_of_repeats_allowed(self) -> list[str]:
        """Where every offset must count at least once: rollups count repeats, open loads run out."""
        lines = [f"lost {len(self.lost)}: {short(self.lost)}"] if self.lost else []
        if self.misplaced:
            lines.append(f"misplaced {len(self.misplaced)}: {short(self.misplaced)}")
        return lines


def short(places: Iterable[Place]) -> str:
    """[0: 5-9 12, 1: 3], the first twelve runs."""
    runs: list[list[int]] = []
    for partition, offset in sorted(places):
        if runs and runs[-1][0] == partition and runs[-1][2] + 1 >= offset:
            runs[-1][2] = offset
        else:
            runs.append([partition, offset, offset])
    shown = [f"{p}:{a}" if a == b else f"{p}:{a}-{b}" for p, a, b in runs[:12]]
    return "[" + ", ".join(shown) + (", …]" if len(runs) > 12 else "]")


@dataclass
class Truth:
    """What was produced; bad: the places of what is no event."""

    records: list[Produced]
    bad: set[Place]

    def up_to(self, ends: dict[int, int]) -> "Truth":
        records = [r for r in self.records if r.offset < ends.get(r.partition, 0)]
        kept = {(r.partition, r.offset) for r in records}
        return Truth(records, self.bad & kept)

    @property
    def places(self) -> set[Place]:
        return {(r.partition, r.offset) for r in self.records}


def ledger_ends(server: Rockpool, database: str, topic: str) -> dict[int, int]:
    return {row[0]: row[1] for row in server.sql(LEDGER.format(topic=topic), database)}


def judge(server: Rockpool, database: str, topic: str, truth: Truth,
          open_transactions: list[dict], folder: Path) -> Findings:
    """Compares all tables of a pipeline with the truth."""
    findings = Findings()
    detail = Counter(server.sql("SELECT _partition, _offset FROM orders", database))
    quarantine = Counter(server.sql("SELECT _partition, _offset FROM orders_quarantine", database))
    compare_places(findings, truth, detail, quarantine)
    good = [r for r in truth.records if (r.partition, r.offset) not in truth.bad]
    for table, expected in recomputed(good, folder).items():
        findings.rollups += differences(
            table, expected, rollup_rows(table, server.sql(READ[table], database)))
    compare_ledger(findings, truth, server.sql(LEDGER.format(topic=topic), database))
    findings.open = [f"open transaction {t['label']}: {t['state']}" for t in open_transactions]
    return findings


def compare_places(findings: Findings, truth: Truth, detail: Counter, quarantine: Counter) -> None:
    both = detail + quarantine
    findings.lost = sorted(truth.places - both.keys())
    findings.doubled = sorted(place for place, count in both.items() if count > 1)
    findings.misplaced = sorted(
        (both.keys() - truth.places)
        | (truth.bad & detail.keys())
        | ((truth.places - truth.bad) & quarantine.keys()))


def recomputed(good: list[Produced], folder: Path) -> dict[str, dict]:
    """Table → key → values, by DuckDB from the bytes that were produced."""
    if not good:
        return {table: {} for table in READ}
    connection: duckdb.DuckDBPyConnection = oracle.orders(good, folder)
    try:
        return {"orders_1m": rollup_rows("orders_1m", oracle.orders_by_minute(connection)),
                "orders_1h": rollup_rows("orders_1h", connection.execute(BY_HOUR).fetchall())}
    finally:
        connection.close()


def rollup_rows(table: str, rows: list[tuple]) -> dict[tuple, tuple]:
    keys = KEYS[table]
    return {(str(r[0])[:19], *r[1:keys]): tuple(map(number, r[keys:])) for r in rows}


def differences(table: str, expected: dict, found: dict) -> list[str]:
    keys = sorted((k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k)),
                  key=str)
    def text(values: tuple | None) -> str:
        return "nothing" if values is None else " ".join(map(str, values))

    return [f"{table} {' '.join(map(str, key))}: {text(found.get(key))}, expected "
            f"{text(expected.get(key))}" for key in keys]


def compare_ledger(findings: Findings, truth: Truth, rows: list[tuple]) -> None:
    totals: dict[int, list[int]] = {}
    for record in truth.records:
        of = totals.setdefault(record.partition, [0, 0])
        of[(record.partition, record.offset) in truth.bad] += 1
    for partition in sorted(totals.keys() | {row[0] for row in rows}):
        good, bad = totals.get(partition, (0, 0))
        expected = (good + bad, good + bad, good, bad, *(good for _ in ROLLUPS))
        mine = [row for row in rows if row[0] == partition]
        if not mine:
            findings.ledger.append(f"ledger: partition {partition} has no row")
            continue
        end, consumed, detail, quarantined, rollups = mine[0][1:]
        counts = json.loads(rollups)
        found = (end, consumed, detail, quarantined, *(counts[r["table"]] for r in ROLLUPS))
        if found != expected or len(mine) > 1:
            findings.ledger.append(
                f"ledger: partition {partition} has end, consumed, detail, quarantined, rollups "
                f"{found}, expected {expected}")
