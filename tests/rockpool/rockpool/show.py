"""SHOW, DESC and ADMIN SHOW."""

import re
import time

import pyarrow

from rockpool import infoschema, results, showtable, sqlfront
from rockpool.errors import NO_DB, SqlError, not_implemented

STATUS_TIME = "%Y-%m-%d %H:%M:%S"


def like(pattern):
    """A SQL LIKE pattern as a test of a name."""
    regex = "".join(
        ".*" if c == "%" else "." if c == "_" else re.escape(c)
        for c in pattern.replace("\\_", "\0")
    )
    return re.compile(regex.replace("\0", "_"), re.IGNORECASE | re.DOTALL).fullmatch


def finish(session, tokens, names, rows, name_column=0):
    """The LIKE, WHERE, ORDER BY and LIMIT behind a SHOW."""
    if tokens.take("LIKE"):
        test = like(tokens.string())
        rows = [r for r in rows if test(str(r[name_column]))]
    if tokens.is_word("WHERE") or tokens.is_word("ORDER") or tokens.is_word("LIMIT"):
        rest = tokens.sql[tokens.peek().start :]
        return _filtered(session, names, rows, rest)
    tokens.expect_end()
    return results.table(names, rows)


def _filtered(session, names, rows, rest):
    columns = list(zip(*rows)) if rows else [()] * len(names)
    arrays = []
    for values in columns:
        whole = all(isinstance(v, int) for v in values if v is not None) and any(
            v is not None for v in values
        )
        arrays.append(
            pyarrow.array(values, pyarrow.int64())
            if whole
            else pyarrow.array([None if v is None else str(v) for v in values], pyarrow.string())
        )
    tree = sqlfront.parse(f"SELECT * FROM information_schema.shown {rest}")
    translated = sqlfront.translate(tree, session.context())
    shown = session.fetch(
        translated, list(names), {"info_shown": pyarrow.table(arrays, names=list(names))}
    )
    return shown


def show(session, tokens):
    tokens.expect("SHOW")
    tokens.take("FULL")
    for words, function in SHOWS:
        if tokens.take(*words):
            return function(session, tokens)
    raise not_implemented(f"SHOW {tokens.peek().text.upper()}")


def _from_database(session, tokens):
    if tokens.take("FROM") or tokens.take("IN"):
        name = tokens.name()
        if tokens.take("."):
            name = tokens.name()
    else:
        name = session.database
    if not name:
        raise SqlError("No database selected", NO_DB)
    if name.lower() != "information_schema":
        session.engine.require_database(name)
    return name


def databases(session, tokens):
    rows = [(n,) for n in sorted([*session.engine.databases, "information_schema"])]
    return finish(session, tokens, ("Database",), rows)


def tables(session, tokens):
    name = _from_database(session, tokens)
    if name.lower() == "information_schema":
        rows = [(t, "SYSTEM VIEW") for t in sorted(infoschema.TABLES)]
    else:
        rows = [
            (t.name, "VIEW" if t.view else "BASE TABLE") for t in session.engine.tables_of(name)
        ]
    names = (f"Tables_in_{name}", "Table_type")
    if "FULL" not in tokens.sql.upper().split()[:2]:
        names, rows = names[:1], [r[:1] for r in rows]
    return finish(session, tokens, names, rows)


def create_table(session, tokens):
    table = session.find_table(tokens)
    tokens.expect_end()
    if table.view is not None:
        return results.table(
            ("View", "Create View", "character_set_client", "collation_connection"),
            [(table.name, showtable.create_table(table), "utf8", "utf8_general_ci")],
        )
    return results.table(("Table", "Create Table"), [(table.name, showtable.create_table(table))])


def create_database(session, tokens):
    name = tokens.name()
    tokens.expect_end()
    session.engine.require_database(name)
    return results.table(("Database", "Create Database"), [(name, f"CREATE DATABASE `{name}`")])


def partitions(session, tokens):
    tokens.expect("FROM")
    table = session.find_table(tokens)
    if table.view is not None:
        raise SqlError(f"Table {table.name} is not a OLAP table")
    names, rows = showtable.partitions(session.cluster, table)
    return finish(session, tokens, names, rows, 1)


def columns(session, tokens):
    if not tokens.take("FROM"):
        tokens.expect("IN")
    database, name = tokens.qualified()
    if tokens.take("FROM") or tokens.take("IN"):
        database = tokens.name()
    table = session.engine.find_table(database or session._database(None), name)
    names, rows = showtable.describe(table)
    if "FULL" in tokens.sql.upper().split()[:2]:
        names = (
            "Field",
            "Type",
            "Collation",
            "Null",
            "Key",
            "Default",
            "Extra",
            "Privileges",
            "Comment",
        )
        rows = [
            (r[0], r[1], None, r[2], r[3], r[4], r[5], "", c.comment)
            for r, c in zip(rows, table.columns)
        ]
    return finish(session, tokens, names, rows)


