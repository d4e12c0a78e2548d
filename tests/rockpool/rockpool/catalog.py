"""Databases, tables and columns, and the rules a CREATE TABLE must keep.

The values here are plain data; `engine` makes them durable and `ddl` makes them from SQL.
"""

import dataclasses
import re

from rockpool.errors import SYNTAX, SqlError, not_implemented

DUPLICATE, AGGREGATE, UNIQUE, PRIMARY = "DUPLICATE", "AGGREGATE", "UNIQUE", "PRIMARY"
AGGREGATES = ("SUM", "MIN", "MAX", "REPLACE", "REPLACE_IF_NOT_NULL")
INTEGERS = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INT": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "LARGEINT": (-(2**127), 2**127 - 1),
}
STRINGS = ("VARCHAR", "CHAR")
MAX_VARCHAR = 1048576
MAX_CHAR = 255
DEFAULT_STRING = 65533
NAME = re.compile(r"^[a-zA-Z]\w{0,255}$|^_[a-zA-Z0-9]\w{0,254}$", re.ASCII)
COLUMN_NAME = re.compile(r"^[^\x00]{1,1024}$")
RESERVED_COLUMNS = ("__op", "__row")


@dataclasses.dataclass(frozen=True)
class Type:
    """A column type: `length` is bytes for strings, `precision`/`scale` for DECIMAL."""

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0

    def __str__(self):
        return self.sql().lower()

    def sql(self):
        if self.name in STRINGS or self.name == "VARBINARY":
            return f"{self.name}({self.length})" if self.length else self.name
        if self.name == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})"
        return self.name

    def duckdb(self):
        return {
            "LARGEINT": "HUGEINT",
            "DATETIME": "TIMESTAMP",
            "INT": "INTEGER",
            "VARBINARY": "BLOB",
            "JSON": "VARCHAR",
            "CHAR": "VARCHAR",
            "DECIMAL": f"DECIMAL({self.precision},{self.scale})",
        }.get(self.name, self.name)


@dataclasses.dataclass
class Column:
    """`default` is None for "no default given"; the string otherwise, and NULL as `Null`."""

    name: str
    type: Type
    nullable: bool = True
    key: bool = False
    aggregate: str | None = None
    default: str | None = None
    comment: str = ""

    def has_default(self):
        return self.default is not None or self.nullable


@dataclasses.dataclass
class Table:
    """One table or view as the catalog knows it."""

    database: str
    name: str
    id: int = 0
    model: str = DUPLICATE
    columns: list = dataclasses.field(default_factory=list)
    keys: list = dataclasses.field(default_factory=list)
    partition: tuple | None = None  # (unit, column)
    buckets: int = 0
    distribution: list | None = None  # hash columns; [] for RANDOM
    order_by: list = dataclasses.field(default_factory=list)
    properties: dict = dataclasses.field(default_factory=dict)
    comment: str = ""
    view: str | None = None  # the SELECT of a view

    def column(self, name):
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        return None

    def to_dict(self):
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values):
        values = dict(values)
        values["columns"] = [Column(**{**c, "type": Type(**c["type"])}) for c in values["columns"]]
        if values["partition"]:
            values["partition"] = tuple(values["partition"])
        return Table(**values)


def make_type(name, args):
    """The type of a DDL word such as DECIMAL with its arguments."""
    name = {"STRING": "VARCHAR", "INTEGER": "INT", "BINARY": "VARBINARY", "BOOL": "BOOLEAN"}.get(
        name, name
    )
    if name in ("BITMAP", "HLL", "PERCENTILE", "ARRAY", "MAP", "STRUCT", "DECIMALV2"):
        raise not_implemented(f"the column type {name}")
    if name in ("DECIMAL", "DECIMALV3", "DECIMAL32", "DECIMAL64", "DECIMAL128", "NUMERIC"):
        return _decimal(args)
    if name == "VARCHAR":
        return _sized(name, args, MAX_VARCHAR, DEFAULT_STRING)
    if name == "CHAR":
        return _sized(name, args, MAX_CHAR, 1)
    if name == "VARBINARY":
        return _sized(name, args, MAX_VARCHAR, MAX_VARCHAR)
    if args and name not in INTEGERS:
        raise SqlError(f"Getting syntax error: the type {name} takes no arguments")
    if name in INTEGERS or name in ("FLOAT", "DOUBLE", "BOOLEAN", "DATE", "DATETIME", "JSON"):
        return Type(name)
    raise SqlError(f"Getting syntax error: unknown type {name}")


