"""information_schema, and the tables behind SHOW: plain rows computed from the catalog."""

import datetime

import pyarrow

from rockpool import catalog
from rockpool.engine import quote
from rockpool.errors import UNKNOWN_TABLE, SqlError

TEXT, INT = pyarrow.string(), pyarrow.int64()
TIME = pyarrow.timestamp("us")
MODEL_KEYS = {"DUPLICATE": "DUP", "AGGREGATE": "AGG", "UNIQUE": "UNI", "PRIMARY": "PRI"}
MODEL_NAMES = {
    "DUPLICATE": "DUP_KEYS",
    "AGGREGATE": "AGG_KEYS",
    "UNIQUE": "UNIQUE_KEYS",
    "PRIMARY": "PRIMARY_KEYS",
}
LOAD_STATES = {
    "PREPARE": "LOADING",
    "PREPARED": "PREPARED",
    "COMMITTED": "COMMITED",
    "VISIBLE": "FINISHED",
    "ABORTED": "CANCELLED",
}


def moment(seconds):
    return (
        None
        if seconds is None
        else datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    )


def data_type(kind):
    return {"BOOLEAN": "tinyint", "LARGEINT": "bigint unsigned"}.get(kind.name, kind.name.lower())


def column_type(kind):
    special = {
        "BOOLEAN": "tinyint(1)",
        "LARGEINT": "bigint(20) unsigned",
        "TINYINT": "tinyint(4)",
        "SMALLINT": "smallint(6)",
        "INT": "int(11)",
        "BIGINT": "bigint(20)",
    }
    return special.get(kind.name, kind.sql().lower())


def digits(kind):
    """NUMERIC_PRECISION and NUMERIC_SCALE."""
    if kind.name == "DECIMAL":
        return kind.precision, kind.scale
    known = {
        "TINYINT": 3,
        "SMALLINT": 5,
        "INT": 10,
        "BIGINT": 19,
        "LARGEINT": 39,
        "FLOAT": 7,
        "DOUBLE": 15,
    }
    return known.get(kind.name), 0 if kind.name in catalog.INTEGERS else None


def column_size(kind):
    if kind.length:
        return kind.length
    sizes = {"BOOLEAN": 1, "DATE": 10, "DATETIME": 20, "JSON": 65535}
    return digits(kind)[0] or sizes.get(kind.name)


def columns(cluster):
    names = [
        ("TABLE_CATALOG", TEXT),
        ("TABLE_SCHEMA", TEXT),
        ("TABLE_NAME", TEXT),
        ("COLUMN_NAME", TEXT),
        ("ORDINAL_POSITION", INT),
        ("COLUMN_DEFAULT", TEXT),
        ("IS_NULLABLE", TEXT),
        ("DATA_TYPE", TEXT),
        ("CHARACTER_MAXIMUM_LENGTH", INT),
        ("CHARACTER_OCTET_LENGTH", INT),
        ("NUMERIC_PRECISION", INT),
        ("NUMERIC_SCALE", INT),
        ("DATETIME_PRECISION", INT),
        ("CHARACTER_SET_NAME", TEXT),
        ("COLLATION_NAME", TEXT),
        ("COLUMN_TYPE", TEXT),
        ("COLUMN_KEY", TEXT),
        ("EXTRA", TEXT),
        ("PRIVILEGES", TEXT),
        ("COLUMN_COMMENT", TEXT),
        ("COLUMN_SIZE", INT),
        ("DECIMAL_DIGITS", INT),
        ("GENERATION_EXPRESSION", TEXT),
        ("SRS_ID", INT),
    ]
    rows = []
    for table in cluster.engine.tables.values():
        for position, column in enumerate(table.columns, 1):
            kind = column.type
            precision, scale = digits(kind)
            length = kind.length if kind.name in catalog.STRINGS else None
            rows.append(
                (
                    "def",
                    table.database,
                    table.name,
                    column.name,
                    position,
                    column.default,
                    "YES" if column.nullable else "NO",
                    data_type(kind),
                    length,
                    length,
                    precision,
                    scale,
                    None,
                    "utf8" if length else None,
                    "utf8_general_ci" if length else None,
                    column_type(kind),
                    MODEL_KEYS[table.model] if column.key else "",
                    column.aggregate or "",
                    "",
                    column.comment,
                    column_size(kind),
                    scale,
                    None,
                    None,
                )
            )
    return names, rows


