"""Values as the text protocol of the server prints them."""

import dataclasses
import datetime
import decimal

from mysql_mimic.types import ColumnType


@dataclasses.dataclass
class Title:
    """One column of a result."""

    name: str
    type: ColumnType = ColumnType.VAR_STRING
    binary: bool = False


@dataclasses.dataclass
class Result:
    """Rows of bytes (or None) under their titles."""

    columns: list
    rows: list


TYPES = {
    "BOOLEAN": ColumnType.TINY,
    "TINYINT": ColumnType.TINY,
    "SMALLINT": ColumnType.SHORT,
    "INTEGER": ColumnType.LONG,
    "BIGINT": ColumnType.LONGLONG,
    "HUGEINT": ColumnType.STRING,
    "FLOAT": ColumnType.FLOAT,
    "DOUBLE": ColumnType.DOUBLE,
    "DATE": ColumnType.DATE,
    "TIMESTAMP": ColumnType.DATETIME,
    "BLOB": ColumnType.BLOB,
}


def column_type(kind):
    if kind.startswith("DECIMAL"):
        return ColumnType.NEWDECIMAL
    return TYPES.get(kind, ColumnType.VAR_STRING)


def encode(value):
    if value is None or isinstance(value, bytes):
        return value
    return text(value).encode("utf-8", "surrogatepass")


def text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime.datetime):
        return moment(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return number(value)
    return str(value)


def moment(value):
    """No fraction where the microseconds are zero, else six digits."""
    base = f"{value.year:04}-{value.month:02}-{value.day:02} {value.hour:02}:{value.minute:02}:{value.second:02}"
    return f"{base}.{value.microsecond:06}" if value.microsecond else base


def number(value):
    """Shortest digits; no `.0` behind a whole number."""
    if value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    shown = repr(value)
    if "e" in shown:
        mantissa, exponent = shown.split("e")
        mantissa = mantissa[:-2] if mantissa.endswith(".0") else mantissa
        return f"{mantissa}e{int(exponent)}"
    return shown[:-2] if shown.endswith(".0") else shown


def table(names, rows):
    """A result of plain texts, for SHOW statements."""
    return Result([Title(n) for n in names], [tuple(encode(v) for v in row) for row in rows])
