"""JSON bodies."""

import gzip
import json

import pytest

JSON = {"format": "json"}
PAIR = ("k INT, v VARCHAR(20)", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")


@pytest.fixture
def pair(table):
    return table(*PAIR)


def test_a_stream_of_objects_is_the_default_framing(cluster, pair):
    """Concatenated objects; newline-delimited JSON works with strip_outer_array=false."""
    assert (
        cluster.load(pair, '{"k":1,"v":"a"}\n{"k":2,"v":"b"}{"k":3,"v":"c"}', **JSON)[
            "NumberLoadedRows"
        ]
        == 3
    )
    assert cluster.rows(pair) == [("1", "a"), ("2", "b"), ("3", "c")]


def test_an_array_needs_strip_outer_array(cluster, pair):
    """The value is array type in json document stream, you can set strip_outer_array=true …"""
    reply = cluster.load(pair, '[{"k":1}]', **JSON)
    assert reply["Status"] == "Fail" and "array type in json document stream" in reply["Message"]
    assert (
        cluster.load(pair, '[{"k":1},{"k":2}]', strip_outer_array="true", **JSON)[
            "NumberLoadedRows"
        ]
        == 2
    )


def test_an_object_with_strip_outer_array_is_refused(cluster, pair):
    """the value should be array type with strip_outer_array=true"""
    reply = cluster.load(pair, '{"k":1}', strip_outer_array="true", **JSON)
    assert reply["Status"] == "Fail"
    assert "the value should be array type with strip_outer_array=true" in reply["Message"]


@pytest.mark.parametrize("body", ["5", '"x"', '{"k":', "[1]"])
def test_what_is_no_object_is_refused(cluster, pair, body):
    """Each row must be an object."""
    assert cluster.load(pair, body, **JSON)["Status"] == "Fail"


def test_absent_fields_are_null_and_unknown_ones_are_skipped(cluster, pair):
    """A key without a column is skipped, a column without a key is NULL."""
    cluster.load(pair, '{"k":1,"other":[1,{"x":2}]}', **JSON)
    assert cluster.rows(pair) == [("1", None)]


def test_json_null_and_empty_string_differ(cluster, pair):
    """null is NULL, "" an empty string."""
    cluster.load(pair, '{"k":1,"v":null}{"k":2,"v":""}{"k":3,"v":"\\\\N"}', **JSON)
    assert cluster.rows(pair) == [("1", None), ("2", ""), ("3", "\\N")]


@pytest.mark.parametrize("value", ["a\tb\nc", "\x01\x02", "\0", "\U0001f600", '"quoted"', "\\N"])
def test_json_carries_every_character(cluster, pair, value):
    """JSON can carry separators, NUL, emoji and the two characters \\N."""
    cluster.load(pair, json.dumps({"k": 1, "v": value}), **JSON)
    assert cluster.rows(pair) == [("1", value)]


def test_numbers_keep_their_digits(cluster, table):
    """DECIMAL, VARCHAR and LARGEINT columns take the number's own text."""
    name = table(
        "k INT, d DECIMAL(38,2), v VARCHAR(40), b LARGEINT",
        "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)",
    )
    cluster.load(
        name,
        '{"k":1,"d":123456789012345678901234567890.12,"v":1.50,"b":170141183460469231731687303715884105727}',
        **JSON,
    )
    assert cluster.rows(name) == [
        (
            "1",
            "123456789012345678901234567890.12",
            "1.50",
            "170141183460469231731687303715884105727",
        )
    ]


def test_texts_convert_to_the_types_of_their_columns(cluster, table):
    """Strings become numbers, dates and booleans; objects and arrays become their text."""
    name = table(
        "k INT, t DATETIME, b BOOLEAN, j JSON, v VARCHAR(40)",
        "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)",
    )
    row = {
        "k": "7",
        "t": "2024-01-02 03:04:05.5",
        "b": True,
        "j": {"a": [1, 2]},
        "v": {"x": [1, "y"]},
    }
    cluster.load(name, json.dumps(row), **JSON)
    assert cluster.rows(name) == [
        ("7", "2024-01-02 03:04:05.500000", "1", '{"a": [1, 2]}', '{"x":[1,"y"]}')
    ]


@pytest.mark.parametrize("value", ['"abc"', "2147483648", "true", "[1]", '{"a":1}', '""'])
def test_a_bad_number_is_null_or_filters_in_strict_mode(cluster, pair, value):
    """invalid_as_null = not strict_mode, as for CSV."""
    body = f'{{"k":{value},"v":"a"}}'
    assert cluster.load(pair, body, strict_mode="true", **JSON)["NumberFilteredRows"] == 1
    cluster.load(pair, body, **JSON)
    assert cluster.rows(pair) == [(None, "a")]


def test_jsonpaths_name_the_fields(cluster, pair):
    """jsonpaths gives the sources in the order of columns."""
    headers = {"jsonpaths": '["$.a.b","$.c"]', "columns": "v,k"}
    cluster.load(pair, '{"a":{"b":"x"},"c":5}', **JSON, **headers)
    assert cluster.rows(pair) == [("5", "x")]


def test_vary_long_texts_are_measured_in_bytes(cluster, pair):
    """VARCHAR(20): 21 bytes filter the row in strict mode."""
    reply = cluster.load(pair, json.dumps({"k": 1, "v": "é" * 11}), strict_mode="true", **JSON)
    assert reply["NumberFilteredRows"] == 1


def test_compressed_json_is_unpacked(cluster, pair):
    """compression or Content-Encoding: GZIP."""
    assert (
        cluster.load(pair, gzip.compress(b'{"k":1}'), compression="GZIP", **JSON)["Status"]
        == "Success"
    )
    assert (
        cluster.load(pair, gzip.compress(b'{"k":1}'), **{"Content-Encoding": "gzip"}, **JSON)[
            "Status"
        ]
        == "Success"
    )


def test_the_size_of_json_is_checked_from_content_length(cluster, pair):
    """100 MB cap from Content-Length unless ignore_json_size; answered before the body is read."""
    reply = cluster.request(
        "PUT", f"/api/{cluster.database}/{pair}/_stream_load", expect=True, body=b""
    )
    host, _, port = reply.headers["location"].removeprefix("http://").split("/")[0].partition(":")
    headers = {"format": "json", "Content-Length": "104857601"}
    target = f"/api/{cluster.database}/{pair}/_stream_load"
    reply = cluster.request("PUT", target, headers, b"", (host, int(port)), expect=True)
    assert not reply.continued
    assert "The size of this batch exceed the max size [104857600]" in reply["Message"]
    assert "Set ignore_json_size to skip the check" in reply["Message"]


def test_varbinary_cannot_come_from_json(standin, cluster, table):
    """VARBINARY columns cannot be loaded directly from JSON."""
    name = table("k INT, v VARBINARY", "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    assert cluster.load(name, '{"k":1,"v":"00"}', strict_mode="true", **JSON)["Status"] == "Fail"
