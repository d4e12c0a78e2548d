"""The sink of flink-connector-starrocks, unmodified, in jobs on a local Flink cluster.

Every job writes the rows that `row` tells of, and what is read back must be those and no others.
"""

import datetime
import pathlib

import pytest
from rockpool_admin import Admin
from rockpool_java import class_path, official_jars, run_java
from rockpool_support import DATABASE

FLAGS = (
    "-Xmx512m",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)
COLUMNS = (
    "id INT NOT NULL, name VARCHAR(64), price DECIMAL(12,2), `at` DATETIME, flag BOOLEAN, "
    "ratio DOUBLE, day DATE"
)
CSV = {"sink.properties.column_separator": "\\x01", "sink.properties.row_delimiter": "\\x02"}
JSON = {"sink.properties.format": "json"}
EXACTLY_ONCE = {"sink.version": "V2", "sink.semantic": "exactly-once", **CSV}
ROWS = 300  # in epochs of 100


def row(number, key=None):
    """What the driver makes of a number; a key that is not the number makes it an update."""
    at = datetime.datetime(2024, 2, 28, 23, 50) + datetime.timedelta(seconds=number)
    day = datetime.date(1969, 12, 31) + datetime.timedelta(days=number)
    cents = number if number % 2 == 0 else -number
    return (
        str(number if key is None else key),
        None if number % 7 == 0 else f'näme, "{number}"\n\\',
        f"{'-' if cents < 0 else ''}{number // 100}.{number % 100:02}",
        str(at),
        "1" if number % 3 == 0 else "0",
        number / 8 * (1e20 if number % 4 == 0 else 1),
        None if number % 11 == 0 else str(day),
    )


PLAIN = [row(n) for n in range(ROWS)]


def upserted():
    """The rows that the updates and deletes of the shape `upsert` leave."""
    left = {}
    for n in range(ROWS):
        if n % 5 == 4:
            left.pop(n - 2)
        else:
            key = n - 3 if n % 5 == 3 else n
            left[key] = row(n, key)
    return [left[key] for key in sorted(left)]


class Flink:
    """Jobs on tables of their own in the server under test."""

    def __init__(self, cluster, path):
        self.cluster, self.path = cluster, path
        self.prefix = cluster.fresh("flink")

    def table(self, model):
        name = self.cluster.fresh("t")
        self.cluster.sql(
            f"CREATE TABLE {name} ({COLUMNS}) {model} KEY(id) DISTRIBUTED BY HASH(id) "
            'PROPERTIES ("replication_num"="1")'
        )
        return name

    def job(self, table, **settings):
        """The arguments of one job; `settings` has the connector's options and the driver's."""
        host, port = self.cluster.mysql_address
        options = {
            "load-url": "{}:{}".format(*self.cluster.fe),
            "jdbc-url": f"jdbc:mysql://{host}:{port}?useSSL=false",
            "username": self.cluster.user,
            "password": self.cluster.password,
            "database-name": DATABASE,
            "table-name": table,
            "sink.label-prefix": self.prefix,
            "rows": ROWS,
            **settings,
        }
        return ["--job", *(f"{key}={value}" for key, value in options.items())]

    def run(self, *jobs):
        return run_java(self.path, "SinkDriver", *sum(jobs, []), flags=FLAGS)

    def rows(self, table):
        found = self.cluster.sql(
            f"SELECT id, name, price, `at`, flag, ratio, day FROM {table} ORDER BY id, name"
        )
        return [(*r[:5], float(r[5]), r[6]) for r in found]

    def states(self, table, subtask=0):
        """The states of the sink's labels, in their order, up to the first that is unknown."""
        found = []
        while not found or found[-1] != "UNKNOWN":
            label = f"{self.prefix}-{table}-{subtask}-{len(found) + 1}"
            found.append(self.cluster.state(label))
        return found[:-1]


@pytest.fixture(scope="module")
def path():
    unwanted = ("starrocks-stream-load-sdk", "ecj-", "http", "jackson-")
    return class_path("SinkDriver", [j for j in official_jars() if not j.name.startswith(unwanted)])


@pytest.fixture
def flink(cluster, path):
    return Flink(cluster, path)


@pytest.fixture
def traffic(shared, cluster, flink):
    """Counts the operations on the job's labels; a foreign cluster does not tell them."""

    class Traffic:
        def __init__(self):
            self.admin = Admin(cluster) if shared else None
            self.watches = {}

        def watch(self, *operations):
            for operation in operations if self.admin else ():
                number = self.admin.arm(
                    "delay", operation=operation, label=f"*{flink.prefix}*", skip=10**9
                )
                self.watches[operation] = number

        def seen(self):
            """{operation: times}, or None where it cannot be known."""
            if self.admin is None:
                return None
            counts = {f["id"]: f["seen"] for f in self.admin.faults()}
            return {operation: counts[number] for operation, number in self.watches.items()}

    found = Traffic()
    yield found
    if found.admin:
        found.admin.disarm()


