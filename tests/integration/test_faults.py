"""Servers that are down, slow, wrong or hostile: a clear error with a hint, recovery, no loss."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import events, oracle
from harness.broker import Broker, Produced
from harness.program import Millrace, Run
from harness.proxy import FrontendProxy, TcpProxy
from harness.starrocks import Rockpool, number
from harness.wait import stays, until
from test_main_path import assert_rollup_is, random_orders

pytestmark = pytest.mark.timeout(180)


@dataclass
class Line:
    """One pipeline with servers of its own."""

    kafka: Broker
    starrocks: Rockpool
    millrace: Millrace
    name: str
    folder: Path
    produced: list[Produced]

    def produce(self, count: int) -> None:
        first = len(self.produced)
        self.produced += self.kafka.produce_records(
            self.name, random_orders(count, seed=first, first=first))

    def rows(self) -> int:
        return self.starrocks.one("SELECT count(*) FROM orders", self.name)

    def wait_for_all(self, timeout_s: float = 90) -> None:
        until("all rows", self.rows, lambda n: n >= len(self.produced), timeout_s=timeout_s)

    def assert_exact_after(self, run: Run) -> None:
        """Stops the run; every record is there once, in detail and rollup, and verify agrees."""
        self.wait_for_all()
        assert run.stop() == 0, run.log[-3000:]
        assert self.rows() == len(self.produced)
        expected = oracle.orders_by_minute(oracle.orders(self.produced, self.folder))
        assert_rollup_is(expected, self.starrocks, self.name)
        self.millrace.assert_verified()


@pytest.fixture
def line(kafka: Broker, name: str, millrace: Callable[..., Millrace],
         own_starrocks: Rockpool, tmp_path: Path) -> Line:
    """The session's broker, a rockpool that the test may break."""
    return make_line(kafka, own_starrocks, name, millrace, tmp_path)


@pytest.fixture
def fragile_line(own_kafka: Broker, name: str, millrace: Callable[..., Millrace],
                 starrocks: Rockpool, tmp_path: Path) -> Line:
    """The module's rockpool, a broker that the test may break (running)."""
    own_kafka.start()
    return make_line(own_kafka, starrocks, name, millrace, tmp_path)


def make_line(kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
              folder: Path, fe: str | None = None, **sink: object) -> Line:
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(kafka.address, fe or starrocks.fe, starrocks.mysql, name, name)
    config["sink"]["starrocks"] |= sink
    made = millrace(config)
    made.apply_ddl()
    return Line(kafka, starrocks, made, name, folder, [])


# ---- Kafka ----


def test_kafka_down_at_start_is_waited_for(fragile_line: Line) -> None:
    fragile_line.produce(200)
    fragile_line.kafka.stop()
    run = fragile_line.millrace.start()
    until("/livez", lambda: run.http("/livez")[0] == 200, timeout_s=5)
    run.log_says("kafka", "hint")
    assert run.http("/readyz")[0] == 503
    fragile_line.kafka.start()
    fragile_line.assert_exact_after(run)


def test_kafka_killed_in_the_middle_loses_and_doubles_nothing(fragile_line: Line) -> None:
    fragile_line.produce(500)
    run = fragile_line.millrace.start()
    until("the first rows", fragile_line.rows)
    fragile_line.kafka.kill()
    until("not ready", lambda: not run.ready(), timeout_s=30)
    stays("alive while Kafka is away", run.alive, for_s=2)
    fragile_line.kafka.start()
    fragile_line.produce(500)
    fragile_line.wait_for_all()
    until("ready again", run.ready, timeout_s=30)
    fragile_line.assert_exact_after(run)


def test_a_kafka_that_hangs_is_outlived(fragile_line: Line) -> None:
    fragile_line.produce(300)
    run = fragile_line.millrace.start()
    until("the first rows", fragile_line.rows)
    fragile_line.kafka.freeze()
    stays("alive while Kafka hangs", run.alive, for_s=8)
    assert run.http("/livez", timeout_s=2)[0] == 200
    fragile_line.kafka.thaw()
    fragile_line.produce(300)
    fragile_line.assert_exact_after(run)