def _sized(name, args, limit, default):
    length = int(args[0]) if args else default
    if not 1 <= length <= limit:
        raise SqlError(
            f"Getting analyzing error. Detail message: {name} size must be <= {limit}: {length}."
        )
    return Type(name, length=length)


def _decimal(args):
    precision, scale = (int(args[0]) if args else 10), (int(args[1]) if len(args) > 1 else 0)
    if precision > 38:
        raise not_implemented("DECIMAL with more than 38 digits (DECIMAL256)")
    if not precision >= 1 or not 0 <= scale <= precision:
        raise SqlError(
            "Getting analyzing error. Detail message: DECIMAL's scale should be between 0 and its "
            f"precision, and its precision between 1 and 38: {precision},{scale}."
        )
    return Type("DECIMAL", precision=precision, scale=scale)


def analyze_error(message):
    return SqlError(f"Getting analyzing error. Detail message: {message}.", SYNTAX)


def check_name(kind, name, pattern=NAME):
    if not pattern.match(name):
        raise analyze_error(f"Incorrect {kind} name '{name}'")


def check_table(table, alive_backends):
    """Applies the rules of the table models; marks the key columns."""
    check_name("table", table.name)
    _check_columns(table)
    _check_keys(table)
    _check_aggregates(table)
    _check_partition(table)
    _check_distribution(table)
    _check_properties(table, alive_backends)


def _check_columns(table):
    seen = set()
    for column in table.columns:
        check_name("column", column.name, COLUMN_NAME)
        if column.name.lower() in RESERVED_COLUMNS:
            raise analyze_error(f"Column name [{column.name}] is a system reserved name")
        if column.name.lower() in seen:
            raise analyze_error(f"Duplicate column name '{column.name}'")
        seen.add(column.name.lower())
    if not table.columns:
        raise analyze_error("A table must have at least one column")


def _check_keys(table):
    if not table.keys:
        _default_keys(table)
    names = [c.name.lower() for c in table.columns]
    for index, key in enumerate(table.keys):
        if key.lower() not in names:
            raise analyze_error(f"Key columns(s): {key} doesn't exist")
        if names[index] != key.lower():
            raise analyze_error(
                "Key columns must be the first few columns of the schema and the order of the key "
                "columns must be consistent with the order of the schema"
            )
    for index, column in enumerate(table.columns):
        column.key = index < len(table.keys)
        if column.key:
            _check_key_column(table, column)


def _default_keys(table):
    """Without a key clause: AGGREGATE KEY if a column aggregates, else DUPLICATE KEY."""
    if any(c.aggregate for c in table.columns):
        table.model = AGGREGATE
        table.keys = [c.name for c in table.columns if not c.aggregate]
        return
    table.model = DUPLICATE
    keys = []
    for column in table.columns[:3]:
        if column.type.name in ("FLOAT", "DOUBLE", "JSON", "VARBINARY"):
            break
        keys.append(column.name)
        if column.type.name == "VARCHAR":
            break
    if not keys:
        raise analyze_error(
            "The olap table first column could not be float, double, json or varbinary"
        )
    table.keys = keys


