"""CREATE TABLE and ALTER TABLE from SQL text to catalog values."""

from rockpool import catalog
from rockpool.errors import SqlError, not_implemented

UNITS = ("hour", "day", "month", "year")
MODELS = {"DUPLICATE", "AGGREGATE", "UNIQUE", "PRIMARY"}


def parse_create_table(tokens):
    """After CREATE TABLE: (if_not_exists, db, Table without database and id)."""
    exists = tokens.take("IF", "NOT", "EXISTS")
    database, name = tokens.qualified()
    table = catalog.Table(database="", name=name)
    tokens.expect("(")
    while True:
        if tokens.is_word("INDEX"):
            raise not_implemented("INDEX in CREATE TABLE")
        table.columns.append(parse_column(tokens))
        if not tokens.take(","):
            break
    tokens.expect(")")
    _table_clauses(tokens, table)
    tokens.expect_end()
    return exists, database, table


def parse_column(tokens):
    name = tokens.identifier()
    column = catalog.Column(name=name, type=parse_type(tokens))
    if tokens.take("CHARSET") or tokens.take("CHARACTER", "SET"):
        tokens.name()
    if tokens.take("KEY"):
        raise not_implemented("KEY behind a column: name the keys in the key clause")
    _aggregate(tokens, column)
    _null_and_default(tokens, column)
    if not column.aggregate:
        _aggregate(tokens, column)
    if tokens.is_word("AUTO_INCREMENT") or tokens.is_word("AS"):
        raise not_implemented(f"{tokens.peek().text} columns")
    if tokens.take("COMMENT"):
        column.comment = tokens.string()
    return column


def parse_type(tokens):
    word, args = tokens.name("a type").upper(), []
    if tokens.is_word("<"):
        raise not_implemented(f"the column type {word}")
    if tokens.take("("):
        args.append(_type_argument(tokens))
        while tokens.take(","):
            args.append(_type_argument(tokens))
        tokens.expect(")")
    if tokens.is_word("UNSIGNED"):
        tokens.fail("a column attribute")
    return catalog.make_type(word, args)


def _type_argument(tokens):
    if tokens.is_word("*"):
        raise not_implemented("VARCHAR(*)")
    return tokens.number()


def _aggregate(tokens, column):
    for word in catalog.AGGREGATES:
        if tokens.take(word):
            column.aggregate = word
            return
    for word in ("BITMAP_UNION", "HLL_UNION", "PERCENTILE_UNION", "AGG_STATE_UNION"):
        if tokens.is_word(word):
            raise not_implemented(f"the aggregate type {word}")


def _null_and_default(tokens, column):
    if tokens.take("NOT", "NULL"):
        column.nullable = False
    else:
        tokens.take("NULL")
    if tokens.take("DEFAULT"):
        is_null = _default(tokens, column)
        if tokens.take("NOT", "NULL"):
            column.nullable = False
        else:
            tokens.take("NULL")
        if is_null and not column.nullable:
            raise catalog.analyze_error(
                f"Can not set null default value to non nullable column: {column.name}"
            )


def _default(tokens, column):
    """Reads the value behind DEFAULT; True where it is NULL."""
    if tokens.take("NULL"):
        return True
    if tokens.take("CURRENT_TIMESTAMP"):
        if tokens.take("("):
            if not tokens.is_word(")"):
                tokens.number()
            tokens.expect(")")
        column.default = "CURRENT_TIMESTAMP"
        return False
    if tokens.is_word("(") or tokens.is_word("UUID"):
        raise not_implemented("an expression as DEFAULT")
    column.default = tokens.string()
    return False


def _table_clauses(tokens, table):
    if tokens.take("ENGINE"):
        tokens.take("=")
        engine = tokens.name()
        if engine.upper() != "OLAP":
            raise not_implemented(f"ENGINE={engine}")
    for model in MODELS:
        if tokens.take(model, "KEY"):
            table.model, table.keys = model, tokens.names()
            break
    if tokens.take("COMMENT"):
        table.comment = tokens.string()
    if tokens.take("PARTITION", "BY"):
        table.partition = _partition(tokens)
    if tokens.take("DISTRIBUTED", "BY"):
        _distribution(tokens, table)
    if tokens.take("ORDER", "BY"):
        table.order_by = tokens.names()
        for name in table.order_by:
            if table.column(name) is None:
                raise catalog.analyze_error(f"Unknown column '{name}' in order by clause")
    if tokens.take("PROPERTIES"):
        table.properties = parse_properties(tokens)


def _partition(tokens):
    if not tokens.take("DATE_TRUNC"):
        raise not_implemented("PARTITION BY other than date_trunc('unit', column)")
    tokens.expect("(")
    unit = tokens.string().lower()
    if unit not in UNITS:
        raise catalog.analyze_error(
            f"Unsupported date_trunc format {unit}: use one of {', '.join(UNITS)}"
        )
    tokens.expect(",")
    column = tokens.name()
    tokens.expect(")")
    return unit, column


def _distribution(tokens, table):
    if tokens.take("RANDOM"):
        table.distribution = []
    else:
        tokens.expect("HASH")
        table.distribution = tokens.names()
        if not table.distribution:
            tokens.fail("a column")
    if tokens.take("BUCKETS"):
        table.buckets = tokens.number()
        if table.buckets < 1:
            raise catalog.analyze_error("Number of hash distribution should be greater than zero")


def parse_properties(tokens):
    tokens.expect("(")
    found = {}
    while True:
        name = tokens.string()
        tokens.expect("=")
        found[name] = tokens.string()
        if not tokens.take(","):
            break
    tokens.expect(")")
    return found


def parse_add_columns(tokens, table):
    """After ALTER TABLE t: the columns of ADD COLUMN with their places, applied to a copy."""
    tokens.expect("ADD", "COLUMN")
    added = []
    if tokens.take("("):
        while True:
            added.append(parse_column(tokens))
            if not tokens.take(","):
                break
        tokens.expect(")")
        place = None
    else:
        added.append(parse_column(tokens))
        place = _place(tokens)
    tokens.expect_end()
    for column in added:
        _check_added(table, column)
    return added, place


def _place(tokens):
    if tokens.take("FIRST"):
        raise not_implemented("ADD COLUMN … FIRST (the first columns are keys)")
    if tokens.take("AFTER"):
        return tokens.name()
    return None


def _check_added(table, column):
    if table.column(column.name):
        raise catalog.analyze_error(
            f"Can not add column which already exists in base table: {column.name}"
        )
    if table.model == catalog.AGGREGATE and not column.aggregate:
        raise catalog.analyze_error(
            f"Please add aggregate function or KEY for column '{column.name}' of an AGG_KEYS table"
        )
    if table.model != catalog.AGGREGATE and column.aggregate:
        raise catalog.analyze_error(
            f"Can not assign aggregation method on column in {table.model} data model table: {column.name}"
        )
    if not column.nullable and column.default is None:
        raise SqlError(
            f"Default value for column {column.name} is not specified: a new NOT NULL column needs one"
        )
