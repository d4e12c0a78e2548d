"""Expressions of StarRocks as DuckDB computes the same: exact decimals, casts, dates, JSON."""

from sqlglot import exp
from sqlglot.dialects import StarRocks

from rockpool.errors import not_implemented

ELAPSED_UNITS = (
    "MICROSECOND",
    "MILLISECOND",
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "WEEK",
    "MONTH",
    "QUARTER",
    "YEAR",
)
ESCAPED_LIKE = "\\"
INTEGER_TYPES = {"TINYINT", "SMALLINT", "INT", "BIGINT", "INT128"}
MACROS = """
CREATE OR REPLACE TEMP MACRO rp_unscaled(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);
CREATE OR REPLACE TEMP MACRO rp_halfup(u, v) AS
  CASE WHEN v = 0 THEN NULL WHEN (u < 0) = (v < 0) THEN (abs(u) + abs(v) // 2) // abs(v)
  ELSE -((abs(u) + abs(v) // 2) // abs(v)) END;
CREATE OR REPLACE TEMP MACRO rp_point(r, power, scale) AS
  CASE WHEN r < 0 THEN '-' ELSE '' END || CAST(abs(r) // power AS VARCHAR) || '.'
  || lpad(CAST(abs(r) % power AS VARCHAR), scale, '0');
CREATE OR REPLACE TEMP MACRO rp_length(x) AS CASE WHEN typeof(x) = 'BLOB' THEN octet_length(TRY_CAST(x AS BLOB))
  ELSE strlen(CAST(x AS VARCHAR)) END;
"""


# ---- types: exact decimals need them


def _kind(node):
    """The type family of an expression: decimal, integer, float, other or None where unknown."""
    node = node.unnest()
    if isinstance(node, exp.Div | exp.Avg):
        inner = node.this if isinstance(node, exp.Avg) else None
        return (
            _kind(inner)
            if inner is not None and _kind(inner) == "decimal"
            else _div_kind(node)
            if inner is None
            else "float"
        )
    if isinstance(node, exp.Neg | exp.Sum | exp.Min | exp.Max | exp.Window):
        return _kind(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Mod):
        return _pair(_kind(node.this), _kind(node.expression))
    if isinstance(node, exp.Coalesce):
        return _kind(node.this)
    if isinstance(node, exp.Literal) and not node.is_string:
        return (
            "integer" if node.name.isdigit() else "float" if "e" in node.name.lower() else "decimal"
        )
    kind = node.type
    if kind is None or kind.this == exp.DataType.Type.UNKNOWN:
        return None
    if kind.is_type("decimal"):
        return "decimal"
    if kind.this in exp.DataType.INTEGER_TYPES or kind.is_type("int128"):
        return "integer"
    if kind.is_type("float", "double"):
        return "float"
    return "other"


def _pair(left, right):
    if "float" in (left, right) or "other" in (left, right):
        return "float"
    if left is None or right is None:
        return None
    return "decimal" if "decimal" in (left, right) else "integer"


def _div_kind(node):
    kind = _pair(_kind(node.this), _kind(node.expression))
    return "float" if kind == "integer" else kind


def _scale(node):
    """Digits behind the point of a decimal or integer expression."""
    node = node.unnest()
    if isinstance(node, exp.Div):
        return _quotient_scale(_scale(node.this))
    if isinstance(node, exp.Avg):
        return _quotient_scale(_scale(node.this))
    if isinstance(node, exp.Neg | exp.Sum | exp.Min | exp.Max | exp.Window):
        return _scale(node.this)
    if isinstance(node, exp.Coalesce):
        return max(_scale(e) for e in [node.this, *node.expressions])
    if isinstance(node, exp.Add | exp.Sub):
        return max(_scale(node.this), _scale(node.expression))
    if isinstance(node, exp.Mul):
        return _scale(node.this) + _scale(node.expression)
    if isinstance(node, exp.Literal):
        return len(node.name.partition(".")[2])
    if _kind(node) == "integer":
        return 0
    if node.type is not None and len(node.type.expressions) == 2:
        return int(node.type.expressions[1].name)
    raise not_implemented(
        f"exact division of {node.sql(dialect=StarRocks)}: put a CAST(… AS DECIMAL(p,s)) around it"
    )


def _quotient_scale(scale):
    """The server's rule: six digits more, at most twelve, never fewer than the dividend's."""
    return scale + 6 if scale <= 6 else max(scale, 12)


# ---- rewriting


