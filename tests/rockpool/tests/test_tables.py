"""Table models, their DDL rules, and what readers of merged tables see."""

import pytest
from rockpool_support import refused

ORDERS = """
CREATE TABLE IF NOT EXISTS {db}.{name} (
  `occurred_at` DATETIME NOT NULL COMMENT "event time", _topic VARCHAR(249) NOT NULL, _partition INT NOT NULL,
  _offset BIGINT NOT NULL, id VARCHAR(144) NOT NULL, amount DECIMAL(18,2) NULL, qty BIGINT, ratio DOUBLE, flag BOOLEAN,
  day DATE, attrs JSON
) ENGINE=OLAP DUPLICATE KEY(occurred_at) COMMENT "orders" PARTITION BY date_trunc('day', occurred_at)
DISTRIBUTED BY HASH(_partition,_offset) BUCKETS 4 PROPERTIES ("replication_num"="1")
"""
ONE = 'PROPERTIES ("replication_num"="1")'
AGGREGATE = (
    "k INT NOT NULL, n BIGINT SUM, d DECIMAL(38,2) SUM, lo INT MIN, hi INT MAX, r VARCHAR(9) REPLACE, "
    "i VARCHAR(9) REPLACE_IF_NOT_NULL",
    "AGGREGATE KEY(k) DISTRIBUTED BY HASH(k)",
)


def test_the_detail_table_is_created_and_described(cluster):
    """DUPLICATE KEY with day partitions: DESC and SHOW CREATE TABLE give it back."""
    name = cluster.fresh("orders")
    cluster.sql(ORDERS.format(db=cluster.database, name=name))
    cluster.sql(ORDERS.format(db=cluster.database, name=name))
    rows = cluster.sql(f"DESC {name}")
    assert [r[0] for r in rows][:3] == ["occurred_at", "_topic", "_partition"]
    assert rows[0][:4] == ("occurred_at", "datetime", "NO", "true")
    assert rows[5][:4] == ("amount", "decimal(18,2)", "YES", "false")
    shown = cluster.sql(f"SHOW CREATE TABLE {name}")[0][1]
    for part in (
        "DUPLICATE KEY(`occurred_at`)",
        "date_trunc('day', occurred_at)",
        "HASH(`_partition`, `_offset`)",
        "BUCKETS 4",
        '"replication_num" = "1"',
    ):
        assert part in shown


def test_show_create_table_can_be_run_again(cluster, table):
    """The text of SHOW CREATE TABLE makes the same table."""
    name = table(*AGGREGATE)
    shown = cluster.sql(f"SHOW CREATE TABLE {name}")[0][1]
    copy = cluster.fresh("copy")
    cluster.sql(shown.replace(f"`{name}`", f"`{copy}`"))
    assert cluster.sql(f"DESC {copy}") == cluster.sql(f"DESC {name}")


