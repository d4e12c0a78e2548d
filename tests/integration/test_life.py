"""Start, stop, and what the commands say and return."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.paths import MILLRACE, ROOT
from harness.program import Millrace
from harness.proxy import TcpProxy
from harness.starrocks import Rockpool
from harness.wait import until
from test_main_path import random_orders


def run_command(*arguments: str, **more: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(MILLRACE), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=False, **more)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_sockets_never_take_the_place_of_a_closed_stderr(orders: Millrace) -> None:
    """Log lines would be sent to whoever is at the other end."""
    run = subprocess.Popen(
        ["sh", "-c", 'exec "$0" run "$1" <&- >&- 2>&-', str(MILLRACE), str(orders.path)],
        cwd=ROOT, env={**os.environ, **orders.env})
    try:
        until("a status port", lambda: _listens(orders.status_port))
        for number in range(3):
            assert os.readlink(f"/proc/{run.pid}/fd/{number}") == "/dev/null"
    finally:
        run.terminate()
        assert run.wait(20) == 0


# ---- signals ----


def test_sigterm_finishes_the_units_commits_and_exits_0(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    produced = kafka.produce_records(name, random_orders(20_000, seed=5))
    run = orders.start()
    until("some rows", lambda: starrocks.one("SELECT count(*) FROM orders", name))
    assert run.stop() == 0, run.log[-3000:]

    rows = starrocks.one("SELECT count(*) FROM orders", name)
    committed = kafka.committed(f"millrace-{name}", name, 4)
    assert rows == sum(offset for offset in committed if offset > 0)
    assert 0 < rows <= len(produced)
    orders.assert_verified()


def test_sigterm_of_an_idle_run_exits_0_quickly(orders: Millrace) -> None:
    run = orders.start()
    until("ready", run.ready)
    began = time.monotonic()
    assert run.stop() == 0
    assert time.monotonic() - began < 10


def test_sigterm_while_kafka_is_away_still_ends(
    own_kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(events.orders_config(
        own_kafka.address, starrocks.fe, starrocks.mysql, name, name))
    made.apply_ddl()
    run = made.start()
    until("/livez", lambda: run.http("/livez")[0] == 200)
    assert run.stop(timeout_s=20) == 0


@pytest.mark.timeout(120)
def test_sigterm_while_starrocks_answers_no_query_still_ends(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    proxy = TcpProxy(int(starrocks.mysql.rpartition(":")[2]))
    proxy.hang_after_answers(2)  # the greeting and the login's ok
    made = millrace(events.orders_config(
        "127.0.0.1:9", starrocks.fe, f"127.0.0.1:{proxy.port}", name, name))
    run = made.start()
    until("the login", lambda: proxy.hangs)
    assert run.stop(timeout_s=25) == 0
    proxy.close()


def test_a_second_signal_aborts(
    kafka: Broker, own_starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 4)
    own_starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(
        kafka.address, own_starrocks.fe, own_starrocks.mysql, name, name)
    config["source"]["kafka"]["session.timeout.ms"] = 6000  # the aborted one keeps its place so long
    made = millrace(config)
    made.apply_ddl()
    run = made.start()
    until("ready", run.ready)
    own_starrocks.freeze()
    kafka.produce_records(name, random_orders(2000, seed=6))
    until("records taken", lambda: run.metric("mr_consume_records_total") == 2000)
    run.signal(signal.SIGTERM)
    time.sleep(1)
    assert run.alive(), "units in flight cannot be finished while StarRocks hangs"
    run.signal(signal.SIGTERM)
    assert run.ended(5) == 130

    own_starrocks.thaw()
    again = made.start()
    until("every row, once", lambda: own_starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n == 2000, timeout_s=60)
    assert again.stop() == 0, again.log[-3000:]


# ---- commands ----


@pytest.mark.parametrize("arguments", [
    ["--help"], ["run", "--help"], ["check", "--help"], ["ddl", "--help"], ["verify", "--help"],
    ["version", "--help"], ["version"], ["--list-options"],
])
def test_help_and_version_exit_0(arguments: list[str]) -> None:
    result = run_command(*arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["run"], ["run", "a", "b"], ["ddl", "--applied", "x"], ["check"],
    ["verify", "--x"],
])
def test_a_wrong_command_line_exits_2_and_says_why(arguments: list[str]) -> None:
    result = run_command(*arguments)
    assert result.returncode == 2
    assert result.stderr.strip()


def test_check_lists_every_mistake_with_line_and_hint(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "pipeline: orders\n"
        "source: {kafka: {brokers: \"localhost:9092\", topics: [orders], group: g,"
        " enable.auto.commit: true}}\n"
        "event:\n"
        "  schema: schemas/events/order_placed.json\n"
        "  time: {field: occured_at}\n"
        "sink: {starrocks: {fe: [\"http://localhost:8030\"], mysql: \"localhost:9030\","
        " database: demo, user: root, password: \"${NOT_SET_ANYWHERE}\"}}\n"
        "detail: {table: orders}\n"
        "flush: {evry: 500ms}\n"
        "memory: 12parsecs\n")
    result = run_command("check", str(path))
    said = result.stdout + result.stderr
    assert result.returncode == 2
    for line, word in ((2, "enable.auto.commit"), (8, "every"), (9, "12parsecs"),
                       (6, "NOT_SET_ANYWHERE")):
        assert any(f":{line}:" in row and word in said for row in said.splitlines()), (line, said)
    assert "HINT" in said


def test_check_accepts_the_demo_pipeline() -> None:
    env = {**os.environ, "KAFKA_BROKERS": "127.0.0.1:9092", "SR_FE": "http://127.0.0.1:8030",
           "SR_MYSQL": "127.0.0.1:9030", "SR_PASSWORD": "", "STATUS_LISTEN": "127.0.0.1:0"}
    result = run_command("check", "schemas/pipelines/orders_demo.yaml", env=env)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_missing_file_is_named() -> None:
    result = run_command("check", "/nowhere/pipeline.yaml")
    assert result.returncode == 2
    assert "/nowhere/pipeline.yaml" in result.stderr


def test_ddl_prints_every_table_of_the_pipeline(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    made = millrace(events.orders_config(
        "127.0.0.1:1", starrocks.fe, starrocks.mysql, name, name))
    result = made.command("ddl", str(made.path))
    assert result.returncode == 0, result.stderr
    for table in ("orders", "orders_1m", "orders_1m_view", "orders_quarantine",
                  "millrace_ledger"):
        assert f"`{table}`" in result.stdout, table


def test_ddl_apply_twice_changes_nothing(orders: Millrace, starrocks: Rockpool, name: str) -> None:
    before = starrocks.sql("SHOW TABLES", name)
    orders.apply_ddl()
    assert starrocks.sql("SHOW TABLES", name) == before


def test_the_status_port_in_use_is_said_with_a_hint(orders: Millrace) -> None:
    first = orders.start()
    until("/livez", lambda: first.http("/livez")[0] == 200)
    second = orders.start()
    assert second.ended(10) == 7
    assert str(orders.status_port) in second.log


def test_the_password_may_come_from_a_file_and_is_never_shown(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong-secret-4711\n")
    config = events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name)
    config["sink"]["starrocks"]["password"] = f"file:{secret}"
    made = millrace(config)
    result = made.command("ddl", "--apply", str(made.path))
    assert result.returncode == 4
    assert "wrong-secret-4711" not in result.stdout + result.stderr
