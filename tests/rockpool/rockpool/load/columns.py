"""The `columns` header: which source field feeds which column, and by which expression."""

import dataclasses

from rockpool import catalog
from rockpool.errors import LoadError, SqlError
from rockpool.lexer import tokenize

OP = "__op"
TEXT = catalog.Type("VARCHAR", length=catalog.MAX_VARCHAR)
TINYINT = catalog.Type("TINYINT")


@dataclasses.dataclass
class Source:
    """One field of a row as it comes in: `type` is what the scanner converts it to."""

    name: str
    type: catalog.Type


@dataclasses.dataclass
class Plan:
    """`sources` in file order; `mapped` column → source name; `exprs` column → SQL text."""

    sources: list
    mapped: dict
    exprs: dict
    op: object = 0  # 0 or 1 for the whole load, or the name of the source field
    op_type: object = TINYINT

    @property
    def has_op(self):
        return self.op != 0


def split(text):
    """The items of the header as (name, expression text or None)."""
    try:
        tokens = tokenize(text)
    except SqlError as error:
        raise LoadError(f"parse columns header failed: {error.message}", "ANALYSIS_ERROR") from None
    items, depth, current = [], 0, []
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text if token.kind == "punct" else "", 0)
        if token.kind == "punct" and token.text == "," and depth == 0:
            items.append(current)
            current = []
        else:
            current.append(token)
    items.append(current)
    return [_item(text, item) for item in items]


def _item(text, tokens):
    if not tokens or tokens[0].kind not in ("word", "name"):
        raise LoadError(f"parse columns header failed: {text}", "ANALYSIS_ERROR")
    name = tokens[0].text
    if len(tokens) == 1:
        return name, None
    if tokens[1].text != "=" or len(tokens) < 3:
        raise LoadError(f"parse columns header failed near '{name}': {text}", "ANALYSIS_ERROR")
    return name, text[tokens[2].start : tokens[-1].end]


def plan(table, header, is_json):
    """Decides sources and mapping as the frontend's planner does."""
    items = split(header) if header else [(c.name, None) for c in table.columns]
    primary = table.model == catalog.PRIMARY
    plain = [name for name, expr in items if expr is None]
    exprs = {}
    for name, expr in items:
        if expr is not None:
            exprs[name.lower()] = expr
    used = {
        t.text.lower() for e in exprs.values() for t in tokenize(e) if t.kind in ("word", "name")
    }
    result = Plan([], {}, {})
    for name in plain:
        _add_source(table, result, name, used, primary)
    _add_expressions(table, result, exprs, primary)
    if primary and is_json and OP not in (n.lower() for n, _ in items):
        result.sources.append(Source(OP, TINYINT))
        result.op = OP
    _check_missing(table, result)
    return result


def _add_source(table, result, name, used, primary):
    if name.lower() in {s.name.lower() for s in result.sources}:
        raise LoadError(f"Duplicate column: {name}", "ANALYSIS_ERROR")
    column = table.column(name)
    if name.lower() == OP and primary:
        result.sources.append(Source(OP, TINYINT))
        result.op = OP
        return
    kind = column.type if column and name.lower() not in used else TEXT
    result.sources.append(Source(name, kind))
    if column:
        result.mapped[column.name] = name


def _add_expressions(table, result, exprs, primary):
    for name, expr in exprs.items():
        if name == OP:
            if not primary:
                raise LoadError("load by PRIMARY KEY only: __op", "ANALYSIS_ERROR")
            result.op = _op(result, expr)
            continue
        column = table.column(name)
        if column is None:
            raise LoadError(
                f"unknown reference column, column={name}, reference={expr}", "ANALYSIS_ERROR"
            )
        result.mapped.pop(column.name, None)
        source = _plain_source(result, expr)
        if source is not None:
            result.mapped[column.name] = source.name
            if not table.column(source.name):
                source.type = column.type
        else:
            result.exprs[column.name] = expr


def _plain_source(result, expr):
    tokens = tokenize(expr)
    if len(tokens) != 1 or tokens[0].kind not in ("word", "name"):
        return None
    for source in result.sources:
        if source.name.lower() == tokens[0].text.lower():
            return source
    return None


def _op(result, expr):
    token = tokenize(expr)
    if len(token) == 1 and token[0].kind == "string":
        value = {"upsert": 0, "delete": 1}.get(token[0].text.lower())
        if value is None:
            raise LoadError(f"load op type string not supported: {token[0].text}", "ANALYSIS_ERROR")
        return value
    if len(token) == 1 and token[0].text in ("0", "1"):
        return int(token[0].text)
    source = _plain_source(result, expr)
    if source is None:
        raise LoadError(
            "const load op type column should only be upsert(0)/delete(1)", "ANALYSIS_ERROR"
        )
    source.type = TINYINT
    return source.name


def _check_missing(table, result):
    for column in table.columns:
        if column.name in result.mapped or column.name in result.exprs:
            continue
        if not column.has_default():
            raise LoadError(f"Column has no default value. column: {column.name}", "ANALYSIS_ERROR")
