"""What a probe, a scraper and a person can ask a running Millrace."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import events
from harness.broker import Broker
from harness.paths import ROOT, free_port
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until
from test_main_path import random_orders

DATABASE = "status"
TOPIC = "status"
PROMETHEUS = ROOT / ".cache" / "prometheus" / "usr" / "bin" / "prometheus"


@dataclass
class Live:
    kafka: Broker
    starrocks: Rockpool
    millrace: Millrace
    run: Run

    def rows(self) -> int:
        return self.starrocks.one("SELECT count(*) FROM orders", DATABASE)


@pytest.fixture(scope="module")
def live(
    kafka: Broker, starrocks: Rockpool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    kafka.create_topic(TOPIC, 4)
    starrocks.sql(f"CREATE DATABASE {DATABASE}")
    made = Millrace(tmp_path_factory.mktemp("status"), events.orders_config(
        kafka.address, starrocks.fe, starrocks.mysql, DATABASE, TOPIC))
    made.apply_ddl()
    kafka.produce_records(TOPIC, random_orders(400, seed=1))
    one = Live(kafka, starrocks, made, made.start())
    until("all rows", one.rows, lambda n: n == 400)
    yield one
    made.close()


def test_livez_answers_within_50_ms_of_the_start(
    kafka: Broker, starrocks: Rockpool, orders: Millrace
) -> None:
    """The best of five starts: the machine may be busy with something else."""
    best = 10.0
    for _ in range(5):
        began = time.monotonic()
        run = orders.start()
        while time.monotonic() - began < 5:
            try:
                if run.http("/livez", timeout_s=1)[0] == 200:
                    break
            except OSError:
                time.sleep(0.001)
        best = min(best, time.monotonic() - began)
        run.kill()
    assert best <= 0.050


def test_readyz_says_yes_once_rows_became_visible(live: Live) -> None:
    until("ready", live.run.ready)
    assert live.run.http("/readyz")[0] == 200


def test_readyz_of_an_idle_pipeline_says_yes(orders: Millrace) -> None:
    run = orders.start()
    until("ready with nothing to do", run.ready)


def test_metrics_are_valid_and_count_what_was_sent(live: Live) -> None:
    def settled() -> bool:
        return live.run.metric("mr_ledger_units_total") > 0 and (
            live.run.metric("mr_consume_lag_records") == 0)

    until("a unit and no lag", settled)
    families = {f.name: f for f in text_string_to_metric_families(live.run.http("/metrics")[1])}
    assert all(f.documentation and f.type in ("counter", "gauge") for f in families.values())
    assert live.run.metric("mr_consume_records_total") == 400
    assert live.run.metric("mr_decode_events_total") == 400
    assert live.run.metric("mr_load_requests_total", outcome="done") > 0
    assert live.run.metric("mr_load_rows_total") >= 400
    assert live.run.metric("mr_consume_partitions") == 4
    assert 0 < live.run.metric("mr_app_memory_peak_bytes") <= (
        live.run.metric("mr_app_memory_limit_bytes"))
    assert live.run.metric("mr_build_info") == 1


def test_every_declared_metric_is_exposed(live: Live) -> None:
    text = (ROOT / "include" / "millrace" / "metrics.def").read_text()
    declared = {line.split('"')[1] for line in text.splitlines() if line.startswith("X(")}
    samples = {sample.name for family in text_string_to_metric_families(
        live.run.http("/metrics")[1]) for sample in family.samples}
    assert declared and declared <= samples


def test_v1_status_is_json_about_this_pipeline(live: Live) -> None:
    code, body = live.run.http("/v1/status")
    status = json.loads(body)
    assert code == 200 and isinstance(status, dict)
    assert status["pipeline"] == TOPIC


def test_unknown_paths_and_methods_are_refused(live: Live) -> None:
    assert live.run.http("/nothing")[0] == 404
    request = urllib.request.Request(
        f"http://127.0.0.1:{live.run.status_port}/metrics", data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 405


def test_a_real_prometheus_scrapes_the_metrics(live: Live, tmp_path: Path) -> None:
    assert PROMETHEUS.exists(), "sh scripts/setup.sh test"
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [{
        "job_name": "millrace", "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{live.run.status_port}"]}]}]}))
    with open(tmp_path / "prometheus.log", "wb") as log:
        server = subprocess.Popen(
            [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def query(expression: str) -> list[dict]:
        url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(expression)}"
        with urllib.request.urlopen(url, timeout=5) as reply:
            return json.load(reply)["data"]["result"]

    try:
        up = until("a scrape", lambda: query('up{job="millrace"}'), timeout_s=40)
        assert up[0]["value"][1] == "1"
        records = until("the counter", lambda: query("mr_consume_records_total"))
        assert records[0]["value"][1] == "400"
    finally:
        server.terminate()
        server.wait(20)
