"""The official client library, unmodified, against the stand-in."""

import shutil
import subprocess

import pytest
from rockpool_support import DATABASE, HOME

OFFICIAL = HOME / "official"
CACHE = HOME.parent.parent / ".cache" / "official"
TIMEOUT = 60


@pytest.fixture(scope="module")
def jars(shared):
    """The jars of the official clients, fetched once by Maven."""
    if shared is None:
        pytest.skip(
            "the official clients run against the stand-in: a real cluster is named by STARROCKS_FE"
        )
    if shutil.which("java") is None:
        pytest.skip("no java on this machine")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not list(CACHE.glob("flink-connector-starrocks-*.jar")):
        if shutil.which("mvn") is None:
            pytest.skip("no mvn on this machine and no jars in .cache/official")
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={CACHE}"]
        done = subprocess.run(command, cwd=OFFICIAL, capture_output=True, text=True, timeout=240)
        if done.returncode:
            pytest.skip(f"maven could not fetch the clients: {(done.stdout + done.stderr)[-300:]}")
    return sorted(CACHE.glob("*.jar"))


def class_path(program, jars):
    """Compiles a driver if it has changed; the class path to run it with."""
    source, classes = OFFICIAL / f"{program}.java", CACHE / "classes"
    made = classes / f"{program}.class"
    path = ":".join(map(str, jars))
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        compiler = next(CACHE.glob("ecj-*.jar"))
        command = [
            "java",
            "-jar",
            str(compiler),
            "-17",
            "-nowarn",
            "-cp",
            path,
            "-d",
            str(classes),
            str(source),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stdout + done.stderr
    return f"{classes}:{path}"


def run_java(path, program, *arguments):
    command = [
        "java",
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        path,
        program,
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    return done.stdout.splitlines(), done.stdout + done.stderr


@pytest.fixture
def drive(jars, shared):
    """drive(scenario, table, row, …): the SDK's manager on these rows."""
    path = class_path("Driver", [j for j in jars if not j.name.startswith("flink-")])

    def run(scenario, table, *rows):
        ports = [str(shared.ports["fe"]), str(shared.ports["mysql"])]
        return run_java(path, "Driver", scenario, *ports, "root", "", DATABASE, table, *rows)

    return run


@pytest.fixture
def pair(table):
    return table("k INT, v VARCHAR(20)", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")


def test_the_sdk_loads_in_auto_commit_mode(cluster, drive, pair):
    """begin, load, prepare, commit by the SDK itself; the rows arrive."""
    lines, output = drive("auto-csv", pair, "1,a", "2,b")
    assert lines[-1:] == ["DONE"], output
    assert cluster.rows(pair) == [("1", "a"), ("2", "b")]


def test_the_sdk_prepares_and_commits_a_snapshot(cluster, drive, pair):
    """Exactly-once: snapshot, prepare, commit; get_load_state goes PREPARE → VISIBLE."""
    lines, output = drive("exactly-once-csv", pair, "1,a")
    assert any(line.startswith("LABEL") and line.endswith("PREPARE") for line in lines), output
    assert "PREPARE true" in lines and "COMMIT true" in lines, output
    assert "STATE VISIBLE" in lines, output
    assert cluster.rows(pair) == [("1", "a")]


def test_the_sdk_aborts_a_snapshot(cluster, drive, pair):
    """Abort of a prepared snapshot: the label is ABORTED, no row arrives."""
    lines, output = drive("abort-csv", pair, "1,a")
    assert "ABORT true" in lines and "STATE ABORTED" in lines, output
    assert cluster.rows(pair) == []


def test_the_sdk_upserts_and_deletes_with_json(cluster, drive, table):
    """JSON arrays with __op in the rows and no columns header on a PRIMARY KEY table."""
    name = table("k INT NOT NULL, v VARCHAR(9)", "PRIMARY KEY(k) DISTRIBUTED BY HASH(k)")
    rows = ('{"k":1,"v":"a","__op":0}', '{"k":2,"v":"b","__op":0}', "FLUSH", '{"k":1,"__op":1}')
    lines, output = drive("auto-json", name, *rows)
    assert lines[-1:] == ["DONE"], output
    assert cluster.rows(name) == [("2", "b")]


def test_the_sdk_deletes_with_csv_and_a_columns_header(cluster, drive, table):
    """CSV: columns `k`,`v`,`__op` with backticks."""
    name = table("k INT NOT NULL, v VARCHAR(9)", "PRIMARY KEY(k) DISTRIBUTED BY HASH(k)")
    lines, output = drive("auto-csv-columns", name, "1,a,0", "2,b,0", "FLUSH", "1,\\N,1")
    assert lines[-1:] == ["DONE"], output
    assert cluster.rows(name) == [("2", "b")], output


def test_the_sdk_compresses_json_with_lz4(cluster, drive, pair):
    """compression: lz4_frame, chunked."""
    lines, output = drive("auto-json-lz4", pair, '{"k":1,"v":"a"}')
    assert lines[-1:] == ["DONE"], output
    assert cluster.rows(pair) == [("1", "a")]


def test_the_sdk_reports_rejected_rows(cluster, drive, pair):
    """Filtered rows reach the SDK's caller as a failure that names the reason, taken from ErrorURL."""
    lines, output = drive("auto-csv", pair, "1,a,too,many")
    assert "too many filtered rows" in output and "Target column count" in output, output
    assert cluster.rows(pair) == []


def test_the_catalog_of_the_flink_connector_creates_and_reads_a_table(cluster, jars, shared):
    """flink-connector-starrocks with its Connector/J: CREATE DATABASE and TABLE, COLUMNS, current_version()."""
    wanted = ("flink-", "slf4j-")
    path = class_path("CatalogDriver", [j for j in jars if j.name.startswith(wanted)])
    name = cluster.fresh("flink")
    lines, output = run_java(
        path, "CatalogDriver", str(shared.ports["mysql"]), "root", "", DATABASE, name
    )
    assert "DATABASE true" in lines and "TYPE PRIMARY_KEY KEYS [id]" in lines, output
    assert (
        "COLUMN name varchar true 20 null" in lines and "COLUMN price decimal true 18 2" in lines
    ), output
    assert any(line.startswith("VERSION 4.0") for line in lines), output
    assert "MAPPING {at=DATETIME, id=INT, name=VARCHAR, price=DECIMAL}" in lines, output
    assert [r[0] for r in cluster.sql(f"DESC {name}")] == ["id", "name", "price", "at"]
