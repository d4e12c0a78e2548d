"""StarRocks SQL to DuckDB SQL: parsed by sqlglot's StarRocks dialect and rewritten.

Only the functions of `FUNCTIONS` pass, so that nothing works here by DuckDB's grace alone.
"""

import sqlglot
from sqlglot import exp
from sqlglot.dialects import DuckDB, StarRocks
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from rockpool.errors import NO_DB, SYNTAX, UNKNOWN_VARIABLE, SqlError, not_implemented
from rockpool.lexer import RESERVED
from rockpool.sqlrewrite import rewrite

FUNCTIONS_TEXT = """
ABS ANY_VALUE APPROX_COUNT_DISTINCT AVG BIT_LENGTH CASE CAST CEIL CEILING CHAR_LENGTH COALESCE
CONCAT CONCAT_WS CONVERT_TZ COUNT CURRENT_DATE CURRENT_TIMESTAMP CURDATE DATE DATE_ADD DATE_FORMAT
DATE_SUB DATE_TRUNC DATEDIFF DAY DAYOFMONTH DAYOFYEAR DENSE_RANK EXP FIRST_VALUE FLOOR GREATEST
GROUP_CONCAT HEX HOUR IF IFNULL INSTR ISNULL LAG LAST_DAY LAST_VALUE LEAD LEAST LEFT LENGTH LN
LOCATE LOG LOWER LPAD LTRIM MAX MD5 MICROSECOND MIN MINUTE MOD MONTH NOW NULLIF PI POW POWER
QUARTER RANK REGEXP REPEAT REPLACE REVERSE RIGHT ROUND ROW_NUMBER RPAD RTRIM SECOND SIGN
SPLIT_PART SQRT STARTS_WITH ENDS_WITH STDDEV STDDEV_POP STDDEV_SAMP STR_TO_DATE SUBSTR SUBSTRING
SUM TIMESTAMPADD TIMESTAMPDIFF TO_BINARY TRIM TRUNCATE UNHEX UNIX_TIMESTAMP UPPER UTC_TIMESTAMP
VAR_POP VAR_SAMP VARIANCE VARIANCE_POP VARIANCE_SAMP YEAR JSON_QUERY GET_JSON_STRING GET_JSON_INT
GET_JSON_DOUBLE PARSE_JSON JSON_EXTRACT VERSION CURRENT_VERSION DATABASE SCHEMA USER CURRENT_USER
CONNECTION_ID TO_DATE SECONDS_ADD MINUTES_ADD HOURS_ADD DAYS_ADD UUID
"""
FUNCTIONS = frozenset(FUNCTIONS_TEXT.split())
PLAIN_NODES = (
    exp.And,
    exp.Or,
    exp.Xor,
    exp.Cast,
    exp.TryCast,
    exp.Case,
    exp.If,
    exp.Coalesce,
    exp.TsOrDsToDate,
    exp.TimestampDiff,
    exp.TimestampAdd,
    exp.TimestampTrunc,
    exp.DateTrunc,
    exp.DateAdd,
    exp.DateSub,
    exp.DateDiff,
    exp.TimeToStr,
    exp.StrToDate,
    exp.StrToTime,
    exp.ApproxDistinct,
    exp.GroupConcat,
    exp.RegexpLike,
    exp.StrPosition,
    exp.CurrentVersion,
    exp.Variance,
    exp.VariancePop,
    exp.Stddev,
    exp.StddevPop,
    exp.StddevSamp,
    exp.Log,
    exp.CurrentDatabase,
    exp.CurrentSchema,
    exp.JSONExtract,
    exp.Length,
    exp.TsOrDsToTimestamp,
    exp.IntDiv,
    exp.Exists,
    exp.Extract,
    exp.JSONExtractScalar,
    exp.Substring,
    exp.SessionUser,
    exp.CurrentTimestamp,
    exp.UtcTimestamp,
)


class Dialect(StarRocks):
    """StarRocks as sqlglot knows it; version() and current_version() kept apart."""

    class Parser(StarRocks.Parser):
        FUNCTIONS = {
            k: v
            for k, v in StarRocks.Parser.FUNCTIONS.items()
            if k not in ("VERSION", "CURRENT_VERSION")
        }


class Context:
    """What a statement needs of its session: names of the moment, not of the data."""

    def __init__(self, engine, database, constants, variable, is_utc=True):
        self.engine, self.database, self.is_utc = engine, database, is_utc
        self.constants = constants  # function name → value
        self.variable = variable  # name → value, raises KeyError
        self.info_tables = set()
        self.tables = {}


def parse(sql):
    """One SELECT-like statement as a tree."""
    try:
        trees = [t for t in sqlglot.parse(sql, dialect=Dialect) if t is not None]
    except SqlglotError as error:
        raise SqlError(
            f"Getting syntax error. Detail message: {_first_line(error)}", SYNTAX
        ) from None
    if len(trees) != 1:
        raise SqlError("rockpool runs one statement a query", SYNTAX)
    if not isinstance(trees[0], exp.Query):
        raise not_implemented(f"the statement {sql.split()[0].upper()}")
    _check_words(trees[0])
    return trees[0]


