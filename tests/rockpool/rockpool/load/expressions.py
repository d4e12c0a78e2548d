"""Expressions of the `columns` and `where` headers, computed by DuckDB over the scanned fields."""

import datetime
import zoneinfo

import duckdb
import pyarrow
import pyarrow.compute as pc
from sqlglot import exp

from rockpool import sqlfront
from rockpool.errors import LoadError, SqlError

SKETCHES = ("BITMAP", "HLL", "PERCENTILE")


def check(made):
    """Refuses what cannot be computed, before the body is read."""
    for name, text in made.exprs.items():
        tree = _parse(text)
        for call in tree.find_all(exp.Anonymous):
            upper = call.name.upper()
            if any(s in upper for s in SKETCHES):
                raise LoadError(
                    f"rockpool does not implement sketches yet: {name}={text}", "NOT_SUPPORTED"
                )
        known = {s.name.lower() for s in made.sources}
        for column in tree.find_all(exp.Column):
            if column.name.lower() not in known:
                raise LoadError(
                    f"unknown reference column, column={name}, reference={column.name}",
                    "ANALYSIS_ERROR",
                )


def _parse(text):
    try:
        tree = sqlfront.parse(f"SELECT {text}")
        sqlfront.check_functions(tree)
    except SqlError as error:
        raise LoadError(f"parse columns header failed: {error.message}", "ANALYSIS_ERROR") from None
    return tree


def _implicit_casts(tree):
    """Source fields are VARCHAR: arithmetic takes them as DOUBLE, intervals as BIGINT."""
    for column in list(tree.find_all(exp.Column)):
        if isinstance(column.parent, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod | exp.Neg):
            column.replace(exp.cast(column.copy(), "DOUBLE"))
        elif (
            isinstance(column.parent, exp.Interval | exp.DateAdd | exp.DateSub)
            and column.arg_key != "this"
        ) or isinstance(column.parent, exp.Interval):
            column.replace(exp.cast(column.copy(), "BIGINT"))
    return tree


def _context(engine, params):
    try:
        zone = zoneinfo.ZoneInfo(params.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise LoadError(
            f"Unknown or incorrect time zone: '{params.timezone}'", "ANALYSIS_ERROR"
        ) from None
    now = datetime.datetime.now(zone)
    stamp, day = (
        ("TIMESTAMP", now.strftime("%Y-%m-%d %H:%M:%S")),
        ("DATE", now.strftime("%Y-%m-%d")),
    )
    constants = {"NOW": stamp, "CURRENT_TIMESTAMP": stamp, "CURRENT_DATE": day, "CURDATE": day}
    return sqlfront.Context(engine, None, constants, {}.__getitem__)


def _run(engine, sql, fields):
    cursor = engine.cursor()
    cursor.register("fields", fields)
    try:
        return cursor.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise LoadError(
            f"expression failed: {str(error).splitlines()[0]}", "ANALYSIS_ERROR"
        ) from None
    finally:
        cursor.unregister("fields")


def _fields(arrays, length):
    return pyarrow.table({**arrays, "__index": pyarrow.array(range(length), pyarrow.int64())})


def evaluate(engine, made, scanned, params):
    """column name → array of texts (or bytes), one value a row."""
    if not made.exprs:
        return {}
    context = _context(engine, params)
    selected = []
    for name, text in made.exprs.items():
        translated = sqlfront.translate_item(_implicit_casts(_parse(text)), context)
        value = f"({translated})"
        selected.append(f'{value} AS "v:{name}"')
    sql = f"SELECT {', '.join(selected)} FROM fields ORDER BY __index"
    table = _run(engine, sql, _fields(scanned.arrays, scanned.length))
    return {name: _texts(table.column(f"v:{name}").combine_chunks()) for name in made.exprs}


def _texts(array):
    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks()
    if pyarrow.types.is_binary(array.type) or pyarrow.types.is_large_binary(array.type):
        return array.cast(pyarrow.binary())
    if pyarrow.types.is_boolean(array.type):
        return pc.if_else(array, "1", "0")
    return array.cast(pyarrow.string())


def select(engine, table, found, length, params):
    """The rows that the where predicate takes, as indices, or None for all."""
    if not params.where:
        return None
    try:
        tree = sqlfront.parse(f"SELECT __index FROM fields WHERE {params.where}")
        context = _context(engine, params)
        sqlfront.check_functions(tree)
        condition = tree.args["where"].this
        wanted = sqlfront.translate_item(exp.select(condition), context)
    except SqlError as error:
        raise LoadError(f"parse where header failed: {error.message}", "ANALYSIS_ERROR") from None
    typed = ", ".join(f'CAST("{n}" AS {table.column(n).type.duckdb()}) AS "{n}"' for n in found)
    sql = f"SELECT __index FROM (SELECT {typed}, __index FROM fields) WHERE ({wanted}) ORDER BY __index"
    return _run(engine, sql, _fields(found, length)).column("__index").to_pylist()