def tables(cluster):
    names = [
        ("TABLE_CATALOG", TEXT),
        ("TABLE_SCHEMA", TEXT),
        ("TABLE_NAME", TEXT),
        ("TABLE_TYPE", TEXT),
        ("ENGINE", TEXT),
        ("VERSION", INT),
        ("ROW_FORMAT", TEXT),
        ("TABLE_ROWS", INT),
        ("AVG_ROW_LENGTH", INT),
        ("DATA_LENGTH", INT),
        ("MAX_DATA_LENGTH", INT),
        ("INDEX_LENGTH", INT),
        ("DATA_FREE", INT),
        ("AUTO_INCREMENT", INT),
        ("CREATE_TIME", TIME),
        ("UPDATE_TIME", TIME),
        ("CHECK_TIME", TIME),
        ("TABLE_COLLATION", TEXT),
        ("CHECKSUM", INT),
        ("CREATE_OPTIONS", TEXT),
        ("TABLE_COMMENT", TEXT),
    ]
    rows = []
    cursor = cluster.engine.cursor()
    for table in cluster.engine.tables.values():
        count = None
        if table.view is None:
            count = cursor.execute(f"SELECT count(*) FROM _data.t{table.id}").fetchall()[0][0]
        rows.append(
            (
                "def",
                table.database,
                table.name,
                "VIEW" if table.view else "BASE TABLE",
                "" if table.view else "StarRocks",
                None,
                "NULL",
                count,
                0,
                0,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                "utf8_general_ci",
                None,
                "",
                table.comment,
            )
        )
    return names, rows


def schemata(cluster):
    names = [
        ("CATALOG_NAME", TEXT),
        ("SCHEMA_NAME", TEXT),
        ("DEFAULT_CHARACTER_SET_NAME", TEXT),
        ("DEFAULT_COLLATION_NAME", TEXT),
        ("SQL_PATH", TEXT),
    ]
    found = sorted([*cluster.engine.databases, "information_schema"])
    return names, [("def", name, "utf8", "utf8_general_ci", None) for name in found]


def views(cluster):
    names = [
        ("TABLE_CATALOG", TEXT),
        ("TABLE_SCHEMA", TEXT),
        ("TABLE_NAME", TEXT),
        ("VIEW_DEFINITION", TEXT),
    ]
    found = [t for t in cluster.engine.tables.values() if t.view]
    return names, [("def", t.database, t.name, t.view) for t in found]


def tables_config(cluster):
    names = [
        (n, TEXT)
        for n in (
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "TABLE_ENGINE",
            "TABLE_MODEL",
            "PRIMARY_KEY",
            "PARTITION_KEY",
            "DISTRIBUTE_KEY",
            "DISTRIBUTE_TYPE",
        )
    ] + [("DISTRIBUTE_BUCKET", INT), ("SORT_KEY", TEXT), ("PROPERTIES", TEXT), ("TABLE_ID", INT)]
    rows = []
    for table in cluster.engine.tables.values():
        if table.view is not None:
            continue
        properties = ",".join(f'"{k}":"{v}"' for k, v in sorted(table.properties.items()))
        rows.append(
            (
                table.database,
                table.name,
                "OLAP",
                MODEL_NAMES[table.model],
                _names(table.keys),
                f"`{table.partition[1]}`" if table.partition else "",
                _names(table.distribution),
                "HASH" if table.distribution else "RANDOM",
                table.buckets,
                _names(table.order_by or table.keys),
                "{" + properties + "}",
                table.id,
            )
        )
    return names, rows


def _names(names):
    return ", ".join(f"`{n}`" for n in names)