def test_the_sink_loads_at_least_once_in_its_three_ways(flink, traffic):
    """Version 1 with plain loads, version 2 with plain loads, version 2 with transactions."""
    tables = [flink.table("DUPLICATE") for _ in range(3)]
    plain = {"sink.at-least-once.use-transaction-stream-load": "false"}
    traffic.watch("stream_load", "begin", "prepare", "commit")
    lines, output = flink.run(
        flink.job(tables[0], **{"sink.version": "V1"}, **CSV),
        flink.job(tables[1], **{"sink.version": "V2"}, **plain, **CSV),
        flink.job(tables[2], **{"sink.version": "V2"}, **JSON),
    )
    assert [line for line in lines if "DONE" in line] == [f"DONE {t}" for t in tables], output
    for table in tables:
        assert flink.rows(table) == PLAIN
    seen = traffic.seen()
    if seen is not None:
        assert seen["stream_load"] >= 6, "the first two jobs load plainly, once an epoch"
        assert seen["begin"] == seen["prepare"] == seen["commit"] >= 3, seen


def test_the_exactly_once_sink_survives_a_failure_of_its_job(flink, traffic):
    """A source fails while both subtasks have open transactions: they are rolled back, the job goes on
    from its checkpoint, and no row comes twice."""
    table = flink.table("DUPLICATE")
    traffic.watch("rollback")
    lines, output = flink.run(
        flink.job(
            table,
            **EXACTLY_ONCE,
            **{"parallelism": 2, "buffer-rows": 10, "fail": 250, "linger": 800, "restarts": 1},
        )
    )
    assert "RESTORED 200" in lines and f"DONE {table} after a failure" in lines, output
    assert flink.rows(table) == PLAIN
    for subtask in (0, 1):
        states = flink.states(table, subtask)
        assert states.count("VISIBLE") == 3 and set(states) <= {"VISIBLE", "ABORTED"}, states
    seen = traffic.seen()
    assert seen is None or seen["rollback"] >= 2, "nothing was open when the job failed"


def latest_checkpoint(folder):
    """The newest complete checkpoint: only those have a file of metadata."""
    found = pathlib.Path(folder).glob("*/chk-*/_metadata")
    return max(found, key=lambda p: p.stat().st_mtime_ns).parent


def test_the_exactly_once_sink_goes_on_after_its_process_died(flink, tmp_path):
    """Twice the process is gone at once: with a transaction open, and with one PREPARED in a checkpoint
    that nobody completed. The next process finds each by its label, rolls it back and uses the
    label again."""
    table = flink.table("DUPLICATE")
    settings = {**EXACTLY_ONCE, "buffer-rows": 20, "checkpoints": tmp_path.as_uri()}
    lines, output = flink.run(flink.job(table, **settings, halt=150, linger=500))
    assert lines[-1:] == ["HALT 150"], output
    assert flink.states(table) == ["VISIBLE", "PREPARE"]
    settings["restore"] = latest_checkpoint(tmp_path).as_uri()
    lines, output = flink.run(flink.job(table, **settings, **{"halt-prepared": 250}))
    assert lines[-2:] == ["RESTORED 100", "HALT 300"], output
    assert flink.states(table) == ["VISIBLE", "VISIBLE", "PREPARED"]
    settings["restore"] = latest_checkpoint(tmp_path).as_uri()
    lines, output = flink.run(flink.job(table, **settings))
    assert "RESTORED 200" in lines and f"DONE {table}" in lines, output
    assert flink.states(table) == ["VISIBLE", "VISIBLE", "VISIBLE"]
    assert flink.rows(table) == PLAIN


def test_the_exactly_once_sink_upserts_whatever_a_commit_is_answered(standin, cluster, flink):
    """Updates and deletes in JSON on a PRIMARY KEY table. The first commit's answer is lost, and the job
    starts again and hears that it was committed; the second is refused for a lock, and the job
    starts again and commits it; the third says `publish timeout` though it has committed, and
    the sink learns so from the label's state."""
    table = flink.table("PRIMARY")
    admin = Admin(cluster)
    mine = {"operation": "commit", "label": f"{flink.prefix}*"}
    faults = [
        admin.arm("drop_reply", **mine),
        admin.arm("lock_timeout", skip=1, **mine),
        admin.arm("publish_timeout", skip=2, seconds=1, **mine),
    ]
    settings = {**EXACTLY_ONCE, **JSON, "shape": "upsert", "restarts": 2}
    lines, output = flink.run(flink.job(table, **settings))
    hits = [admin.hits(number) for number in faults]
    admin.disarm()
    assert [line for line in lines if "RESTORED" in line] == ["RESTORED 100", "RESTORED 200"], output
    assert f"DONE {table}" in lines, output
    assert hits == [1, 1, 1], output
    cluster.wait_visible(f"{flink.prefix}-{table}-0-3")
    assert flink.states(table) == ["VISIBLE"] * 3
    assert flink.rows(table) == upserted()