REFUSED = [
    ("a INT, k INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(a)", "first few columns"),
    ("a INT, b INT", "DUPLICATE KEY(b, a) DISTRIBUTED BY HASH(a)", "first few columns"),
    ("a DOUBLE, b INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(b)", ""),
    ("a VARBINARY, b INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(b)", ""),
    ("a INT, a INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", "Duplicate column"),
    ("a INT, b INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(z)", "Distribution column"),
    ("a INT, b INT SUM", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT, b INT", "AGGREGATE KEY(a) DISTRIBUTED BY HASH(a)", "aggregate"),
    ("a INT, b VARCHAR(5) SUM", "AGGREGATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT, b VARBINARY REPLACE", "AGGREGATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT, b INT SUM", "AGGREGATE KEY(a) DISTRIBUTED BY RANDOM", ""),
    ("a INT, b INT SUM", "AGGREGATE KEY(a) DISTRIBUTED BY HASH(b)", ""),
    ("a INT, b INT", "UNIQUE KEY(a) DISTRIBUTED BY RANDOM", ""),
    ("a INT, b INT", "PRIMARY KEY(a) DISTRIBUTED BY HASH(b)", ""),
    (
        "a INT, d DATE, b INT",
        "PRIMARY KEY(a) PARTITION BY date_trunc('day', d) DISTRIBUTED BY HASH(a)",
        "",
    ),
    (
        "a INT, b INT",
        "DUPLICATE KEY(a) PARTITION BY date_trunc('day', a) DISTRIBUTED BY HASH(a)",
        "",
    ),
    (
        "a INT, d DATE",
        "DUPLICATE KEY(a) PARTITION BY date_trunc('fortnight', d) DISTRIBUTED BY HASH(a)",
        "",
    ),
    ("a INT, v VARCHAR(1048577)", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT, v DECIMAL(10,11)", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT, __op INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", "reserved"),
    ("a INT, v INT DEFAULT NULL NOT NULL", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)", ""),
    ("a INT", "DISTRIBUTED BY HASH(a) DUPLICATE KEY(a)", ""),
]


@pytest.mark.parametrize("columns, rest, text", REFUSED, ids=lambda v: str(v)[:60])
def test_a_table_against_the_rules_is_refused(cluster, columns, rest, text):
    """Keys first and in order, no DOUBLE or VARBINARY keys, keys hold partition and bucket columns, HASH where needed."""
    number, message = refused(
        cluster, f"CREATE TABLE {cluster.fresh('bad')} ({columns}) {rest} {ONE}"
    )
    assert number == 1064
    assert text.lower() in message.lower()


@pytest.mark.parametrize("word", ["order", "key", "range", "rows", "partition", "values"])
def test_reserved_words_need_backticks(cluster, word):
    """A reserved word is a name only in backticks, in DDL and in queries."""
    name = cluster.fresh("reserved")
    rest = "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)"
    assert refused(cluster, f"CREATE TABLE {name} (k INT, {word} INT) {rest} {ONE}")[0] == 1064
    cluster.sql(f"CREATE TABLE {name} (k INT, `{word}` INT) {rest} {ONE}")
    cluster.load(name, "1\t2\n")
    assert cluster.sql(f"SELECT `{word}` FROM {name}") == [("2",)]
    assert refused(cluster, f"SELECT k AS {word} FROM {name}")[0] == 1064


def test_replication_num_beyond_the_alive_backends_is_refused(standin, cluster):
    """replication_num must be at most the number of alive backends; the default is 3."""
    for properties in ("", 'PROPERTIES ("replication_num"="2")'):
        _, message = refused(
            cluster,
            f"CREATE TABLE {cluster.fresh('r')} (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a) {properties}",
        )
        assert "number of available BE nodes" in message


def test_an_existing_table_is_refused_without_if_not_exists(cluster, table):
    """Table already exists: error 1050."""
    name = table("a INT", "DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)")
    number, _ = refused(
        cluster, f"CREATE TABLE {name} (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a) {ONE}"
    )
    assert number == 1050
    cluster.sql(
        f"CREATE TABLE IF NOT EXISTS {name} (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a) {ONE}"
    )


@pytest.mark.parametrize(
    "column", ["b BITMAP BITMAP_UNION", "b HLL HLL_UNION", "b ARRAY<INT> REPLACE"]
)
def test_sketch_columns_are_refused_loudly(standin, cluster, column):
    """BITMAP, HLL and nested columns are not implemented and say so."""
    number, message = refused(
        cluster, f"CREATE TABLE x1 (a INT, {column}) AGGREGATE KEY(a) DISTRIBUTED BY HASH(a) {ONE}"
    )
    assert number == 1235 and "rockpool does not implement" in message


# ---- models


def test_a_duplicate_key_table_keeps_every_row(cluster, table):
    """DUPLICATE KEY appends."""
    name = table("k INT, v INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\t1\n1\t1\n")
    cluster.load(name, "1\t1\n")
    assert cluster.rows(name) == [("1", "1")] * 3


def test_an_aggregate_table_merges_loads(cluster, table):
    """SUM, MIN, MAX ignore NULL; REPLACE takes the newest, NULL too; REPLACE_IF_NOT_NULL keeps the last value."""
    name = table(*AGGREGATE)
    cluster.load(
        name, "1\t5\t0.10\t5\t5\ta\ta\n1\t\\N\t\\N\t\\N\t\\N\tb\t\\N\n2\t1\t1\t1\t1\tx\tx\n"
    )
    cluster.load(name, "1\t7\t0.20\t3\t9\t\\N\t\\N\n")
    assert cluster.rows(name) == [
        ("1", "12", "0.30", "3", "9", None, "a"),
        ("2", "1", "1.00", "1", "1", "x", "x"),
    ]
    assert cluster.sql(f"SELECT count(*) FROM {name}") == [("2",)]


def test_a_sum_of_nulls_only_is_null(cluster, table):
    """SUM over nothing but NULL stays NULL."""
    name = table(*AGGREGATE)
    cluster.load(name, "1\n1\n", columns="k")
    assert cluster.rows(name) == [("1", None, None, None, None, None, None)]


def test_null_keys_of_an_aggregate_table_are_one_group(cluster, table):
    """Nullable key columns: NULL is a key like any other."""
    name = table(
        "a INT NOT NULL, c VARCHAR(10), n BIGINT SUM", "AGGREGATE KEY(a, c) DISTRIBUTED BY HASH(a)"
    )
    cluster.load(name, "1\t\\N\t2\n1\t\t5\n")
    cluster.load(name, "1\t\\N\t3\n")
    assert sorted(cluster.rows(name), key=str) == sorted(
        [("1", None, "5"), ("1", "", "5")], key=str
    )


def test_largeint_sums_hold_128_bits(cluster, table):
    """LARGEINT SUM goes beyond 64 bits."""
    name = table("k INT NOT NULL, n LARGEINT SUM", "AGGREGATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\t9223372036854775807\n1\t9223372036854775807\n")
    assert cluster.rows(name) == [("1", "18446744073709551614")]


def test_a_bigint_sum_wraps(standin, cluster, table):
    """A BIGINT SUM that overflows wraps around; nothing tells."""
    name = table("k INT NOT NULL, n BIGINT SUM", "AGGREGATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\t9223372036854775807\n1\t1\n")
    assert cluster.rows(name) == [("1", "-9223372036854775808")]


def test_a_unique_key_table_replaces(cluster, table):
    """UNIQUE KEY: the last row of a key stays."""
    name = table("k INT, v INT", "UNIQUE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\t1\n1\t2\n2\t5\n")
    cluster.load(name, "2\t6\n")
    assert cluster.rows(name) == [("1", "2"), ("2", "6")]


@pytest.fixture
def primary(table):
    return table("k INT NOT NULL, s INT, v VARCHAR(9)", "PRIMARY KEY(k) DISTRIBUTED BY HASH(k)")


def test_a_primary_key_table_upserts(cluster, primary):
    """PRIMARY KEY: the last row of a key wins, within a load and over loads."""
    cluster.load(primary, "1\t1\ta\n1\t2\tb\n2\t1\tc\n")
    cluster.load(primary, "2\t0\td\n3\t0\te\n")
    assert cluster.rows(primary) == [("1", "2", "b"), ("2", "0", "d"), ("3", "0", "e")]


def test_deletes_come_as_a_constant(cluster, primary):
    """columns: …, __op='delete'."""
    cluster.load(primary, "1\t1\ta\n2\t1\tb\n")
    assert cluster.load(primary, "1\n9\n", columns="k,__op='delete'")["Status"] == "Success"
    assert cluster.rows(primary) == [("2", "1", "b")]


def test_deletes_and_upserts_mix_by_a_field(cluster, primary):
    """0 = UPSERT, 1 = DELETE in a field: __op=tmp, or `__op` itself in the list."""
    cluster.load(primary, "1\t1\ta\n2\t1\tb\n")
    cluster.load(primary, "1\t\\N\t\\N\t1\n3\t1\tc\t0\n", columns="k,s,v,tmp,__op=tmp")
    cluster.load(primary, "2\t\\N\t\\N\t1\n4\t1\td\t0\n", columns="`k`,`s`,`v`,`__op`")
    assert cluster.rows(primary) == [("3", "1", "c"), ("4", "1", "d")]


def test_json_rows_carry_op_without_a_columns_header(cluster, primary):
    """PRIMARY KEY with JSON: __op in the rows works without columns; absent means upsert."""
    cluster.load(primary, '{"k":1,"v":"a"}{"k":2,"v":"b"}', format="json")
    cluster.load(
        primary,
        '[{"k":1,"__op":1},{"k":3,"v":"c","__op":0}]',
        format="json",
        strip_outer_array="true",
    )
    assert cluster.rows(primary) == [("2", None, "b"), ("3", None, "c")]


def test_a_null_op_filters_the_row(cluster, primary):
    """NULL value in non-nullable column '__op'."""
    reply = cluster.load(primary, '{"k":1,"__op":null}', format="json")
    assert reply["Status"] == "Fail" and reply["NumberFilteredRows"] == 1


def test_a_merge_condition_keeps_the_greater_value(cluster, primary):
    """merge_condition: a row replaces when its source value ≥ the stored one."""
    cluster.load(primary, "1\t5\ta\n", merge_condition="s")
    cluster.load(primary, "1\t4\tolder\n2\t1\tx\n", merge_condition="s")
    assert cluster.rows(primary) == [("1", "5", "a"), ("2", "1", "x")]
    cluster.load(primary, "1\t5\tequal\n", merge_condition="s")
    assert cluster.rows(primary)[0] == ("1", "5", "equal")


def test_a_merge_condition_needs_a_value_column_of_a_primary_key_table(cluster, primary, table):
    """One non-key column; PRIMARY KEY tables only."""
    assert cluster.load(primary, "1\t5\ta\n", merge_condition="k")["Status"] == "Fail"
    name = table("k INT, v INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    assert cluster.load(name, "1\t5\n", merge_condition="v")["Status"] == "Fail"


def test_primary_key_columns_are_not_null(cluster, table):
    """PRIMARY KEY columns are NOT NULL even when the DDL does not say so."""
    name = table("k INT, v INT", "PRIMARY KEY(k) DISTRIBUTED BY HASH(k)")
    assert cluster.sql(f"DESC {name}")[0][2] == "NO"
    assert cluster.load(name, "\\N\t1\n")["Status"] == "Fail"


# ---- partitions and changes


def test_loads_make_the_partitions_of_their_rows(cluster, table):
    """date_trunc('day', …) partitions are made on demand."""
    name = table(
        "t DATETIME, v INT",
        "DUPLICATE KEY(t) PARTITION BY date_trunc('day', t) DISTRIBUTED BY HASH(v)",
    )
    cluster.load(name, "2024-01-01 10:00:00\t1\n2024-01-02 00:00:00\t2\n2024-01-01 23:59:59\t3\n")
    found = {r[1] for r in cluster.sql(f"SHOW PARTITIONS FROM {name}")}
    assert {"p20240101", "p20240102"} <= found


def test_a_failed_load_leaves_empty_partitions(cluster, table):
    """Partitions made by a load that fails stay behind, empty."""
    name = table(
        "t DATETIME, v INT",
        "DUPLICATE KEY(t) PARTITION BY date_trunc('day', t) DISTRIBUTED BY HASH(v)",
    )
    assert cluster.load(name, "2024-03-01 10:00:00\t1\nbad\n")["Status"] == "Fail"
    assert "p20240301" in {r[1] for r in cluster.sql(f"SHOW PARTITIONS FROM {name}")}
    assert cluster.rows(name) == []


def test_add_column_gives_old_rows_the_default(standin, cluster, table):
    """ALTER TABLE ADD COLUMN: positional CSV of the old width no longer fits, an explicit columns header does."""
    name = table("k INT, v INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\t1\n")
    cluster.sql(f'ALTER TABLE {name} ADD COLUMN w INT DEFAULT "9" AFTER k')
    assert cluster.rows(name) == [("1", "9", "1")]
    assert cluster.load(name, "2\t2\n")["Status"] == "Fail"
    assert cluster.load(name, "2\t2\n", columns="k,v")["Status"] == "Success"
    assert cluster.rows(name)[1] == ("2", "9", "2")


def test_add_column_on_an_aggregate_table_needs_its_aggregate(cluster, table):
    """On AGGREGATE tables the aggregate type must be given."""
    name = table(*AGGREGATE)
    refused(cluster, f"ALTER TABLE {name} ADD COLUMN x INT")
    cluster.sql(f"ALTER TABLE {name} ADD COLUMN x INT SUM")


def test_truncate_and_drop(cluster, table):
    """TRUNCATE empties, DROP removes; the number of an unknown table is 5502."""
    name = table("k INT", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "1\n")
    cluster.sql(f"TRUNCATE TABLE {name}")
    assert cluster.rows(name) == []
    cluster.sql(f"DROP TABLE {name}")
    assert refused(cluster, f"SELECT * FROM {name}")[0] == 5502
    cluster.sql(f"DROP TABLE IF EXISTS {name}")


def test_databases_are_made_and_dropped(cluster):
    """CREATE DATABASE IF NOT EXISTS, SHOW DATABASES, DROP DATABASE; unknown ones are 1049."""
    name = cluster.fresh("db")
    cluster.sql(f"CREATE DATABASE {name}")
    cluster.sql(f"CREATE DATABASE IF NOT EXISTS {name}")
    assert refused(cluster, f"CREATE DATABASE {name}")[0] == 1007
    assert (name,) in cluster.sql("SHOW DATABASES")
    cluster.sql(f"DROP DATABASE {name}", database=None)
    assert refused(cluster, f"SELECT * FROM {name}.x")[0] == 1049


def test_views_finish_the_answers(cluster, table):
    """CREATE VIEW IF NOT EXISTS … AS SELECT … GROUP BY reads through to the rows of the moment."""
    name = table(
        "c VARCHAR(9) NOT NULL, d DECIMAL(18,2)", "DUPLICATE KEY(c) DISTRIBUTED BY HASH(c)"
    )
    view = cluster.fresh("view")
    for _ in range(2):
        cluster.sql(
            f"CREATE VIEW IF NOT EXISTS {view} AS SELECT c, sum(d) AS total, count(*) AS n, sum(d) / count(*) AS mean FROM {name} GROUP BY c"
        )
    cluster.load(name, "a\t1.00\na\t0.01\na\t0.01\n")
    assert cluster.sql(f"SELECT * FROM {view}") == [("a", "1.02", "3", "0.34000000")]
    cluster.sql(f"DROP VIEW {view}")


def test_two_clients_load_several_tables_at_once(cluster, table):
    """Concurrent loads to several tables all arrive."""
    import concurrent.futures

    names = [
        table("k INT, n BIGINT SUM", "AGGREGATE KEY(k) DISTRIBUTED BY HASH(k)") for _ in range(3)
    ]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda i: cluster.load(names[i % 3], "1\t1\n2\t1\n"), range(18)))
    assert all(r["Status"] == "Success" for r in replies)
    for name in names:
        assert cluster.rows(name) == [("1", "6"), ("2", "6")]
