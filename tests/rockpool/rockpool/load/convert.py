"""One field to one value, by the backend's own rules.

`CSV` and `JSON` name, for each type, the function that turns a field into canonical text (which
DuckDB casts without loss) or raises `Bad`. These rules are wider and stranger than one would
write them: a DATETIME's zone is ignored, "1.9" is an INT 1, a surplus decimal is rounded half up.
"""

import base64
import binascii
import json
import math
import re

from rockpool.catalog import INTEGERS

SPACE = " \t\n\v\f\r"
INT = re.compile(r"[+-]?\d+[ \t\n\v\f\r]*", re.ASCII)
FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d*)([eE][+-]?\d+)?[ \t\n\v\f\r]*", re.ASCII)
INF_NAN = re.compile(r"([+-]?)(inf|nan)", re.ASCII | re.IGNORECASE)
BOOL = re.compile(r"(?:(1|true)|(0|false))[ \t\n\v\f\r]*", re.ASCII | re.IGNORECASE)
DECIMAL = re.compile(r"([+-]?)(\d*)(?:(\.)(\d*))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Bad(Exception):
    """The field does not convert; NULL or a filtered row, as strict_mode says."""


class Number(str):
    """A JSON number as it was written."""


# ---- numbers


def integer(text, type_):
    low, high = INTEGERS[type_.name]
    body = text.lstrip(SPACE)
    if INT.fullmatch(body):
        return _in_range(int(body), low, high)
    if body.rstrip(SPACE) in ("+", "-"):
        return "0"
    if type_.name in ("BIGINT", "LARGEINT"):
        unscaled = _decimal_digits(text, 27, 9)
        whole = abs(unscaled) // 10**9
        return _in_range(-whole if unscaled < 0 else whole, low, high)
    return _in_range(math.trunc(_number(text)), low, high)


def _in_range(value, low, high):
    if not low <= value <= high:
        raise Bad
    return str(value)


def _float(text):
    body = text.lstrip(SPACE)
    special = INF_NAN.match(body)
    if special:
        return float(special[1] + special[2])
    if not body or not FLOAT.fullmatch(body):
        raise Bad
    body = body.rstrip(SPACE)
    value = float(re.sub(r"^([+-]?)\.(?!\d)", r"\g<1>0.", body))
    if math.isinf(value):
        raise Bad
    return value


def _number(text):
    value = _float(text)
    if math.isnan(value) or math.isinf(value):
        raise Bad
    return value


def floating(text, type_):
    return repr(_float(text))


def boolean(text, type_):
    match = BOOL.fullmatch(text.lstrip(SPACE))
    if match:
        return "1" if match[1] else "0"
    return "1" if _float(text) != 0 else "0"


def decimal(text, type_):
    value = _decimal_digits(text, type_.precision, type_.scale)
    if abs(value) >= 10**type_.precision:
        raise Bad
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(type_.scale + 1, "0")
    if not type_.scale:
        return sign + digits
    return f"{sign}{digits[: -type_.scale]}.{digits[-type_.scale :]}"


def _decimal_digits(text, precision, scale):
    """The unscaled value. Digits beyond the precision are cut before the rest is rounded half up."""
    match = DECIMAL.fullmatch(text.strip(SPACE))
    if not match or not (match[2] or match[3]):
        raise Bad
    sign, whole, point, fraction, exponent = match.groups()
    fraction = fraction or ""
    exponent = int(exponent or 0)
    if not -128 <= exponent <= 127:
        raise Bad
    digits, places = (whole + fraction).lstrip("0"), len(fraction)
    if exponent > places:
        digits, places = digits + "0" * (exponent - places) if digits else "", 0
    else:
        places -= exponent
    if max(len(digits), places) - places > precision - scale:
        raise Bad
    cut = max(0, len(digits) - precision)
    value, places = int(digits[: len(digits) - cut] or "0"), places - cut
    if places > scale:
        power = 10 ** (places - scale)
        value, rest = divmod(value, power)
        value += rest * 2 >= power
    else:
        value *= 10 ** (scale - places)
    return -value if sign == "-" else value


# ---- dates


def _parts(text):
    """The backend's free reading of a date: up to seven runs of digits; what follows is ignored."""
    text = text.lstrip(SPACE)
    if not text or not text[0].isdigit():
        raise Bad
    end = len(text)
    at = 0
    while at < end and (text[at].isdigit() or text[at] == "T"):
        at += 1
    compact = at == end or text[at] == "."
    width = 4 if not compact or at in (4, 8) or at >= 14 else 2
    values, lengths, at, field = [], [], 0, 0
    while at < end and text[at].isdigit() and field < 7:
        start = at
        free = not compact and field != 6
        left = width
        while at < end and text[at].isdigit() and (free or left > 0):
            at += 1
            left -= 1
        value = int(text[start:at])
        if value > 999999:
            raise Bad
        values.append(value)
        lengths.append(at - start)
        width = 2
        if at == end:
            field += 1
            break
        if field == 2 and text[at] == "T":
            at += 1
            field += 1
            continue
        if field == 5:
            if text[at] == ".":
                at += 1
                width = 6
            field += 1
            continue
        while at < end and (text[at].isspace() or _is_punct(text[at])):
            if text[at].isspace() and field not in (2, 6):
                raise Bad
            at += 1
        field += 1
    if field < 3:
        raise Bad
    if lengths[0] == 2:
        values[0] += 2000 if values[0] < 70 else 1900
    return values + [0] * (7 - len(values)), lengths + [0] * (7 - len(lengths))


def _is_punct(char):
    return char.isascii() and char.isprintable() and not char.isalnum() and char != " "


def datetime(text, type_):
    (year, month, day, hour, minute, second, micro), lengths = _parts(_ascii(text).strip(SPACE))
    if micro and lengths[6] < 6:
        micro *= 10 ** (6 - lengths[6])
    _check_date(year, month, day)
    if hour > 23 or minute > 59 or second > 59 or micro > 999999:
        raise Bad
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micro:06}"