def describe(session, tokens):
    tokens.next()
    table = session.find_table(tokens)
    if tokens.is_word("ALL"):
        raise not_implemented("DESC … ALL")
    tokens.expect_end()
    return results.table(*showtable.describe(table))


def variables(session, tokens):
    rows = []
    for name, value in sorted(session.variables.items()):
        switch = name in (
            "autocommit",
            "sql_auto_is_null",
            "sql_safe_updates",
            "enable_profile",
            "performance_schema",
        )
        rows.append(
            (name, ("ON" if value else "OFF") if switch else "" if value is None else value)
        )
    return finish(session, tokens, ("Variable_name", "Value"), rows)


def frontends(session, tokens):
    session.require("operate")
    names = (
        "Id",
        "Name",
        "IP",
        "EditLogPort",
        "HttpPort",
        "QueryPort",
        "RpcPort",
        "Role",
        "ClusterId",
        "Join",
        "Alive",
        "ReplayedJournalId",
        "LastHeartbeat",
        "IsHelper",
        "ErrMsg",
        "StartTime",
        "Version",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    rows = []
    for number, frontend in enumerate(session.cluster.frontends, 1):
        rows.append(
            (
                number,
                f"127.0.0.1_9010_{number}",
                "127.0.0.1",
                9010,
                frontend.port,
                session.cluster.mysql_port,
                9020,
                "LEADER" if frontend.is_leader else "FOLLOWER",
                1,
                "true",
                "true",
                1,
                now,
                "true",
                "",
                now,
                f"{session.cluster.version} rockpool",
            )
        )
    return finish(session, tokens, names, rows)


def backends(session, tokens):
    session.require("operate")
    names = (
        "BackendId",
        "IP",
        "HeartbeatPort",
        "BePort",
        "HttpPort",
        "BrpcPort",
        "LastStartTime",
        "LastHeartbeat",
        "Alive",
        "SystemDecommissioned",
        "ClusterDecommissioned",
        "TabletNum",
        "DataUsedCapacity",
        "AvailCapacity",
        "TotalCapacity",
        "UsedPct",
        "MaxDiskUsedPct",
        "ErrMsg",
        "Version",
        "Status",
        "DataTotalCapacity",
        "DataUsedPct",
        "CpuCores",
        "MemLimit",
        "NumRunningQueries",
        "MemUsedPct",
        "CpuUsedPct",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    rows = []
    for backend in session.cluster.backends:
        rows.append(
            (
                backend.id,
                "127.0.0.1",
                9050,
                9060,
                backend.port,
                8060,
                now,
                now,
                "true",
                "false",
                "false",
                0,
                "0.000 B",
                "1.000 TB",
                "1.000 TB",
                "0.00 %",
                "0.00 %",
                "",
                f"{session.cluster.version} rockpool",
                "{}",
                "1.000 TB",
                "0.00 %",
                2,
                "1GB",
                0,
                "0.00 %",
                "0.0 %",
            )
        )
    return finish(session, tokens, names, rows)


def compute_nodes(session, tokens):
    session.require("operate")
    return finish(
        session,
        tokens,
        ("ComputeNodeId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "Alive"),
        [],
    )


def transaction(session, tokens):
    name = _from_database(session, tokens)
    names = (
        "TransactionId",
        "Label",
        "Coordinator",
        "TransactionStatus",
        "LoadJobSourceType",
        "PrepareTime",
        "PreparedTime",
        "CommitTime",
        "PublishTime",
        "FinishTime",
        "Reason",
        "ErrorReplicasCount",
        "ListenerId",
        "TimeoutMs",
        "PreparedTimeoutMs",
        "ErrMsg",
    )
    rows = []
    for txn in session.cluster.txns.of_database(name):
        times = [_time(txn[k]) for k in ("begin", "prepared", "commit", "commit", "finish")]
        rows.append(
            (
                txn["id"],
                txn["label"],
                txn["coordinator"],
                txn["state"],
                txn["source"],
                *times,
                txn["reason"],
                0,
                -1,
                txn["timeout"] * 1000,
                (txn["prepared_timeout"] or 86400) * 1000,
                "",
            )
        )
    if not tokens.is_word("WHERE"):
        tokens.fail("WHERE id = N or label = 'L'")
    rest = re.sub(r"(?i)\bid\b", "TransactionId", tokens.sql[tokens.peek().start :])
    found = _filtered(session, names, rows, rest)
    if not found.rows:
        raise SqlError(f"transaction with {rest.removeprefix('WHERE').strip()} does not exist")
    return found


def _time(seconds):
    return None if seconds is None else time.strftime(STATUS_TIME, time.gmtime(seconds))


def processlist(session, tokens):
    names = (
        "ServerName",
        "Id",
        "User",
        "Host",
        "Db",
        "Command",
        "ConnectionStartTime",
        "Time",
        "State",
        "Info",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    row = (
        "127.0.0.1",
        session.connection_id,
        session.user,
        "127.0.0.1",
        session.database,
        "Query",
        now,
        0,
        "OK",
        tokens.sql,
    )
    return finish(session, tokens, names, [row])


def warnings(session, tokens):
    return finish(session, tokens, ("Level", "Code", "Message"), [])


def engines(session, tokens):
    names = ("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints")
    return finish(
        session,
        tokens,
        names,
        [("OLAP", "YES", "Default storage engine of StarRocks", "NO", "NO", "NO")],
    )


def collation(session, tokens):
    names = ("Collation", "Charset", "Id", "Default", "Compiled", "Sortlen")
    return finish(session, tokens, names, [("utf8_general_ci", "utf8", 33, "Yes", "Yes", 1)])


def charset(session, tokens):
    names = ("Charset", "Description", "Default collation", "Maxlen")
    return finish(session, tokens, names, [("utf8", "UTF-8 Unicode", "utf8_general_ci", 3)])


def alter_table(session, tokens):
    names = ("JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "State")
    name = _from_database(session, tokens)
    tokens.take("FROM", name)
    return finish(session, tokens, names, [])


def table_status(session, tokens):
    name = _from_database(session, tokens)
    names = ("Name", "Engine", "Comment")
    rows = [(t.name, "StarRocks", t.comment) for t in session.engine.tables_of(name)]
    return finish(session, tokens, names, rows)


def grants(session, tokens):
    tokens.expect_end()
    user = session.cluster.users.by_name[session.user]
    privileges = ", ".join(sorted(user.privileges)).upper()
    return results.table(
        ("UserIdentity", "Catalog", "Grants"),
        [(f"'{user.name}'@'%'", None, f"GRANT {privileges} ON *.* TO '{user.name}'@'%'")],
    )


def frontend_config(session):
    manager = session.cluster.txns
    return {
        "label_keep_max_num": ("int", manager.label_keep_max_num),
        "label_keep_max_second": ("int", manager.label_keep_max_second),
        "max_running_txn_num_per_db": ("int", manager.max_running),
        "prepared_transaction_default_timeout_second": ("int", 86400),
        "transaction_clean_interval_second": ("int", 30),
        "stream_load_default_timeout_second": ("int", 600),
        "max_stream_load_timeout_second": ("int", 259200),
        "empty_load_as_error": ("boolean", "true"),
    }


def admin(session, tokens):
    session.require("operate")
    tokens.expect("ADMIN")
    if not tokens.take("SHOW", "FRONTEND", "CONFIG"):
        raise not_implemented(f"ADMIN {tokens.peek().text.upper()}")
    names = ("Key", "AliasNames", "Value", "Type", "IsMutable", "Comment")
    rows = [(k, "[]", v, t, "true", "") for k, (t, v) in sorted(frontend_config(session).items())]
    return finish(session, tokens, names, rows)


SHOWS = [
    (("DATABASES",), databases),
    (("SCHEMAS",), databases),
    (("TABLES",), tables),
    (("TABLE", "STATUS"), table_status),
    (("CREATE", "TABLE"), create_table),
    (("CREATE", "VIEW"), create_table),
    (("CREATE", "DATABASE"), create_database),
    (("PARTITIONS",), partitions),
    (("COLUMNS",), columns),
    (("FIELDS",), columns),
    (("FRONTENDS",), frontends),
    (("BACKENDS",), backends),
    (("COMPUTE", "NODES"), compute_nodes),
    (("GLOBAL", "VARIABLES"), variables),
    (("SESSION", "VARIABLES"), variables),
    (("VARIABLES",), variables),
    (("TRANSACTION",), transaction),
    (("PROCESSLIST",), processlist),
    (("WARNINGS",), warnings),
    (("ENGINES",), engines),
    (("COLLATION",), collation),
    (("CHARSET",), charset),
    (("CHARACTER", "SET"), charset),
    (("ALTER", "TABLE", "COLUMN"), alter_table),
    (("GRANTS",), grants),
]