def rewrite(node):
    """One node of a typed tree, as DuckDB wants it."""
    if isinstance(node, exp.TimestampDiff):
        return _elapsed(node)
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return _cast(node)
    if isinstance(node, exp.Div):
        return _divide(node)
    if isinstance(node, exp.Avg):
        return _average(node)
    if isinstance(node, exp.DateAdd | exp.DateSub | exp.TimestampAdd):
        return _moved(node)
    if isinstance(node, exp.Length) and node.args.get("binary"):
        return _call("rp_length", node.this)
    if (
        isinstance(node, exp.Like)
        and node.expression.is_string
        and ESCAPED_LIKE in node.expression.name
    ):
        return (
            node
            if isinstance(node.parent, exp.Escape)
            else exp.Escape(this=node.copy(), expression=exp.Literal.string(ESCAPED_LIKE))
        )
    if isinstance(node, exp.Floor | exp.Ceil) and not node.args.get("decimals"):
        return node if isinstance(node.parent, exp.Cast) else exp.cast(node.copy(), "BIGINT")
    if isinstance(node, exp.Anonymous):
        return _anonymous(node)
    return node


def _call(name, *arguments):
    return exp.Anonymous(this=name, expressions=list(arguments))


def _elapsed(node):
    """TIMESTAMPDIFF counts whole elapsed units, not boundaries."""
    unit = node.text("unit").upper()
    if unit not in ELAPSED_UNITS:
        raise not_implemented(f"TIMESTAMPDIFF({unit})")
    return _call(
        "date_sub", exp.Literal.string(unit.lower()), _moment(node.expression), _moment(node.this)
    )


def _moment(node):
    return exp.cast(node.copy(), "TIMESTAMP")


def _moved(node):
    """DATE_ADD on a text works on the DATETIME it spells."""
    if node.this.is_string or (
        node.this.type is not None and node.this.type.is_type(*exp.DataType.TEXT_TYPES)
    ):
        node.set("this", _moment(node.this))
    return node


def _cast(node):
    """A failed CAST is NULL; casts to integers cut the fraction off."""
    target = node.args["to"]
    inner = node.this
    if target.this.name in INTEGER_TYPES and _kind(inner) in ("decimal", "float"):
        inner = _call("trunc", inner)
    if target.is_type("json"):
        return _call("json", inner)
    return exp.TryCast(this=inner, to=target)


def _divide(node):
    if _div_kind(node) != "decimal":
        return node
    left, right = _scale(node.this), _scale(node.expression)
    divisor = node.expression
    return _quotient(
        _call("rp_unscaled", node.this),
        left,
        _call("rp_unscaled", divisor),
        right,
        _quotient_scale(left),
    )


def _average(node):
    if _kind(node.this) != "decimal" or isinstance(node.parent, exp.Window):
        return node
    scale = _scale(node.this)
    total = _call("rp_unscaled", exp.Sum(this=node.this.copy()))
    return _quotient(total, scale, exp.Count(this=node.this.copy()), 0, _quotient_scale(scale))


def _quotient(over, left, under, right, scale):
    """over/10^left ÷ under/10^right, rounded half up at `scale`, as an exact DECIMAL(38, scale)."""
    rounded = _call("rp_halfup", exp.Mul(this=over, expression=_power(scale - left + right)), under)
    text = _call("rp_point", rounded, _power(scale), exp.Literal.number(scale))
    return exp.cast(text, f"DECIMAL(38, {scale})")


def _power(exponent):
    return exp.cast(exp.Literal.string(str(10**exponent)), "INT128")


def _anonymous(node):
    name, arguments = node.name.upper(), node.expressions
    if name == "UNIX_TIMESTAMP" and len(arguments) == 1:
        return exp.cast(_call("floor", _call("epoch", _moment(arguments[0]))), "BIGINT")
    if name in ("SECONDS_ADD", "MINUTES_ADD", "HOURS_ADD", "DAYS_ADD"):
        unit = name.split("_", maxsplit=1)[0][:-1]
        return exp.DateAdd(this=_moment(arguments[0]), expression=arguments[1], unit=exp.var(unit))
    if name == "TO_DATE":
        return exp.TryCast(this=arguments[0], to=exp.DataType.build("DATE"))
    if name == "GET_JSON_STRING":
        return _call("json_extract_string", *arguments)
    if name == "GET_JSON_INT":
        return exp.TryCast(
            this=_call("json_extract_string", *arguments), to=exp.DataType.build("BIGINT")
        )
    if name == "GET_JSON_DOUBLE":
        return exp.TryCast(
            this=_call("json_extract_string", *arguments), to=exp.DataType.build("DOUBLE")
        )
    if name == "JSON_QUERY":
        return _call("json_extract", *arguments)
    if name == "MICROSECOND":
        return exp.Mod(
            this=_call("microsecond", *arguments), expression=exp.Literal.number(1000000)
        )
    return node
