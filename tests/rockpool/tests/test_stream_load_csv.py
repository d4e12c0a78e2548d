"""Plain Stream Load: CSV, and what `columns` makes of it."""

import gzip

import lz4.frame
import pytest
import zstandard


def test_backslash_n_is_null_and_an_empty_field_is_an_empty_string(cluster, pair):
    """CSV null is the two characters \\N; an empty field is an empty string."""
    cluster.load(pair, "1\t\\N\n2\t\n3\tN\n")
    assert cluster.rows(pair) == [("1", None), ("2", ""), ("3", "N")]


def test_separators_may_be_spelled_in_hex(cluster, pair):
    """column_separator and row_delimiter: non-printing ones as \\x01, \\x02."""
    reply = cluster.load(
        pair, b"1\x01a\nb\x022\x01c\td\x02", column_separator="\\x01", row_delimiter="\\x02"
    )
    assert reply["Status"] == "Success"
    assert cluster.rows(pair) == [("1", "a\nb"), ("2", "c\td")]


def test_separators_of_several_bytes_work(cluster, pair):
    """A separator may be up to 50 bytes long."""
    cluster.load(pair, "1||a;;2||b;;", column_separator="||", row_delimiter=";;")
    assert cluster.rows(pair) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("spelled", ["\\x", "\\x0", "\\xzz", "0x1"])
def test_hex_separators_need_an_even_number_of_hex_digits(cluster, pair, spelled):
    """Not empty, an even number of hex digits, 0x or \\x in front."""
    assert cluster.load(pair, "1\ta\n", column_separator=spelled)["Status"] == "Fail"


def test_a_hex_separator_above_7f_never_matches(cluster, pair):
    """Each byte becomes one Java char, so a byte above \\x7F becomes another character."""
    reply = cluster.load(pair, b"1\xc2\xa9a\n", column_separator="\\xC2A9")
    assert reply["Status"] == "Fail" and reply["NumberFilteredRows"] == 1


def test_the_last_row_needs_no_delimiter_in_a_plain_load(cluster, pair):
    """A missing last row delimiter is added by the reader."""
    cluster.load(pair, "1\ta\n2\tb")
    assert len(cluster.rows(pair)) == 2


def test_blank_rows_are_skipped_and_not_counted(cluster, pair):
    """Blank rows are always skipped."""
    assert cluster.load(pair, "\n1\ta\n\n\n2\tb\n")["NumberTotalRows"] == 2


def test_skip_header_and_trim_space(cluster, pair):
    """skip_header drops the first rows, trim_space the blanks around fields."""
    cluster.load(pair, "k\tv\n 1 \t a b \n", skip_header="1", trim_space="true")
    assert cluster.rows(pair) == [("1", "a b")]


def test_enclose_and_escape_in_a_plain_load(cluster, pair):
    """enclose lets a field hold separators, escape takes the next character as it is."""
    cluster.load(
        pair, '1,"a,b"\n2,c\\,d\n3,"e\nf"\n', column_separator=",", enclose='"', escape="\\"
    )
    assert cluster.rows(pair) == [("1", "a,b"), ("2", "c,d"), ("3", "e\nf")]


def test_rows_that_are_not_utf_8_are_filtered(cluster, pair):
    """Invalid UTF-8 row."""
    reply = cluster.load(pair, b"1\ta\n2\t\xff\n", max_filter_ratio="0.5")
    assert reply["NumberFilteredRows"] == 1
    assert cluster.rows(pair) == [("1", "a")]


@pytest.mark.parametrize("value", ["\0", "a\0b", "\U0001f600", "'\"\\", "\\n", "\x7f", "\r"])
def test_odd_characters_arrive_unchanged(cluster, pair, value):
    """NUL, emoji, quotes, backslashes and carriage returns survive a load."""
    cluster.load(pair, f"1\x01{value}\x02", column_separator="\\x01", row_delimiter="\\x02")
    assert cluster.rows(pair) == [("1", value)]


@pytest.mark.parametrize(
    "headers, pack",
    [
        ({"format": "gzip"}, gzip.compress),
        ({"compression": "gzip"}, gzip.compress),
        ({"format": "zstd"}, zstandard.compress),
        ({"format": "lz4", "compression": "lz4_frame"}, lz4.frame.compress),
    ],
)
def test_compressed_csv_is_unpacked(cluster, pair, headers, pack):
    """format gzip, lz4, zstd = compressed CSV; compression beside it names the same."""
    assert cluster.load(pair, pack(b"1\ta\n"), **headers)["Status"] == "Success"


def test_content_encoding_and_compression_exclude_each_other(cluster, pair):
    """Only one of http header content-encoding and compression can be set."""
    reply = cluster.load(pair, b"x", **{"content-encoding": "gzip", "compression": "gzip"})
    assert "Only one of http header content-encoding and compression can be set" in reply["Message"]


# ---- columns


def test_columns_name_the_fields_in_file_order(cluster, pair):
    """columns: a list of source names, with or without backticks."""
    cluster.load(pair, "a\t1\n", columns="v,k")
    cluster.load(pair, "b\t2\n", columns="`v`,`k`")
    assert cluster.rows(pair) == [("1", "a"), ("2", "b")]


def test_columns_may_drop_fields_and_rename_them(cluster, pair):
    """A name that is no column is a source only; c=source maps it."""
    cluster.load(pair, "1\tjunk\ta\n", columns="k,skipped,tmp,v=tmp")
    assert cluster.rows(pair) == [("1", "a")]


def test_missing_columns_take_their_default(cluster, table):
    """Columns that are not named take their default or NULL; without either the load is refused."""
    name = table(
        'k INT, d INT DEFAULT "7", n INT, s VARCHAR(5) NOT NULL',
        "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)",
    )
    cluster.load(name, "1\tx\n", columns="k,s")
    assert cluster.rows(name) == [("1", "7", None, "x")]
    reply = cluster.load(name, "1\n", columns="k")
    assert reply["Status"] == "Fail" and "no default value" in reply["Message"]


def test_an_unknown_target_of_an_expression_is_refused(cluster, pair):
    """An expression must feed a real column."""
    assert cluster.load(pair, "1\ta\n", columns="k,x,nothing=x")["Status"] == "Fail"


def test_what_the_stand_in_lacks_is_refused_loudly(standin, cluster, pair):
    """Headers and expressions that rockpool does not implement fail the load, never silently pass."""
    for headers in ({"partial_update": "true"}, {"partitions": "p1"}, {"negative": "true"}):
        reply = cluster.load(pair, "1\ta\n", **headers)
        assert reply["Status"] == "Fail" and "rockpool does not implement" in reply["Message"], (
            headers
        )
