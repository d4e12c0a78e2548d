"""information_schema: plain rows computed from the catalog."""

import datetime

import pyarrow

from rockpool import catalog
from rockpool.errors import UNKNOWN_TABLE, SqlError
from rockpool.showtable import names_list

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
                names_list(table.keys),
                f"`{table.partition[1]}`" if table.partition else "",
                names_list(table.distribution),
                "HASH" if table.distribution else "RANDOM",
                table.buckets,
                names_list(table.order_by or table.keys),
                "{" + properties + "}",
                table.id,
            )
        )
    return names, rows


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