def _check_words(tree):
    """Reserved words as names need backticks on the server."""
    for name in tree.find_all(exp.Identifier):
        if not name.quoted and name.name.upper() in RESERVED:
            raise SqlError(
                f"Getting syntax error. Detail message: Unexpected input '{name.name}', the most similar input is "
                "{a legal identifier}."
            )


def _first_line(error):
    return str(error).split("\n")[0]


def translate(tree, context):
    """The DuckDB text of a parsed query."""
    return _translated(tree, context).sql(dialect=DuckDB)


def translate_item(tree, context):
    """The DuckDB text of the only item of `SELECT item`."""
    return _translated(tree, context).expressions[0].unalias().sql(dialect=DuckDB)


def _translated(tree, context):
    check_functions(tree)
    tree = _constants(tree, context)
    _resolve(tree, context)
    tree = _typed(tree, context)
    if not context.is_utc and any(
        a.name.upper() == "UNIX_TIMESTAMP" for a in tree.find_all(exp.Anonymous)
    ):
        raise not_implemented("UNIX_TIMESTAMP(x) in a session whose time_zone is not UTC")
    return tree.transform(rewrite)


def check_functions(tree):
    for node in tree.find_all(exp.Func):
        if isinstance(node, exp.Anonymous):
            names = [node.name.upper()]
        elif isinstance(node, PLAIN_NODES):
            continue
        else:
            names = node.sql_names()
        if not any(n in FUNCTIONS for n in names):
            shown = names[0].lower()
            raise SqlError(
                f"Getting analyzing error. Detail message: No matching function with signature: {shown}(...) "
                f"(or rockpool does not implement it)."
            )


# ---- names of the session


def _constants(tree, context):
    def replace(node):
        if isinstance(node, exp.SessionParameter | exp.Parameter):
            name = node.this.name if isinstance(node.this, exp.Expression) else str(node.this)
            try:
                return _literal(context.variable(name))
            except KeyError:
                raise SqlError(f"Unknown system variable '{name}'", UNKNOWN_VARIABLE) from None
        name = _function_name(node)
        if name in context.constants:
            return _literal(context.constants[name])
        return node

    return tree.transform(replace)


def _function_name(node):
    if isinstance(node, exp.Anonymous):
        return node.name.upper() if not node.expressions else None
    if (
        isinstance(node, exp.Column)
        and node.this.name.upper() in ("CURRENT_USER",)
        and not node.table
    ):
        return "CURRENT_USER"
    if isinstance(
        node,
        exp.CurrentTimestamp
        | exp.CurrentDate
        | exp.CurrentVersion
        | exp.CurrentUser
        | exp.UtcTimestamp,
    ):
        return node.sql_names()[0]
    if isinstance(node, exp.CurrentDatabase | exp.CurrentSchema | exp.SessionUser):
        return {"CURRENT_DATABASE": "DATABASE", "CURRENT_SCHEMA": "DATABASE"}.get(
            node.sql_names()[0], "USER"
        )
    return None


def _literal(value):
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Literal.number(int(value))
    if isinstance(value, int):
        return exp.Literal.number(value)
    if isinstance(value, tuple):
        return exp.cast(exp.Literal.string(value[1]), value[0])
    return exp.Literal.string(value)


# ---- tables


def _resolve(tree, context):
    """Puts the database before every table and notes what the query reads."""
    for table in list(tree.find_all(exp.Table)):
        if table.name and not (not table.db and _is_cte(table)):
            _resolve_table(table, context)


def _is_cte(table):
    node = table
    while node is not None:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is not None and any(c.alias == table.name for c in clause.expressions):
            return True
        node = node.parent
    return False


def _resolve_table(table, context):
    if table.catalog and table.catalog != "default_catalog":
        raise SqlError(f"Unknown catalog '{table.catalog}'")
    database = table.db or context.database
    if not database:
        raise SqlError("No database selected", NO_DB)
    name = table.name
    if database.lower() == "information_schema":
        context.info_tables.add(name.lower())
        target, schema = f"info_{name.lower()}", None
    else:
        found = context.engine.find_table(database, name)
        context.tables[(database, name)] = found
        target, schema = name, exp.to_identifier(database, quoted=True)
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    table.set("this", exp.to_identifier(target, quoted=True))
    table.set("db", schema)
    table.set("catalog", None)


# ---- types: the rewriting of exact decimals needs them


def _typed(tree, context):
    """Annotates the tree with types where the translation depends on them."""
    if not any(True for _ in tree.find_all(exp.Div, exp.Avg, exp.Cast, exp.Sum)):
        return tree
    schema = {}
    for (database, name), table in context.tables.items():
        columns = {c.name: c.type.sql() for c in table.columns}
        schema.setdefault(database, {})[name] = columns
    options = {"schema": schema, "dialect": StarRocks}
    try:
        qualified = qualify(
            tree.copy(),
            expand_stars=False,
            validate_qualify_columns=False,
            quote_identifiers=False,
            expand_alias_refs=False,
            **options,
        )
        return annotate_types(qualified, **options)
    except SqlglotError:
        return tree


def column_titles(tree):
    """The names a client sees for the select list, or None where a star hides them."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return None
    titles = []
    for item in select.expressions:
        if item.is_star:
            return None
        if isinstance(item, exp.Alias | exp.Column):
            titles.append(item.alias_or_name)
        else:
            titles.append(item.sql(dialect=StarRocks, normalize_functions="lower"))
    return titles
