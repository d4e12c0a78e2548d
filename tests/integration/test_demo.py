"""The demo, whole; and its parts, so that its success means something."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.paths import MILLRACE, ROOT

PURCHASES = ROOT / ".cache" / "cdnow" / "CDNOW_master.txt"


def script(name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "scripts" / name, *arguments], input=stdin,
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def events() -> list[tuple[str, dict]]:
    lines = script("cdnow.py", str(PURCHASES)).stdout.splitlines()
    return [(key, json.loads(value)) for key, value in (line.split("\t") for line in lines)]


def test_every_purchase_becomes_one_event_with_an_id_of_its_own(events: list) -> None:
    assert len(events) == 69_659
    assert len({event["id"] for _, event in events}) == 69_659
    assert all(key == event["payload"]["member_id"] for key, event in events)


def test_the_events_are_the_same_whenever_they_are_made(events: list) -> None:
    again = script("cdnow.py", str(PURCHASES), "--limit", "50", "--seed", "9").stdout.splitlines()
    made = {event["id"]: event for _, event in events}
    for line in again:
        event = json.loads(line.split("\t")[1])
        assert made[event["id"]] == event


def test_the_order_of_time_is_shuffled_inside_and_across_days(events: list) -> None:
    sequences = [event["sequence"] for _, event in events]
    steps_back = sum(a > b for a, b in zip(sequences, sequences[1:]))
    assert 0.4 < steps_back / len(sequences) < 0.6
    channels = Counter(event["payload"]["channel"] for _, event in events)
    assert set(channels) == {"web", "store", "app"}


def test_a_cent_or_an_order_of_difference_ends_with_1() -> None:
    table = script("revenue.py", str(PURCHASES)).stdout
    months = [line.split() for line in table.splitlines()[1:-1]]
    raw = [(row[0], row[5].removeprefix("("), row[3]) for row in months]
    right = "".join(f"{month}\t{orders}\t{revenue}\n" for month, orders, revenue in raw)
    assert script("revenue.py", str(PURCHASES), stdin=right).returncode == 0
    cents = right.replace("\t299060.17\n", "\t299060.18\n")
    orders = right.replace("\t8928\t", "\t8927\t")
    for wrong in (cents, orders, right.split("\n", 1)[1], right + "1999-01\t1\t0.00\n", ""):
        assert wrong != right
        assert script("revenue.py", str(PURCHASES), stdin=wrong).returncode == 1


@pytest.mark.timeout(300)
def test_the_demo_proves_every_month_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "MILLRACE_BUILD": str(MILLRACE.parent),
                   "MILLRACE_DEMO_DIR": str(tmp_path / "demo")}
    result = subprocess.run(["sh", ROOT / "scripts" / "demo.sh"], env=environment, cwd=ROOT,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280,
                            check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    months = [line for line in result.stdout.splitlines() if line.startswith(("1997-", "1998-"))]
    assert len(months) == 18 and all(line.endswith("=") for line in months)
    assert "all equal: 69659 purchases" in result.stdout
    assert not (tmp_path / "demo" / "millrace.pid").exists()
    assert not (tmp_path / "demo" / "kafka").exists()