def loads(cluster):
    names = [
        ("ID", INT),
        ("LABEL", TEXT),
        ("PROFILE_ID", TEXT),
        ("DB_NAME", TEXT),
        ("TABLE_NAME", TEXT),
        ("USER", TEXT),
        ("WAREHOUSE", TEXT),
        ("STATE", TEXT),
        ("PROGRESS", TEXT),
        ("TYPE", TEXT),
        ("PRIORITY", TEXT),
        ("SCAN_ROWS", INT),
        ("SCAN_BYTES", INT),
        ("FILTERED_ROWS", INT),
        ("UNSELECTED_ROWS", INT),
        ("SINK_ROWS", INT),
        ("RUNTIME_DETAILS", TEXT),
        ("CREATE_TIME", TIME),
        ("LOAD_START_TIME", TIME),
        ("LOAD_COMMIT_TIME", TIME),
        ("LOAD_FINISH_TIME", TIME),
        ("PROPERTIES", TEXT),
        ("ERROR_MSG", TEXT),
        ("TRACKING_SQL", TEXT),
        ("REJECTED_RECORD_PATH", TEXT),
        ("JOB_ID", INT),
    ]
    rows = []
    for txn in list(cluster.txns.txns.values()):
        stats = txn["stats"]
        rows.append(
            (
                txn["id"],
                txn["label"],
                None,
                txn["database"],
                ",".join(txn["tables"]),
                "",
                "default_warehouse",
                LOAD_STATES[txn["state"]],
                "",
                "STREAM_LOAD",
                "NORMAL",
                stats.get("NumberTotalRows", 0),
                stats.get("LoadBytes", 0),
                stats.get("NumberFilteredRows", 0),
                stats.get("NumberUnselectedRows", 0),
                stats.get("NumberLoadedRows", 0),
                "{}",
                moment(txn["begin"]),
                moment(txn["begin"]),
                moment(txn["commit"]),
                moment(txn["finish"]),
                "{}",
                txn["reason"] or None,
                None,
                None,
                txn["id"],
            )
        )
    return names, rows


TABLES = {
    "columns": columns,
    "tables": tables,
    "schemata": schemata,
    "views": views,
    "tables_config": tables_config,
    "loads": loads,
}


def relation(name, cluster):
    """The Arrow table of information_schema.<name>."""
    function = TABLES.get(name)
    if function is None:
        raise SqlError(
            f"Unknown table 'information_schema.{name}' (or rockpool does not implement it)",
            UNKNOWN_TABLE,
        )
    return arrow(*function(cluster))


def arrow(names, rows):
    arrays = list(zip(*rows)) if rows else [()] * len(names)
    return pyarrow.table(
        [pyarrow.array(a, t) for a, (_, t) in zip(arrays, names)], names=[n for n, _ in names]
    )


def partitions(cluster, table):
    """SHOW PARTITIONS: the automatic partitions with their row counts."""
    names = (
        "PartitionId",
        "PartitionName",
        "VisibleVersion",
        "VisibleVersionTime",
        "VisibleVersionHash",
        "State",
        "PartitionKey",
        "Range",
        "DistributionKey",
        "Buckets",
        "ReplicationNum",
        "StorageMedium",
        "CooldownTime",
        "LastConsistencyCheckTime",
        "DataSize",
        "IsInMemory",
        "RowCount",
    )
    keys = ", ".join(table.distribution) or "ALL KEY"
    common = ("NORMAL",)
    tail = ("SSD", "9999-12-31 23:59:59", None, "0B", "false")
    replicas = table.properties["replication_num"]
    if not table.partition:
        count = (
            cluster.engine.cursor()
            .execute(f"SELECT count(*) FROM _data.t{table.id}")
            .fetchall()[0][0]
        )
        row = (
            table.id,
            table.name,
            1,
            None,
            0,
            *common,
            "",
            "",
            keys,
            table.buckets,
            replicas,
            *tail,
            count,
        )
        return names, [row]
    unit, column = table.partition
    counts = dict(
        cluster.engine.cursor()
        .execute(
            f"SELECT date_trunc('{unit}', CAST({quote(column)} AS TIMESTAMP)), count(*) FROM _data.t{table.id} GROUP BY 1"
        )
        .fetchall()
    )
    rows = []
    for number, start in enumerate(sorted(cluster.engine.partitions.get(table.id, ()))):
        rows.append(
            (
                table.id * 1000 + number,
                partition_name(unit, start),
                2,
                None,
                0,
                *common,
                column,
                _range(table, unit, start),
                keys,
                table.buckets,
                replicas,
                *tail,
                counts.get(start, 0),
            )
        )
    return names, rows