def date(text, type_):
    (year, month, day, *_), _ = _parts(_ascii(text).strip(SPACE))
    _check_date(year, month, day)
    return f"{year:04}-{month:02}-{day:02}"


def _ascii(text):
    if not text.isascii():
        raise Bad
    return text


def _check_date(year, month, day):
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if (
        not 1 <= month <= 12
        or not 1 <= day <= DAYS[month] + (leap and month == 2)
        or not 0 < year <= 9999
    ):
        raise Bad


# ---- strings


def string(text, type_):
    if len(text.encode()) > type_.length:
        raise Bad
    return text


def binary_of_hex(text, type_):
    """VARBINARY in CSV as the documentation has it: hexadecimal text."""
    try:
        value = binascii.unhexlify(text.lstrip(SPACE).encode())
    except (ValueError, UnicodeError):
        raise Bad from None
    return _fitting(value, type_)


def binary_of_base64(text, type_):
    """VARBINARY in CSV as newer scanners read it: base64, or the bytes as they are where that fails."""
    body = text.lstrip(SPACE).encode()
    try:
        value = base64.b64decode(body, validate=True)
    except ValueError:
        value = text.encode()
    return _fitting(value, type_)


def _fitting(value, type_):
    if len(value) > type_.length:
        raise Bad
    return value


BINARY_READERS = {"hex": binary_of_hex, "base64": binary_of_base64}


def json_text(text, type_):
    try:
        return dump(
            json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
        )
    except (ValueError, RecursionError):
        raise Bad from None


def _no_constant(name):
    raise ValueError(name)


def dump(value):
    """JSON text as the server prints it: one blank behind each comma and colon."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump(k)}: {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


CSV = {
    **dict.fromkeys(INTEGERS, integer),
    "FLOAT": floating,
    "DOUBLE": floating,
    "BOOLEAN": boolean,
    "DECIMAL": decimal,
    "DATETIME": datetime,
    "DATE": date,
    "VARCHAR": string,
    "CHAR": string,
    "VARBINARY": binary_of_hex,  # a start option may choose otherwise
    "JSON": json_text,
}


# ---- JSON values


def from_json(value, type_):
    """A value of a JSON row for a column of this type."""
    if type_.name == "JSON":
        return dump(value)
    if type_.name == "VARBINARY":
        raise Bad
    if type_.name in INTEGERS and type_.name != "LARGEINT":
        return _json_integer(value, type_)
    if type_.name in ("FLOAT", "DOUBLE"):
        if not isinstance(value, str):
            raise Bad
        return floating(value, type_)
    return CSV[type_.name](_as_text(value), type_)


def _json_integer(value, type_):
    if not isinstance(value, str):
        raise Bad
    low, high = INTEGERS[type_.name]
    if isinstance(value, Number) and INT.fullmatch(value):
        return _in_range(int(value), low, high)
    if not isinstance(value, Number) and INT.fullmatch(value.lstrip(SPACE)):
        return _in_range(int(value), low, high)
    return _in_range(math.trunc(_number(value)), low, high)


def _as_text(value):
    if value is True or value is False:
        return "1" if value else "0"
    if isinstance(value, (dict, list)):
        return minify(value)
    return str(value)


def minify(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{minify(k)}:{minify(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(minify, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
