"""One body against one table: scan, map, validate; what comes out is a Delta and the counts."""

import bz2
import gzip
import zlib

import lz4.frame
import pyarrow
import pyarrow.compute as pc
import zstandard

from rockpool import catalog
from rockpool.errors import LoadError
from rockpool.load import Delta, columns, convert, csv, expressions, jsonrows
from rockpool.load.params import Params

MAX_REPORTED = 50
PLAIN_DIGITS = {"TINYINT": 2, "SMALLINT": 4, "INT": 9, "BIGINT": 18, "LARGEINT": 38}


class Errors:
    """The rows that were filtered: all are counted, the first fifty are kept for ErrorURL."""

    def __init__(self):
        self.count = 0
        self.lines = []

    def add(self, row, message):
        self.count += 1
        if self.count <= MAX_REPORTED:
            text = row.decode("utf-8", "replace") if isinstance(row, bytes) else row
            self.lines.append(f"Error: {message}. Row: {text}\n")


class Result:
    """What one body came to. `unselected` rows were dropped by the where predicate."""

    def __init__(self, delta, total, filtered, unselected, errors):
        self.delta, self.total, self.filtered, self.unselected = delta, total, filtered, unselected
        self.errors = errors

    @property
    def loaded(self):
        return self.total - self.filtered - self.unselected


def decompress(body, kind):
    try:
        if kind is None:
            return body
        if kind == "gzip":
            return gzip.decompress(body)
        if kind == "bzip2":
            return bz2.decompress(body)
        if kind == "deflate":
            return zlib.decompress(body)
        if kind == "lz4_frame":
            return lz4.frame.decompress(body)
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zstandard.ZstdError) as error:
        raise LoadError(f"decompress body failed: {error}") from None


def plan(table, params):
    """What can be refused before the body is read."""
    if table.view is not None:
        raise LoadError(
            f"table {table.name} is a view: only OLAP tables can be loaded", "ANALYSIS_ERROR"
        )
    merge = params.merge_condition
    if merge is not None:
        column = table.column(merge)
        if table.model != catalog.PRIMARY:
            raise LoadError("Conditional update only support primary key table", "ANALYSIS_ERROR")
        if column is None or column.key:
            raise LoadError(
                f"Merge condition column {merge} does not exist or is a key column",
                "ANALYSIS_ERROR",
            )
    made = columns.plan(table, params.columns, params.format == "json")
    if merge is not None and made.op not in (0, "__op"):
        raise LoadError("rockpool does not implement merge_condition with deletes", "NOT_SUPPORTED")
    expressions.check(made)
    return made


def run(engine, table, params, body):
    made = plan(table, params)
    errors = Errors()
    body = decompress(body, params.compression)
    if params.format == "json":
        jsonrows.check_size(len(body), params)
        scanned = _scan_json(body, params, made, errors)
    else:
        scanned = _scan_csv(body, params, made, errors)
    return _finish(engine, table, params, made, scanned, errors)


class Scanned:
    """`arrays` source name → converted array; `raw(i)` the row as text; `scan_errors` dropped there."""

    def __init__(self, arrays, length, raw):
        self.arrays, self.length, self.raw = arrays, length, raw


def _scan_csv(body, params, made, errors):
    rows = csv.read(body, params, len(made.sources), errors)
    bad = {}
    arrays = {}
    for position, source in enumerate(made.sources):
        arrays[source.name] = _convert_csv(rows.columns[position], source, position, params, bad)
    return _drop(arrays, len(rows), rows.raw, bad, errors)


def _drop(arrays, length, raw, bad, errors):
    """Takes the rows out that did not convert in strict mode."""
    for row in sorted(bad):
        errors.add(raw(row), bad[row])
    if not bad:
        return Scanned(arrays, length, raw)
    keep = [i for i in range(length) if i not in bad]
    index = pyarrow.array(keep, pyarrow.int64())
    arrays = {name: array.take(index) for name, array in arrays.items()}
    return Scanned(arrays, len(keep), lambda i: raw(keep[i]))


def _convert_csv(array, source, position, params, bad):
    """Plain spellings pass in bulk; every other field goes through the backend's own rules."""
    kind = source.type
    odd = _odd_rows(array, kind)
    if not odd:
        return array
    function = convert.CSV[kind.name]
    values = array.to_pylist() if len(odd) > 32 else None
    changed = {}
    for row in odd:
        text = values[row] if values is not None else array[row].as_py()
        try:
            changed[row] = function(text, kind)
        except convert.Bad:
            changed[row] = None
            if params.strict_mode and row not in bad:
                bad[row] = (
                    f"The field (name = {source.name}, pos = {position}) is out of range. Type: {kind.sql()}, "
                    f"Value length: {len(text.encode())}, Value: {text}"
                )
    return _replace(array, values, changed, kind)