def _check_key_column(table, column):
    if column.type.name in ("FLOAT", "DOUBLE", "JSON", "VARBINARY"):
        raise analyze_error(
            f"Invalid data type of key column '{column.name}': '{column.type.sql()}'"
        )
    if column.aggregate:
        raise analyze_error(
            f"Cannot specify aggregate function {column.aggregate} for key column '{column.name}'"
        )
    if table.model == PRIMARY:
        if column.type.name == "DECIMAL":
            raise analyze_error(f"Invalid data type of primary key column '{column.name}': DECIMAL")
        column.nullable = False


def _check_aggregates(table):
    for column in table.columns:
        if table.model != AGGREGATE:
            if column.aggregate:
                raise analyze_error(
                    f"{table.model} KEY table should not specify aggregate type for non-key column "
                    f"'{column.name}'"
                )
            continue
        if not column.key and not column.aggregate:
            raise analyze_error(
                f"AGG_KEYS table should specify aggregate type for non-key column[{column.name}]"
            )
        if column.type.name == "VARBINARY":
            raise analyze_error(
                f"VARBINARY column '{column.name}' is not allowed in an AGGREGATE KEY table"
            )
        if column.aggregate == "SUM" and not _is_number(column.type):
            raise analyze_error(f"Invalid aggregate function 'SUM' for '{column.name}'")
        if column.aggregate in ("MIN", "MAX") and column.type.name in ("JSON", "BOOLEAN"):
            raise analyze_error(
                f"Invalid aggregate function '{column.aggregate}' for '{column.name}'"
            )


def _is_number(type_):
    return type_.name in INTEGERS or type_.name in ("FLOAT", "DOUBLE", "DECIMAL")


def _check_partition(table):
    if not table.partition:
        return
    column = table.column(table.partition[1])
    if column is None:
        raise analyze_error(f"Partition column '{table.partition[1]}' is not found in the table")
    if column.type.name not in ("DATE", "DATETIME"):
        raise analyze_error(f"Partition column '{column.name}' must be DATE or DATETIME")
    if table.model != DUPLICATE and not column.key:
        raise analyze_error(
            f"The partition column could not be aggregated column: '{column.name}' must be a key"
        )


def _check_distribution(table):
    if table.distribution is None:
        if table.model == DUPLICATE:
            table.distribution = []
            return
        if table.model == PRIMARY:
            table.distribution = list(table.keys)
            return
        raise analyze_error(f"Currently not support default distribution in {table.model[:3]}_KEYS")
    if not table.distribution and table.model != DUPLICATE:
        raise analyze_error(
            f"Random distribution must be used in DUP_KEYS, not in {table.model} KEY"
        )
    for name in table.distribution:
        column = table.column(name)
        if column is None:
            raise analyze_error(f"Distribution column({name}) doesn't exist")
        if table.model != DUPLICATE and not column.key:
            raise analyze_error(f"Distribution column[{name}] is not key column")
        if column.type.name in ("FLOAT", "DOUBLE", "JSON", "VARBINARY"):
            raise analyze_error(
                f"{column.type.name} column can not be distribution column: '{name}'"
            )


KNOWN_PROPERTIES = (
    "replication_num",
    "enable_persistent_index",
    "replicated_storage",
    "write_quorum",
    "compression",
    "bucket_size",
    "fast_schema_evolution",
    "storage_medium",
    "partition_live_number",
    "colocate_with",
    "bloom_filter_columns",
    "in_memory",
    "storage_format",
    "datacache.enable",
)


def _check_properties(table, alive_backends):
    for name in table.properties:
        if name not in KNOWN_PROPERTIES:
            raise analyze_error(f"Unknown properties: {{{name}={table.properties[name]}}}")
    replicas = table.properties.setdefault("replication_num", "3")
    if not replicas.isdigit() or int(replicas) < 1:
        raise analyze_error("Replication num should larger than 0")
    if int(replicas) > alive_backends:
        raise SqlError(
            f"Table replication num should be less than or equal to the number of available BE "
            f"nodes. You can change this default by setting the replication_num table properties. "
            f"Current alive backend is [10001]. , table={table.name}, default_replication_num={replicas}"
        )
