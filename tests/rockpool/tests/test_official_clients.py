"""The official client library and the Flink connector's catalog, unmodified."""

import pytest
from rockpool_java import class_path, official_jars, run_java
from rockpool_support import DATABASE


@pytest.fixture(scope="module")
def jars():
    return official_jars()


@pytest.fixture
def drive(jars, cluster):
    """drive(scenario, table, row, …): the SDK's manager on these rows."""
    path = class_path("Driver", [j for j in jars if not j.name.startswith("flink-")])

    def run(scenario, table, *rows):
        servers = ["{}:{}".format(*cluster.fe), "{}:{}".format(*cluster.mysql_address)]
        who = [cluster.user, cluster.password, DATABASE, table]
        return run_java(path, "Driver", scenario, *servers, *who, *rows)

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


def test_the_catalog_of_the_flink_connector_creates_and_reads_a_table(cluster, jars):
    """flink-connector-starrocks with its Connector/J: CREATE DATABASE and TABLE, COLUMNS, current_version()."""
    wanted = ("flink-", "slf4j-")
    path = class_path("CatalogDriver", [j for j in jars if j.name.startswith(wanted)])
    name = cluster.fresh("flink")
    server = "{}:{}".format(*cluster.mysql_address)
    who = [cluster.user, cluster.password, DATABASE, name]
    lines, output = run_java(path, "CatalogDriver", server, *who)
    assert "DATABASE true" in lines and "TYPE PRIMARY_KEY KEYS [id]" in lines, output
    assert (
        "COLUMN name varchar true 20 null" in lines and "COLUMN price decimal true 18 2" in lines
    ), output
    version = cluster.sql("SELECT current_version()")[0][0]
    assert f"VERSION {version}" in lines, output
    assert "MAPPING {at=DATETIME, id=INT, name=VARCHAR, price=DECIMAL}" in lines, output
    assert [r[0] for r in cluster.sql(f"DESC {name}")] == ["id", "name", "price", "at"]