def test_a_missing_topic_is_named_and_taken_up_once_it_exists(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace], tmp_path: Path
) -> None:
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(events.orders_config(
        kafka.address, starrocks.fe, starrocks.mysql, name, name))
    made.apply_ddl()
    run = made.start()
    run.log_says(name, "topic", "hint")
    assert run.http("/readyz")[0] == 503
    kafka.create_topic(name, 4)
    line = Line(kafka, starrocks, made, name, tmp_path, [])
    line.produce(100)
    line.assert_exact_after(run)


# ---- StarRocks ----


def test_starrocks_down_at_start_is_waited_for(line: Line) -> None:
    line.produce(200)
    line.starrocks.stop()
    run = line.millrace.start()
    until("/livez", lambda: run.http("/livez")[0] == 200, timeout_s=5)
    run.log_says("starrocks", "hint")
    assert run.http("/readyz")[0] == 503
    line.starrocks.start()
    line.assert_exact_after(run)


def test_starrocks_killed_in_the_middle_loses_and_doubles_nothing(line: Line) -> None:
    line.produce(500)
    run = line.millrace.start()
    until("the first rows", line.rows)
    line.starrocks.kill()
    line.produce(500)
    until("a failed load", lambda: run.log_says("starrocks", timeout_s=1))
    until("not ready", lambda: not run.ready(), timeout_s=60)
    stays("alive while StarRocks is away", run.alive, for_s=2)
    line.starrocks.start()
    line.assert_exact_after(run)


def test_a_starrocks_that_hangs_is_outlived(line: Line) -> None:
    line.produce(300)
    run = line.millrace.start()
    until("the first rows", line.rows)
    line.starrocks.freeze()
    line.produce(300)
    stays("alive while StarRocks hangs", run.alive, for_s=5)
    assert run.http("/livez", timeout_s=2)[0] == 200
    line.starrocks.thaw()
    line.assert_exact_after(run)


def test_500s_of_a_frontend_are_retried(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace], tmp_path: Path
) -> None:
    proxy = FrontendProxy(starrocks.ports["fe"])
    proxy.fail_next(4)
    line = make_line(kafka, starrocks, name, millrace, tmp_path, fe=proxy.url)
    line.produce(300)
    run = line.millrace.start()
    line.wait_for_all()
    assert proxy.failures_served == 4
    assert run.metric("mr_load_requests_total", outcome="retry") >= 1
    run.log_says("500")
    line.assert_exact_after(run)
    proxy.close()


def backend_proxied(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    folder: Path, **sink: object
) -> tuple[Line, TcpProxy]:
    backend = TcpProxy(starrocks.ports["be"])
    frontend = FrontendProxy(starrocks.ports["fe"], {starrocks.ports["be"]: backend.port})
    return make_line(kafka, starrocks, name, millrace, folder, fe=frontend.url, **sink), backend


@pytest.mark.parametrize("byte", [1, 2000, 60_000])
def test_a_load_cut_in_the_middle_of_its_body_is_settled_and_counts_once(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace],
    tmp_path: Path, byte: int
) -> None:
    line, backend = backend_proxied(kafka, starrocks, name, millrace, tmp_path)
    backend.cut_after(byte)
    line.produce(1500)
    run = line.millrace.start()
    line.wait_for_all()
    assert backend.connections >= 2
    line.assert_exact_after(run)
    backend.close()


def test_a_backend_that_swallows_the_answer_is_asked_for_the_labels_fate(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace], tmp_path: Path
) -> None:
    """The rows are in, the answer is not: only the label can tell, and sending again would double."""
    line, backend = backend_proxied(
        kafka, starrocks, name, millrace, tmp_path)
    line.produce(200)
    run = line.millrace.start()
    line.wait_for_all()
    backend.swallow_answers(1)
    line.produce(200)
    until("an outcome that was unknown",
          lambda: run.metric("mr_load_requests_total", outcome="unknown"), timeout_s=60)
    line.assert_exact_after(run)
    backend.close()


