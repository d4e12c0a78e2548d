"""The MySQL port: login, errors, the text protocol, and the SQL that is spoken to it."""

import shutil
import subprocess

import pymysql
import pytest
from rockpool_support import DATABASE, refused

DETAIL = (
    "t DATETIME NOT NULL, c VARCHAR(20), d DECIMAL(18,2), q BIGINT, f BOOLEAN, day DATE, x DOUBLE",
    "DUPLICATE KEY(t) DISTRIBUTED BY HASH(c)",
)
ROWS = """2024-01-01 10:00:10\ta\t1.10\t1\t1\t2024-01-01\t0.5
2024-01-01 10:00:50.25\ta\t2.20\t2\t0\t2024-01-02\t1
2024-01-01 10:01:00\tb\t3.30\t3\t\\N\t2024-01-03\t\\N
2024-01-01 10:01:59\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N
"""


@pytest.fixture(scope="module")
def detail(cluster):
    name = cluster.fresh("detail")
    cluster.sql(f'CREATE TABLE {name} ({DETAIL[0]}) {DETAIL[1]} PROPERTIES ("replication_num"="1")')
    assert cluster.load(name, ROWS)["Status"] == "Success"
    return name


# ---- login


def test_the_server_says_what_it_is(standin, cluster):
    """current_version() contains rockpool; the protocol's version is not the StarRocks version."""
    assert "rockpool" in cluster.sql("SELECT current_version()")[0][0]
    assert "rockpool" in cluster.sql("SELECT @@version_comment")[0][0]
    assert cluster.sql("SELECT version()") == [("8.0.33",)]


def test_a_wrong_password_is_1045(cluster):
    """Access denied: 1045."""
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(
            host=cluster.mysql_address[0],
            port=cluster.mysql_address[1],
            user=cluster.user,
            password="wrong!",
        )
    assert caught.value.args[0] == 1045


def test_an_unknown_user_is_1045(cluster):
    """An unknown user looks like a wrong password."""
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(
            host=cluster.mysql_address[0],
            port=cluster.mysql_address[1],
            user="nobody_here",
            password="",
        )
    assert caught.value.args[0] == 1045


def test_an_unknown_database_at_login_is_1049(cluster):
    """Unknown database: 1049, at login and in USE."""
    with pytest.raises(pymysql.OperationalError) as caught:
        cluster.connect(database="no_such_db")
    assert caught.value.args[0] == 1049
    assert refused(cluster, "USE no_such_db")[0] == 1049


def test_a_user_with_a_password_logs_in_by_native_password(standin):
    """mysql_native_password with the 20-byte scramble."""
    reader = standin.client("reader", "secret")
    assert reader.sql("SELECT 1", database=None) == [("1",)]
    number, text = refused(reader, f"CREATE TABLE {DATABASE}.x (a INT)", database=None)
    assert number == 5203 and "Access denied" in text
    assert refused(standin.client("writer", "pass word"), "SELECT 1", database=None)[0] == 5203
    for statement in ("SHOW FRONTENDS", "SHOW BACKENDS", "ADMIN SHOW FRONTEND CONFIG"):
        assert refused(reader, statement, database=None)[0] == 5203


# ---- errors


@pytest.mark.parametrize(
    "sql, number",
    [
        ("SELEC 1", 1064),
        ("SELECT * FROM no_such_table", 5502),
        ("SELECT * FROM no_such_db.t", 1049),
        ("SELECT @@no_such_variable", 1193),
        ("SET no_such_variable = 1", 1193),
        ("SELECT no_such_function(1)", 1064),
    ],
)
def test_errors_carry_their_numbers(cluster, sql, number):
    """1064 syntax, 5502 unknown table, 1049 unknown database, 1193 unknown variable."""
    assert refused(cluster, sql)[0] == number


def test_an_unknown_column_is_refused(cluster, detail):
    """A column that is not there is an error of the analysis."""
    assert refused(cluster, f"SELECT nothing FROM {detail}")[0] in (1054, 1064)


def test_no_database_selected(cluster):
    """No database selected: 1046."""
    connection = cluster.connect()
    with connection.cursor() as cursor, pytest.raises(pymysql.MySQLError) as caught:
        cursor.execute("SHOW TABLES")
    assert caught.value.args[0] in (1046, 1064)
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "DELETE FROM t",
        "BEGIN",
        "GRANT ALL ON *.* TO x",
        "CREATE USER x",
        "EXPLAIN SELECT 1",
    ],
)
def test_statements_that_are_missing_are_refused_loudly(standin, cluster, sql):
    """What rockpool does not implement it says."""
    number, text = refused(cluster, sql)
    assert number == 1235 and "rockpool does not implement" in text


