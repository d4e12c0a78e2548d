"""CSV bodies to columns of raw fields."""

import pyarrow
import pyarrow.compute as pc

NULL = "\\N"


def visible(data):
    """Separators as the backend prints them in its messages."""
    out = "'"
    for byte in data:
        char = chr(byte)
        out += {"\n": "\\n", "\t": "\\t"}.get(char) or (char if 32 <= byte < 127 else f"0x{byte:x}")
    return out + "'"


class Rows:
    """The rows of good shape: `columns[i]` is a string array, `raw(row)` the row's bytes."""

    def __init__(self, columns, records):
        self.columns = columns
        self.records = records

    def __len__(self):
        return len(self.records)

    def raw(self, row):
        record = self.records[row]
        return record if isinstance(record, bytes) else b"\t".join(record)


def read(body, params, width, errors):
    """Splits `body`; rows of another width and rows that are not UTF-8 go to `errors`."""
    if params.enclose or params.escape:
        records = _read_quoted(body, params)
        fields = [r for r in records if r != [b""]]
        raws = fields
    else:
        raws = _records(body, params)
        fields = [r.split(params.column_separator) for r in raws]
        if params.trim_space:
            fields = [[f.strip(b" ") for f in row] for row in fields]
    keep = _good_rows(body, raws, fields, params, width, errors)
    if keep is not None:
        raws, fields = [raws[i] for i in keep], [fields[i] for i in keep]
    columns = list(zip(*fields)) if fields else [()] * width
    return Rows([_string_array(c) for c in columns], raws)


def _records(body, params):
    records = body.split(params.row_delimiter)
    if records and records[-1] == b"":
        records.pop()
    records = records[params.skip_header :]
    return [r for r in records if r] if b"" in records else records


def _good_rows(body, raws, fields, params, width, errors):
    """The indices of the good rows, or None where all are good."""
    bad = {i for i, row in enumerate(fields) if len(row) != width}
    for index in sorted(bad):
        errors.add(
            _line(raws[index], params),
            f"Target column count: {width} doesn't match source value column count: {len(fields[index])}. "
            f"Column separator: {visible(params.column_separator)}, Row delimiter: {visible(params.row_delimiter)}",
        )
    if not _is_utf8(body):
        for index, row in enumerate(fields):
            if index not in bad and not all(map(_is_utf8, row)):
                bad.add(index)
                errors.add(_line(raws[index], params), "Invalid UTF-8 row")
    return [i for i in range(len(fields)) if i not in bad] if bad else None


def _line(raw, params):
    return raw if isinstance(raw, bytes) else params.column_separator.join(raw)


def _is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _string_array(fields):
    array = pyarrow.array(fields, pyarrow.binary()).cast(pyarrow.string())
    null = pc.equal(array, NULL)
    return pc.if_else(null, pyarrow.scalar(None, pyarrow.string()), array)


def _read_quoted(body, params):
    """Enclose and escape: an enclosed field may hold separators; a doubled enclose is one."""
    separator, delimiter = params.column_separator, params.row_delimiter
    enclose, escape = params.enclose, params.escape
    rows, row, field, at, end = [], [], bytearray(), 0, len(body)
    start, inside = True, False
    while at < end:
        char = body[at : at + 1]
        if start and params.trim_space and char == b" ":
            at += 1
            continue
        if start and enclose and char == enclose:
            start, inside, at = False, True, at + 1
            continue
        start = False
        if escape and char == escape and at + 1 < end:
            step = _escaped(body, at + 1, separator, delimiter)
            field += body[at + 1 : at + 1 + step]
            at += 1 + step
        elif inside and char == enclose:
            if body[at + 1 : at + 2] == enclose:
                field += enclose
                at += 2
            else:
                inside, at = False, at + 1
        elif not inside and body.startswith(separator, at):
            row.append(bytes(field))
            field, start, at = bytearray(), True, at + len(separator)
        elif not inside and body.startswith(delimiter, at):
            row.append(bytes(field))
            rows.append(row)
            row, field, start, at = [], bytearray(), True, at + len(delimiter)
        else:
            field += char
            at += 1
    if row or field:
        rows.append([*row, bytes(field)])
    return rows[params.skip_header :]


def _escaped(body, at, separator, delimiter):
    for mark in (separator, delimiter):
        if body.startswith(mark, at):
            return len(mark)
    return 1
