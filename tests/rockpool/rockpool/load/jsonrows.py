"""JSON bodies to columns of parsed values."""

import json
import re

from rockpool.errors import LoadError
from rockpool.load.convert import Number, minify

MAX_BATCH = 104857600
BLANK = " \t\r\n"
PATH = re.compile(r"^\$((?:\.[A-Za-z_]\w*)*)$")
ARRAY_IN_STREAM = (
    "The value is array type in json document stream, you can set strip_outer_array=true to parse "
    "each element of the array as individual rows"
)
OBJECT_WITH_STRIP = (
    "the value should be array type with strip_outer_array=true, you can set strip_outer_array=false "
    "to parse the value as the json document stream"
)


def check_size(length, params):
    if params.format == "json" and not params.ignore_json_size and length > MAX_BATCH:
        raise LoadError(
            f"The size of this batch exceed the max size [{MAX_BATCH}]  of json type data  data [ {length} ]. "
            "Set ignore_json_size to skip the check, although it may lead huge memory consuming."
        )


def _constant(name):
    raise ValueError(f"illegal number {name}")


DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=_constant, strict=True
)


def read(body, params, errors):
    """The rows as dicts; a document that does not parse ends the load as a filtered row."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        errors.add(b"", "DataQualityError: Invalid UTF-8 in json")
        return []
    at = _skip(text, 0)
    if at == len(text):
        return []
    if text[at] not in "[{":
        errors.add(b"", f"DataQualityError: illegal json started with {text[at]}")
        raise LoadError(f"illegal json started with {text[at]}", "DATA_QUALITY_ERROR")
    return (
        _read_array(text, at, errors)
        if params.strip_outer_array
        else _read_stream(text, at, errors)
    )


def _skip(text, at):
    while at < len(text) and text[at] in BLANK:
        at += 1
    return at


def _broken(text, at, message, errors):
    errors.add(f"parser current location: {text[at : at + 64]}".encode(), message)
    return LoadError(message, "DATA_QUALITY_ERROR")


def _decode(text, at, errors):
    try:
        return DECODER.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        raise _broken(
            text, at, f"Failed to iterate document stream as object. error: {error}", errors
        ) from None


def _read_array(text, at, errors):
    if text[at] != "[":
        raise _broken(text, at, OBJECT_WITH_STRIP, errors)
    values, at = _decode(text, at, errors)
    if _skip(text, at) != len(text):
        raise _broken(text, at, "trailing content behind the json array", errors)
    for value in values:
        if not isinstance(value, dict):
            raise _broken(minify(value), 0, "the value should be object type in array", errors)
    return values


def _read_stream(text, at, errors):
    rows = []
    while at < len(text):
        if text[at] == "[":
            raise _broken(text, at, ARRAY_IN_STREAM, errors)
        value, at = _decode(text, at, errors)
        if not isinstance(value, dict):
            raise _broken(
                text, at, "the value should be object type in json document stream", errors
            )
        rows.append(value)
        at = _skip(text, at)
    return rows


def parse_paths(text):
    """`["$.a", "$.b.c"]`; indices and filters are refused."""
    try:
        paths = json.loads(text)
    except ValueError as error:
        raise LoadError(f"Invalid json path: {text}, error: {error}", "INVALID_ARGUMENT") from None
    if not isinstance(paths, list) or not all(isinstance(p, str) for p in paths):
        raise LoadError(f"Invalid json path: {text}", "INVALID_ARGUMENT")
    found = []
    for path in paths:
        match = PATH.match(path)
        if not match:
            raise LoadError(f"rockpool does not implement the json path {path}", "NOT_SUPPORTED")
        found.append([p for p in match[1].split(".") if p])
    return found


MISSING = object()


def pick(row, path):
    for name in path:
        if not isinstance(row, dict) or name not in row:
            return MISSING
        row = row[name]
    return row