def test_functions_of_the_engine_beneath_are_not_offered(standin, cluster):
    """Only functions of the allow-list pass: nothing works by DuckDB's grace."""
    for call in (
        "list_value(1)",
        "epoch_ms(1)",
        "strftime('2024-01-01', '%Y')",
        "read_csv('/etc/passwd')",
    ):
        assert refused(cluster, f"SELECT {call}")[0] == 1064


def test_files_and_inner_tables_cannot_be_read(standin, cluster):
    """The engine's own schemas and files are out of reach."""
    for source in ("_meta.txns", "'/etc/passwd'", "duckdb_tables()", "_data.t10100"):
        refused(cluster, f"SELECT * FROM {source}")


# ---- values


def test_values_print_as_the_server_prints_them(cluster, detail):
    """DATETIME without zero fraction, else six digits; DECIMAL at its scale; BOOLEAN 1/0; NULL apart from ''."""
    rows = cluster.sql(f"SELECT * FROM {detail} ORDER BY t")
    assert rows[0] == ("2024-01-01 10:00:10", "a", "1.10", "1", "1", "2024-01-01", "0.5")
    assert rows[1][0] == "2024-01-01 10:00:50.250000" and rows[1][4] == "0" and rows[1][6] == "1"
    assert rows[3][1:] == (None,) * 6


def test_column_types_reach_the_client(cluster, detail):
    """A client that converts gets decimals, dates and integers."""
    import datetime
    import decimal

    connection = cluster.connect(database=DATABASE)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t, d, q, day, x, c FROM {detail} ORDER BY t LIMIT 1")
        row = cursor.fetchone()
    connection.close()
    assert row == (
        datetime.datetime(2024, 1, 1, 10, 0, 10),
        decimal.Decimal("1.10"),
        1,
        datetime.date(2024, 1, 1),
        0.5,
        "a",
    )


def test_titles_are_names_or_the_text_of_the_expression(cluster, detail):
    """Columns without an alias are titled by their expression."""
    cluster.sql(f"SELECT c, count(*), sum(d) AS total FROM {detail} GROUP BY c")
    assert cluster.titles == ["c", "count(*)", "total"]


# ---- queries


def test_the_window_expression_of_millrace(cluster, detail):
    """DATE_ADD over TIMESTAMPDIFF seconds modulo 60 gives the start of the minute."""
    elapsed = "TIMESTAMPDIFF(SECOND,'0001-01-01 00:00:00',t)"
    start = f"DATE_ADD(CAST('0001-01-01 00:00:00' AS DATETIME), INTERVAL ({elapsed} - {elapsed} % 60) SECOND)"
    rows = cluster.sql(f"SELECT {start} AS w, count(*), sum(d) FROM {detail} GROUP BY w ORDER BY w")
    assert rows == [("2024-01-01 10:00:00", "2", "3.30"), ("2024-01-01 10:01:00", "2", "3.30")]


@pytest.mark.parametrize(
    "unit, start, end, value",
    [
        ("SECOND", "2024-01-01 00:00:00.9", "2024-01-01 00:00:01.1", "0"),
        ("SECOND", "2024-01-01 00:00:00", "2024-01-01 00:00:01.9", "1"),
        ("SECOND", "2024-01-01 00:00:01.5", "2024-01-01 00:00:00", "-1"),
        ("MINUTE", "2024-01-01 00:00:59", "2024-01-01 00:01:00", "0"),
        ("DAY", "2024-01-01 12:00:00", "2024-01-02 11:59:59", "0"),
        ("DAY", "2024-01-01 12:00:00", "2024-01-02 12:00:00", "1"),
    ],
)
def test_timestampdiff_counts_whole_elapsed_units(cluster, unit, start, end, value):
    """Elapsed units truncated toward zero, not boundaries crossed."""
    assert cluster.sql(f"SELECT TIMESTAMPDIFF({unit}, '{start}', '{end}')") == [(value,)]


