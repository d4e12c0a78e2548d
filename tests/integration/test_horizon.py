"""How long the server remembers labels: read, shown, compared with the outage that is tolerated."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool
from harness.wait import until

HORIZON = "mr_ledger_label_horizon_seconds"
SHORT = "forgets labels before the tolerated outage is over"


def pipeline(kafka: Broker, server: Rockpool, name: str, millrace: Callable[..., Millrace],
             timeout: str) -> Millrace:
    kafka.create_topic(name, 1)
    server.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, server.fe, server.mysql, name, name)
    config["sink"]["starrocks"]["transaction_timeout"] = timeout
    made = millrace(config)
    made.apply_ddl()
    return made


@pytest.mark.parametrize(("delivery", "horizon"), [("exactly-once", 500), ("at-least-once", 166)])
def test_a_history_shorter_than_the_tolerated_outage_is_told_at_the_start(
    kafka: Broker, tmp_path: Path, name: str, millrace: Callable[..., Millrace], delivery: str,
    horizon: int,
) -> None:
    """Five units a second: a label each, or one for each of three tables."""
    server = Rockpool(tmp_path / "rockpool", "--label-keep-max-num=2500")
    server.start()
    try:
        made = pipeline(kafka, server, name, millrace, "10m")
        made.config["delivery"] = delivery
        made.write()
        run = made.start()
        until("ready", run.ready)
        assert int(run.metric(HORIZON)) == horizon
        said = run.log_says(SHORT)
        assert f"horizon_seconds={horizon}" in said and "tolerated_seconds=600" in said
        need = 600 * 2500 // (500 if delivery == "exactly-once" else 500 / 3)
        assert f'label_keep_max_num\\" = \\"{int(need) + 1}' in said, said
        assert run.stop() == 0, run.log[-3000:]
    finally:
        server.stop()


def test_a_history_that_is_long_enough_is_no_warning(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    made = pipeline(kafka, starrocks, name, millrace, "3m")
    run = made.start()
    until("ready", run.ready)
    assert run.metric(HORIZON) == 1000 / 5
    assert run.stop() == 0 and SHORT not in run.log


def test_who_may_not_ask_is_told_once_and_the_documented_defaults_hold(
    kafka: Broker, tmp_path: Path, name: str, millrace: Callable[..., Millrace]
) -> None:
    server = Rockpool(tmp_path / "rockpool", "--label-keep-max-num=77",
                      "--add-user=loader:secret:select,insert")
    server.start()
    try:
        made = pipeline(kafka, server, name, millrace, "10m")
        made.config["sink"]["starrocks"] |= {"user": "loader", "password": "secret"}
        made.write()
        run = made.start()
        until("ready", run.ready)
        assert run.metric(HORIZON) == 1000 / 5
        said = run.log_says("documented defaults are assumed")
        assert "Access denied" in said and "GRANT OPERATE ON SYSTEM" in said
        assert "label_keep_max_num=1000" in run.log_says(SHORT)
        assert run.stop() == 0, run.log[-3000:]
        assert run.log.count("documented defaults are assumed") == 1
    finally:
        server.stop()
