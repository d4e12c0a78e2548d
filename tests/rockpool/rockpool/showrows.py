"""What SHOWs share: the database they are of; the LIKE, WHERE, ORDER BY and LIMIT behind them."""

import re

import pyarrow

from rockpool import results, sqlfront
from rockpool.errors import NO_DB, SqlError


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
        return filtered(session, names, rows, rest)
    tokens.expect_end()
    return results.table(names, rows)


def filtered(session, names, rows, rest):
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


def from_database(session, tokens):
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