def test_a_backend_that_refuses_connections_is_outlived(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace], tmp_path: Path
) -> None:
    line, backend = backend_proxied(kafka, starrocks, name, millrace, tmp_path)
    line.produce(200)
    run = line.millrace.start()
    line.wait_for_all()
    backend.refuse()
    line.produce(200)
    stays("alive while the backend is away", run.alive, for_s=3)
    backend.admit()
    line.assert_exact_after(run)
    backend.close()


# ---- tables and accounts ----


def test_a_missing_table_is_named_with_the_command_that_makes_it(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace], tmp_path: Path
) -> None:
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(events.orders_config(
        kafka.address, starrocks.fe, starrocks.mysql, name, name))
    line = Line(kafka, starrocks, made, name, tmp_path, [])
    line.produce(100)
    run = made.start()
    run.log_says("orders", "missing", "ddl", "--apply")
    assert run.http("/readyz")[0] == 503
    made.apply_ddl()
    line.assert_exact_after(run)


def test_a_table_dropped_while_running_stops_nothing_but_its_loads(line: Line) -> None:
    line.produce(100)
    run = line.millrace.start()
    line.wait_for_all()
    line.starrocks.sql("DROP TABLE orders_1m", line.name)
    line.produce(100)
    run.log_says("orders_1m", "hint", timeout_s=40)
    stays("alive without the table", run.alive, for_s=2)
    line.millrace.apply_ddl()
    line.wait_for_all()
    until("the rollup's new rows",
          lambda: number(line.starrocks.one("SELECT sum(orders) FROM orders_1m", line.name)),
          lambda n: n == 100, timeout_s=60)
    assert run.stop() == 0, run.log[-3000:]


def test_ddl_refuses_a_table_that_does_not_fit_and_names_the_column(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    kafka.create_topic(name, 1)
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(events.orders_config(
        kafka.address, starrocks.fe, starrocks.mysql, name, name))
    ddl = made.command("ddl", str(made.path)).stdout
    create = next(s for s in ddl.split(";") if "orders_1m`" in s and "CREATE TABLE" in s)
    narrow = create.replace("`revenue`", "`income`")
    assert narrow != create
    starrocks.sql(narrow, name)

    result = made.command("ddl", "--apply", str(made.path))
    assert result.returncode == 5, result.stdout + result.stderr
    assert "orders_1m" in result.stdout + result.stderr
    assert "revenue" in result.stdout + result.stderr

    run = made.start()
    run.log_says("orders_1m", "revenue", "hint")
    assert run.http("/readyz")[0] == 503
    starrocks.sql("DROP TABLE orders_1m", name)
    made.apply_ddl()
    until("ready once the table fits", run.ready, timeout_s=30)


def test_a_wrong_password_is_said_plainly_and_never_printed(
    kafka: Broker, name: str, millrace: Callable[..., Millrace], own_starrocks: Rockpool
) -> None:
    kafka.create_topic(name, 1)
    own_starrocks.sql(f"CREATE DATABASE {name}")
    config = events.orders_config(
        kafka.address, own_starrocks.fe, own_starrocks.mysql, name, name)
    config["sink"]["starrocks"]["password"] = "${TEST_PASSWORD}"
    made = millrace(config, {"TEST_PASSWORD": "not-the-secret-9931"})

    result = made.command("ddl", "--apply", str(made.path))
    assert result.returncode == 4, result.stdout + result.stderr
    assert "hint" in result.stderr.lower() and "root" in result.stderr
    run = made.start()
    run.log_says("access denied")
    run.log_says("hint")
    assert "not-the-secret-9931" not in result.stdout + result.stderr + run.log


def test_a_password_changed_under_a_running_millrace_is_waited_out(line: Line) -> None:
    line.produce(100)
    run = line.millrace.start()
    line.wait_for_all()
    line.starrocks.stop()
    line.starrocks.options = ["--password=other"]
    line.starrocks.start()
    line.produce(100)
    run.log_says("password", "hint", timeout_s=40)
    stays("alive with the wrong password", run.alive, for_s=1)
    line.starrocks.stop()
    line.starrocks.options = []
    line.starrocks.start()
    line.assert_exact_after(run)
