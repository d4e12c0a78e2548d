"""StarRocks SQL to DuckDB SQL: parsed by sqlglot's StarRocks dialect, rewritten, written for DuckDB.

Only functions of `FUNCTIONS` pass, so that nothing works here by DuckDB's grace alone.
"""

import sqlglot
from sqlglot import exp
from sqlglot.dialects import DuckDB, StarRocks
from sqlglot.errors import SqlglotError

from rockpool.errors import NO_DB, SYNTAX, SqlError, not_implemented

EPOCH_UNITS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


class Dialect(StarRocks):
    """sqlglot's dialect, with DuckDB's names left alone."""


def parse(sql):
    """One SELECT-like statement as a tree."""
    try:
        trees = [t for t in sqlglot.parse(sql, dialect=Dialect) if t is not None]
    except SqlglotError as error:
        raise SqlError(f"Getting syntax error. Detail message: {_first_line(error)}", SYNTAX) from None
    if len(trees) != 1:
        raise SqlError("rockpool runs one statement a query", SYNTAX)
    return trees[0]


def _first_line(error):
    return str(error).split("\n")[0]


def to_duckdb(tree):
    tree = tree.transform(_rewrite)
    return tree.sql(dialect=DuckDB)


def _rewrite(node):
    if isinstance(node, exp.TimestampDiff):
        return _elapsed(node)
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return exp.TryCast(this=node.this, to=node.args["to"])
    return node


def _elapsed(node):
    """TIMESTAMPDIFF counts whole elapsed units, not boundaries."""
    unit = node.text("unit").upper()
    if unit not in EPOCH_UNITS:
        raise not_implemented(f"TIMESTAMPDIFF({unit})")
    start, end = (exp.cast(e, "TIMESTAMP") for e in (node.expression, node.this))
    return exp.Anonymous(this="date_sub", expressions=[exp.Literal.string(unit.lower()), start, end])


class Scope:
    """Finds the tables of a query and puts their database before them."""

    def __init__(self, engine, database):
        self.engine, self.database = engine, database
        self.info_tables = set()

    def resolve(self, tree):
        hidden = {cte.alias for cte in tree.find_all(exp.CTE)}
        for table in list(tree.find_all(exp.Table)):
            if not table.name or (not table.db and table.name in hidden):
                continue
            self._resolve_table(table)
        return tree

    def _resolve_table(self, table):
        if table.catalog and table.catalog != "default_catalog":
            raise SqlError(f"Unknown catalog '{table.catalog}'")
        database = table.db or self.database
        if not database:
            raise SqlError("No database selected", NO_DB)
        if database.lower() == "information_schema":
            name = table.name.lower()
            self.info_tables.add(name)
            found = exp.to_table(f'"info_{name}"')
        else:
            self.engine.find_table(database, table.name)
            found = exp.Table(
                this=exp.to_identifier(table.name, quoted=True), db=exp.to_identifier(database, quoted=True)
            )
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", found.this)
        table.set("db", found.args.get("db"))
        table.set("catalog", None)


def column_titles(tree):
    """The names a client sees for the select list, or None where a star hides them."""
    select = tree
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    if not isinstance(select, exp.Select):
        return None
    titles = []
    for item in select.expressions:
        if item.is_star:
            return None
        if isinstance(item, (exp.Alias, exp.Column)):
            titles.append(item.alias_or_name)
        else:
            titles.append(item.sql(dialect=Dialect, normalize_functions="lower"))
    return titles
