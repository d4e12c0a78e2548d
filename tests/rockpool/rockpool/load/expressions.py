"""Expressions of the `columns` and `where` headers, computed by DuckDB over the scanned fields."""

from rockpool.errors import LoadError


def check(made):
    for name, expr in made.exprs.items():
        raise LoadError(f"rockpool does not implement the load expression {name}={expr}", "NOT_SUPPORTED")


def evaluate(engine, table, made, scanned, params):
    return {}, {}


def select(engine, table, made, scanned, params):
    if params.where:
        raise LoadError("rockpool does not implement the header where", "NOT_SUPPORTED")
    return scanned, 0