def partition_name(unit, start):
    return "p" + start.strftime("%Y%m%d%H")[: {"year": 4, "month": 6, "day": 8, "hour": 10}[unit]]


def _range(table, unit, start):
    end = next_start(unit, start)
    kind = table.column(table.partition[1]).type.name
    shown = [
        v.strftime("%Y-%m-%d" if kind == "DATE" else "%Y-%m-%d %H:%M:%S") for v in (start, end)
    ]
    return f"[types: [{kind}]; keys: [{shown[0]}]; ..types: [{kind}]; keys: [{shown[1]}]; )"


def next_start(unit, start):
    if unit == "hour":
        return start + datetime.timedelta(hours=1)
    if unit == "day":
        return start + datetime.timedelta(days=1)
    if unit == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start.replace(year=start.year + 1)


def create_table(table):
    """SHOW CREATE TABLE."""
    if table.view is not None:
        names = ", ".join(f"`{c.name}`" for c in table.columns)
        return f"CREATE VIEW `{table.name}` ({names}) AS {table.view};"
    lines = [",\n".join("  " + _column_sql(c) for c in table.columns)]
    out = f"CREATE TABLE `{table.name}` (\n{lines[0]}\n) ENGINE=OLAP \n{table.model} KEY({_names(table.keys)})\n"
    if table.comment:
        out += f'COMMENT "{table.comment}"\n'
    if table.partition:
        out += f"PARTITION BY date_trunc('{table.partition[0]}', {table.partition[1]})\n"
    out += (
        f"DISTRIBUTED BY HASH({_names(table.distribution)})"
        if table.distribution
        else "DISTRIBUTED BY RANDOM"
    )
    out += f" BUCKETS {table.buckets}\n" if table.buckets else "\n"
    if table.order_by:
        out += f"ORDER BY({_names(table.order_by)})\n"
    properties = {"compression": "LZ4", "replicated_storage": "true", **table.properties}
    shown = ",\n".join(f'"{k}" = "{v}"' for k, v in sorted(properties.items()))
    return out + f"PROPERTIES (\n{shown}\n);"


def _column_sql(column):
    types = {
        "TINYINT": "tinyint(4)",
        "SMALLINT": "smallint(6)",
        "INT": "int(11)",
        "BIGINT": "bigint(20)",
        "LARGEINT": "largeint(40)",
    }
    kind = types.get(column.type.name)
    if kind is None:
        kind = column.type.sql().lower().replace(",", ", ")
    out = f"`{column.name}` {kind} "
    if column.aggregate:
        out += column.aggregate + " "
    out += "NULL " if column.nullable else "NOT NULL "
    if column.default == "CURRENT_TIMESTAMP":
        out += "DEFAULT CURRENT_TIMESTAMP "
    elif column.default is not None:
        out += f'DEFAULT "{column.default}" '
    return out + f'COMMENT "{column.comment}"'


def describe(table):
    """DESC: the types in their short form."""
    names = ("Field", "Type", "Null", "Key", "Default", "Extra")
    rows = [
        (
            c.name,
            "boolean" if c.type.name == "BOOLEAN" else c.type.sql().lower(),
            "YES" if c.nullable else "NO",
            "true" if c.key else "false",
            c.default,
            c.aggregate or "",
        )
        for c in table.columns
    ]
    return names, rows