def _replace(array, values, changed, kind):
    values = values if values is not None else array.to_pylist()
    for row, value in changed.items():
        values[row] = value
    return pyarrow.array(values, pyarrow.binary() if kind.name == "VARBINARY" else pyarrow.string())


def _odd_rows(array, kind):
    """The rows whose field is not in the plain spelling of its type, nulls apart."""
    if kind.name in ("VARCHAR", "CHAR"):
        plain = pc.less_equal(pc.binary_length(array), kind.length)
    elif kind.name in ("VARBINARY", "JSON"):
        plain = pc.is_null(array)
    else:
        plain = pc.match_substring_regex(array, _plain_pattern(kind))
        if kind.name in ("DATETIME", "DATE"):
            plain = pc.and_(plain, _real_dates(array, plain, kind))
    odd = pc.and_kleene(pc.is_valid(array), pc.invert(plain))
    return pc.indices_nonzero(pc.fill_null(odd, False)).to_pylist()


def _plain_pattern(kind):
    if kind.name in PLAIN_DIGITS:
        return f"^-?[0-9]{{1,{PLAIN_DIGITS[kind.name]}}}$"
    if kind.name == "DECIMAL":
        whole = kind.precision - kind.scale
        if not whole:
            return r"^-?0?\.[0-9]{1,%d}$" % kind.scale
        return r"^-?[0-9]{1,%d}%s$" % (
            whole,
            r"(\.[0-9]{1,%d})?" % kind.scale if kind.scale else "",
        )
    return {
        "FLOAT": r"^-?[0-9]{1,15}(\.[0-9]{1,17})?$",
        "DOUBLE": r"^-?[0-9]{1,15}(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?$",
        "BOOLEAN": "^[01]$",
        "DATE": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        "DATETIME": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?$",
    }[kind.name]


def _real_dates(array, plain, kind):
    """Bulk check of the calendar; where any date is wrong all of them take the slow way."""
    chosen = pc.if_else(plain, array, pyarrow.scalar(None, pyarrow.string()))
    try:
        stamps = chosen.cast(pyarrow.timestamp("us"))
        first = pc.min(stamps).as_py()
    except (pyarrow.ArrowInvalid, ValueError, OverflowError):
        return pyarrow.array([False] * len(array))
    if first is not None and first.year < 1:
        return pyarrow.array([False] * len(array))
    return pyarrow.array([True] * len(array))


# ---- JSON


def _scan_json(body, params, made, errors):
    rows = jsonrows.read(body, params, errors)
    paths = jsonrows.parse_paths(params.jsonpaths) if params.jsonpaths else None
    bad, arrays = {}, {}
    for position, source in enumerate(made.sources):
        arrays[source.name] = _json_column(
            rows, source, _path(source, position, paths), params, bad
        )
    return _drop(arrays, len(rows), lambda i: convert.minify(rows[i]), bad, errors)


def _path(source, position, paths):
    if paths is None:
        return [source.name]
    return paths[position] if position < len(paths) else None


def _json_column(rows, source, path, params, bad):
    kind = source.type
    values = []
    for row, parsed in enumerate(rows):
        value = jsonrows.MISSING if path is None else jsonrows.pick(parsed, path)
        if value is jsonrows.MISSING:
            values.append("0" if source.name == columns.OP else None)
            continue
        if value is None:
            values.append(None)
            continue
        try:
            values.append(convert.from_json(value, kind))
        except convert.Bad:
            values.append(None)
            if params.strict_mode and row not in bad:
                bad[row] = (
                    f"Value '{_shown(value)}' is out of range. The type of '{source.name}' is {kind.sql()}"
                )
    return pyarrow.array(values, pyarrow.string())


def _shown(value):
    return value if isinstance(value, str) else convert.minify(value)


# ---- the sink


