"""Twenty seconds without the sink, under input that does not wait; scripts/outage.sh is the long form."""

from pathlib import Path

import pytest

from harness.broker import Broker
from harness.outage import Plan, outage
from harness.starrocks import Rockpool

PLAN = Plan(outage_s=20, burst=200_000, rate=1000, memory_mib=64, drain_s=90)


@pytest.mark.timeout(180)
def test_memory_holds_while_the_sink_is_away_and_the_backlog_drains_by_itself(
    kafka: Broker, own_starrocks: Rockpool, name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    report = outage(kafka, own_starrocks, name, folder, PLAN)
    assert report.produced > PLAN.burst
