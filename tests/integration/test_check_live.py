"""`millrace check --live`: what it asks and what it says."""

from typing import Callable

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool


def test_check_live_asks_kafka_tables_and_the_way_of_a_load(orders: Millrace) -> None:
    result = orders.command("check", "--live", str(orders.path))
    assert result.returncode == 0, result.stdout + result.stderr
    for question in ("Kafka answers", "the tables are there", "a backend that is allowed"):
        assert any(line.startswith("ok") and question in line for line in result.stdout.splitlines())


def test_check_live_names_a_missing_table_and_the_fix(orders: Millrace, starrocks: Rockpool,
                                                      name: str) -> None:
    starrocks.sql(f"DROP TABLE {name}.orders_1m")
    result = orders.command("check", "--live", str(orders.path))
    assert result.returncode == 5
    assert "orders_1m" in result.stdout
    assert "ddl" in result.stdout


def test_localhost_is_asked_over_tcp(kafka: Broker, starrocks: Rockpool, name: str,
                                     millrace: Callable[..., Millrace]) -> None:
    """The MySQL client library would take a Unix socket for this name."""
    kafka.create_topic(name, 1)
    config = events.orders_config(
        kafka.address, starrocks.fe, starrocks.mysql.replace("127.0.0.1", "localhost"), name, name
    )
    made = millrace(config)
    made.apply_ddl()
    result = made.command("check", "--live", str(made.path))
    assert result.returncode == 0, result.stdout + result.stderr