def _finish(engine, table, params, made, scanned, errors):
    total = scanned.length + errors.count
    found = _map(engine, table, params, made, scanned)
    keep = _validate(table, found, made, scanned, errors)
    kept = scanned.length if keep is None else len(keep)
    chosen = expressions.select(engine, table, found, scanned.length, params)
    if chosen is not None:
        stay = set(chosen)
        keep = [i for i in (range(scanned.length) if keep is None else keep) if i in stay]
        unselected = kept - len(keep)
    else:
        unselected = 0
    rows = _delta_rows(table, found, made, scanned, keep)
    delta = Delta(table.database, table.name, table.id, rows, made.has_op, params.merge_condition)
    if rows.num_rows:
        engine.make_partitions(table, delta)
    return Result(delta, total, errors.count, unselected, errors)


def _map(engine, table, params, made, scanned):
    """Column name → array, in the table's order; a column without source takes its default later."""
    computed = expressions.evaluate(engine, made, scanned, params)
    found = {}
    for column in table.columns:
        if column.name in made.mapped:
            found[column.name] = scanned.arrays[made.mapped[column.name]]
        elif column.name in computed:
            found[column.name] = _converted(computed[column.name], column.type)
    return found


def _converted(array, kind):
    """The value of an expression as the column's type; what does not convert is NULL."""
    if kind.name == "VARBINARY":
        return array.cast(pyarrow.binary())
    if kind.name in catalog.STRINGS:
        return array.cast(pyarrow.string())
    source = columns.Source("", kind)
    return _convert_csv(array.cast(pyarrow.string()), source, 0, Params(), {})


def _validate(table, found, made, scanned, errors):
    """NULLs in NOT NULL columns; a mask of the rows that stay, or None for all."""
    bad = {}
    for column in table.columns:
        array = found.get(column.name)
        if array is None or column.nullable or not array.null_count:
            continue
        for row in pc.indices_nonzero(pc.is_null(array)).to_pylist():
            bad.setdefault(row, f"NULL value in non-nullable column '{column.name}'")
    for name, array in found.items():
        limit = table.column(name).type.length
        if name not in made.exprs or not limit:
            continue
        for row in pc.indices_nonzero(
            pc.fill_null(pc.greater(pc.binary_length(array), limit), False)
        ).to_pylist():
            size = len(array[row].as_buffer())
            bad.setdefault(
                row, f"String (length={size}) is too long. The max length of '{name}' is {limit}"
            )
    if isinstance(made.op, str):
        for row, value in enumerate(scanned.arrays[made.op].to_pylist()):
            if value is None:
                bad.setdefault(row, "NULL value in non-nullable column '__op'")
            elif value not in ("0", "1"):
                raise LoadError(f"rockpool knows __op 0 and 1 only, not {value}", "NOT_SUPPORTED")
    for row in sorted(bad):
        errors.add(_debug_row(found, row), bad[row])
    if not bad:
        return None
    return [i for i in range(scanned.length) if i not in bad]


def _debug_row(found, row):
    values = [array[row].as_py() for array in found.values()]
    return (
        "["
        + ", ".join(
            "NULL" if v is None else repr(v) if isinstance(v, bytes) else f"'{v}'" for v in values
        )
        + "]"
    )


def _delta_rows(table, found, made, scanned, keep):
    arrays = dict(found)
    if table.model in (catalog.PRIMARY, catalog.UNIQUE):
        arrays["__row"] = pyarrow.array(range(scanned.length), pyarrow.int64())
    if made.has_op:
        if isinstance(made.op, str):
            arrays["__op"] = scanned.arrays[made.op].cast(pyarrow.int8())
        else:
            arrays["__op"] = pyarrow.array([made.op] * scanned.length, pyarrow.int8())
    rows = pyarrow.table(arrays) if arrays else pyarrow.table({"__row": []})
    return rows.take(pyarrow.array(keep, pyarrow.int64())) if keep is not None else rows


def merge(results):
    """Several bodies of one transaction for one table as one Delta."""
    deltas = [r.delta for r in results]
    first = deltas[0]
    rows = pyarrow.concat_tables([d.rows for d in deltas]).combine_chunks()
    if "__row" in rows.column_names:
        at = rows.column_names.index("__row")
        rows = rows.set_column(at, "__row", pyarrow.array(range(rows.num_rows), pyarrow.int64()))
    return Delta(
        first.database, first.table, first.table_id, rows, first.has_op, first.merge_condition
    )


def check_ratio(total, filtered, unselected, ratio):
    """The server's test: filtered / (total − unselected) > max_filter_ratio."""
    candidates = total - unselected
    if candidates and filtered / candidates > ratio:
        raise LoadError("too many filtered rows", "INTERNAL_ERROR")