def test_decimal_division_is_exact(cluster, detail):
    """DECIMAL / n is a DECIMAL with six digits more (at most twelve), rounded half up."""
    assert cluster.sql("SELECT CAST('1.00' AS DECIMAL(18,2)) / 3") == [("0.33333333",)]
    assert cluster.sql("SELECT CAST('2.00' AS DECIMAL(18,2)) / 3") == [("0.66666667",)]
    assert cluster.sql("SELECT CAST('-2.00' AS DECIMAL(18,2)) / CAST('0.3' AS DECIMAL(5,1))") == [
        ("-6.66666667",)
    ]
    assert cluster.sql(f"SELECT sum(d) / count(*), avg(d) FROM {detail} WHERE c = 'a'") == [
        ("1.65000000", "1.65000000")
    ]
    assert cluster.sql("SELECT CAST('1.00' AS DECIMAL(18,2)) / 0") == [(None,)]


def test_large_decimal_sums_are_exact(cluster, table):
    """SUM over DECIMAL never goes through floating point."""
    name = table("k INT, d DECIMAL(18,2)", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, "".join(f"{i}\t9999999999999999.99\n" for i in range(3)))
    assert cluster.sql(f"SELECT sum(d) FROM {name}") == [("29999999999999999.97",)]


def test_casts_follow_the_server(cluster):
    """CAST that fails is NULL; to an integer it cuts the fraction off; LARGEINT has 128 bits."""
    row = cluster.sql(
        "SELECT CAST(1.7 AS INT), CAST('x' AS INT), CAST('12' AS BIGINT), CAST(9223372036854775807 AS LARGEINT) + 1, CAST('2024-01-01' AS DATETIME), CAST(CAST('1.5' AS DECIMAL(5,1)) AS INT)"
    )[0]
    assert row == ("1", None, "12", "9223372036854775808", "2024-01-01 00:00:00", "1")


def test_null_safe_equality_and_full_outer_join(cluster, detail, table):
    """<=> joins NULL with NULL; FULL OUTER JOIN keeps both sides."""
    name = table("c VARCHAR(20), n BIGINT", "DUPLICATE KEY(c) DISTRIBUTED BY HASH(c)")
    cluster.load(name, "a\t1\n\\N\t2\nz\t3\n")
    rows = cluster.sql(
        f"SELECT l.c, l.n, r.n FROM (SELECT c, count(*) AS n FROM {detail} GROUP BY c) l "
        f"FULL OUTER JOIN {name} r ON l.c <=> r.c ORDER BY l.c, r.n"
    )
    assert sorted(rows, key=str) == sorted(
        [("a", "2", "1"), ("b", "1", None), (None, "1", "2"), (None, None, "3")], key=str
    )


def test_common_table_expressions_union_having_and_limit(cluster, detail):
    """WITH, UNION ALL, HAVING, ORDER BY with NULL first, LIMIT with OFFSET."""
    rows = cluster.sql(
        f"WITH a AS (SELECT c, sum(q) AS s FROM {detail} GROUP BY c HAVING sum(q) > 0) "
        "SELECT c, s FROM a UNION ALL SELECT 'all', sum(s) FROM a ORDER BY s"
    )
    assert sorted(rows) == [("a", "3"), ("all", "6"), ("b", "3")]
    assert cluster.sql(f"SELECT c FROM {detail} ORDER BY c LIMIT 1") == [(None,)]
    assert cluster.sql(f"SELECT c FROM {detail} ORDER BY c LIMIT 1, 2") == [("a",), ("a",)]


def test_functions_that_a_person_types(cluster, detail):
    """date_trunc, hex, count distinct, if, ifnull, length in bytes, concat with NULL, greatest with NULL."""
    row = cluster.sql(
        f"SELECT date_trunc('hour', min(t)), count(DISTINCT c), hex('ab'), if(1 > 0, 'y', 'n'), ifnull(NULL, 'z'), "
        f"length('é'), char_length('é'), concat('a', NULL), greatest(1, NULL) FROM {detail}"
    )[0]
    assert row == ("2024-01-01 10:00:00", "2", "6162", "y", "z", "2", "1", None, None)


def test_json_columns_are_read_by_path(cluster, table):
    """get_json_string and json_query on a JSON column."""
    name = table("k INT, j JSON", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    cluster.load(name, '1\t{"a": {"b": "x"}, "n": 5}\n')
    assert cluster.sql(
        f"SELECT get_json_string(j, '$.a.b'), get_json_int(j, '$.n') FROM {name}"
    ) == [("x", "5")]


# ---- session


def test_statements_that_clients_open_with(cluster):
    """MariaDB Connector/C and Connector/J open with SET statements and @@ variables."""
    connection = cluster.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "set autocommit=1,sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),time_zone='+00:00',NAMES utf8mb4"
        )
        cursor.execute("SELECT @@sql_mode")
        assert "STRICT_TRANS_TABLES" in cursor.fetchone()[0]
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET character_set_results = NULL")
        cursor.execute("SET sql_mode='STRICT_TRANS_TABLES'")
        cursor.execute(
            "/* mysql-connector */ SELECT @@session.auto_increment_increment AS a, @@init_connect AS b, @@license AS c, @@net_buffer_length AS d, @@wait_timeout AS e"
        )
        assert len(cursor.fetchone()) == 5
        cursor.execute(
            "SHOW VARIABLES WHERE Variable_name = 'time_zone' OR Variable_name = 'wait_timeout'"
        )
        assert dict(cursor.fetchall())["time_zone"] == "+00:00"
        cursor.execute("select current_version() as ver;")
        assert [d[0] for d in cursor.description] == ["ver"]
    connection.close()


def test_a_bad_time_zone_is_refused(cluster):
    """SET time_zone checks the name."""
    refused(cluster, "SET time_zone = 'Nowhere/City'")


def test_prepared_statements_are_refused(standin):
    """COM_STMT_PREPARE is refused with a clear message: text queries only."""
    from rockpool_wire import Wire

    wire = Wire(("127.0.0.1", standin.ports["mysql"]))
    connection = pymysql.connect(host="127.0.0.1", port=standin.ports["mysql"], user="root")
    connection._execute_command(0x16, "SELECT ?")
    with pytest.raises(pymysql.MySQLError) as caught:
        connection._read_packet().check_error()
    assert caught.value.args[0] == 1235
    connection.close()
    wire.close()


def test_several_statements_in_one_query_are_refused(standin, cluster):
    """One statement a query: the flag is not advertised and rockpool runs no second one."""
    assert refused(cluster, "SELECT 1; SELECT 2")[0] == 1064


def test_information_schema_describes_the_tables(cluster, detail):
    """columns, tables, tables_config: what a loader asks for."""
    rows = cluster.sql(
        "SELECT COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, COLUMN_KEY, COLUMN_SIZE, DECIMAL_DIGITS, IS_NULLABLE "
        f"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{DATABASE}' AND TABLE_NAME = '{detail}' ORDER BY ORDINAL_POSITION"
    )
    assert rows[0][:3] == ("t", "1", "datetime") and rows[0][6] == "NO"
    assert rows[1][4] == "20" and rows[2][4:6] == ("18", "2")
    assert all(r[3] is not None for r in rows)
    assert cluster.sql(
        f"SELECT TABLE_TYPE FROM information_schema.tables WHERE TABLE_NAME = '{detail}'"
    ) == [("BASE TABLE",)]
    config = cluster.sql(
        f"SELECT TABLE_MODEL, DISTRIBUTE_TYPE FROM information_schema.tables_config WHERE TABLE_NAME = '{detail}'"
    )
    assert config == [("DUP_KEYS", "HASH")]


def test_show_lists_what_is_there(cluster, detail):
    """SHOW TABLES LIKE, SHOW FRONTENDS, SHOW BACKENDS, SHOW PROCESSLIST."""
    assert cluster.sql(f"SHOW TABLES LIKE '{detail}'") == [(detail,)]
    cluster.sql("SHOW FRONTENDS")
    assert {"Alive", "HttpPort", "QueryPort"} <= set(cluster.titles)
    rows = cluster.sql("SHOW BACKENDS")
    assert rows and {"BackendId", "Alive", "HttpPort"} <= set(cluster.titles)
    assert cluster.sql("SHOW PROCESSLIST")


# ---- the command line client


def test_the_mariadb_client_prints_tables(standin, detail):
    """The mariadb command line client logs in and prints rows and errors."""
    program = shutil.which("mariadb") or shutil.which("mysql")
    if program is None:
        pytest.skip("no mariadb client on this machine")
    command = [
        program,
        "-h127.0.0.1",
        f"-P{standin.ports['mysql']}",
        "-ureader",
        "-psecret",
        "--skip-ssl",
        DATABASE,
    ]
    sql = f"SELECT t, d, f FROM {detail} WHERE q IS NOT NULL ORDER BY t"
    done = subprocess.run([*command, "-t", "-e", sql], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "| 2024-01-01 10:00:10        | 1.10 |    1 |" in lines
    assert "| 2024-01-01 10:00:50.250000 | 2.20 |    0 |" in lines
    assert "NULL" in lines[5]
    done = subprocess.run(
        [*command, "-e", "SELECT * FROM nothing"], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1 and "ERROR 5502 (42S02)" in done.stderr
    done = subprocess.run(
        [*command, "--batch", "-e", "status"], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0 and "Server version" in done.stdout
