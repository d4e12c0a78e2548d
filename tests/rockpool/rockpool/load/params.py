"""The headers of a load, read and checked."""

import dataclasses
import re

from rockpool.errors import LoadError

MAX_BODY_MB = 10240
LABEL = re.compile(r"^[-\w]{1,128}$", re.ASCII)
FORMATS = {
    "csv": ("csv", None),
    "json": ("json", None),
    "gzip": ("csv", "gzip"),
    "bzip2": ("csv", "bzip2"),
    "lz4": ("csv", "lz4_frame"),
    "deflate": ("csv", "deflate"),
    "zstd": ("csv", "zstd"),
}
COMPRESSIONS = ("gzip", "bzip2", "lz4_frame", "zstd", "deflate")
IGNORED = (
    "load_mem_limit",
    "exec_mem_limit",
    "transmission_compression_type",
    "load_dop",
    "enable_replicated_storage",
    "log_rejected_record_num",
    "warehouse",
)
REFUSED = (
    "partitions",
    "temporary_partitions",
    "partial_update_mode",
    "negative",
    "envelope",
    "merge_commit_interval_ms",
    "merge_commit_parallel",
    "merge_commit_async",
    "json_root",
)
TRANSACTION_IGNORES = ("skip_header", "trim_space", "enclose", "escape")


@dataclasses.dataclass(frozen=True)
class Params:
    """Everything that decides how a body is read; equal values mean the same load."""

    format: str = "csv"
    compression: str | None = None
    columns: str | None = None
    where: str | None = None
    column_separator: bytes = b"\t"
    row_delimiter: bytes = b"\n"
    skip_header: int = 0
    trim_space: bool = False
    enclose: bytes = b""
    escape: bytes = b""
    max_filter_ratio: float = 0.0
    strict_mode: bool = False
    timezone: str = "Asia/Shanghai"
    jsonpaths: str | None = None
    strip_outer_array: bool = False
    ignore_json_size: bool = False
    merge_condition: str | None = None


def separator(text):
    """`\\x01` and `0x01` are hexadecimal, each byte one Java char: only ASCII can ever match."""
    low = text.lower()
    if not text:
        raise LoadError("Delimiter cannot be empty string", "ANALYSIS_ERROR")
    if low.startswith(("\\x", "0x")):
        digits = text[2:]
        if not digits:
            raise LoadError(f"Invalid delimiter '{text}': empty hex string", "ANALYSIS_ERROR")
        if len(digits) % 2 or not re.fullmatch("[0-9a-fA-F]*", digits):
            raise LoadError(f"Invalid delimiter '{text}': invalid hex format", "ANALYSIS_ERROR")
        return bytes.fromhex(digits).decode("latin-1").encode()
    return text.replace("\\n", "\n").replace("\\t", "\t").encode()


def _boolean(headers, name):
    value = headers.get(name)
    if value is None:
        return False
    if value.lower() not in ("true", "false"):
        raise LoadError(f"Invalid {name} format. Must be bool type", "INVALID_ARGUMENT")
    return value.lower() == "true"


def _ratio(headers):
    text = headers.get("max_filter_ratio", "0")
    try:
        ratio = float(text)
    except ValueError:
        raise LoadError(f"Invalid max_filter_ratio format: {text}", "INVALID_ARGUMENT") from None
    if not 0 <= ratio <= 1:
        raise LoadError(f"Invalid max_filter_ratio: {text} is not in [0, 1]", "INVALID_ARGUMENT")
    return ratio


def timeout(headers, default=600):
    text = headers.get("timeout")
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text.strip()):
        raise LoadError("Invalid timeout format", "INVALID_ARGUMENT")
    seconds = int(text)
    if not 1 <= seconds <= 259200:
        raise LoadError(
            f"Invalid timeout: {seconds}. The timeout should between 1 and 259200 seconds",
            "INVALID_ARGUMENT",
        )
    return seconds


def _format(headers):
    name = headers.get("format", "csv")
    found = FORMATS.get(name.lower())
    if found is None:
        raise LoadError(f"unknown data format, format={name}")
    return found


def _compression(headers, from_format):
    encoding, header = headers.get("content-encoding"), headers.get("compression")
    if encoding and header:
        raise LoadError(
            "Only one of http header content-encoding and compression can be set",
            "INVALID_ARGUMENT",
        )
    name = (encoding or header or "").lower()
    if not name:
        return from_format
    if name not in COMPRESSIONS:
        raise LoadError(f"Not supported compression: {name}", "INVALID_ARGUMENT")
    return name


def _byte(headers, name):
    value = headers.get(name, "").encode()
    if len(value) > 1:
        raise LoadError(f"{name} must be one byte", "INVALID_ARGUMENT")
    return value


def parse(headers, transaction=False):
    """`headers` maps lower-case names to text."""
    if transaction:
        headers = {k: v for k, v in headers.items() if k not in TRANSACTION_IGNORES}
    kind, compression = _format(headers)
    _refuse(headers)
    skip = headers.get("skip_header", "0")
    if not skip.isdigit():
        raise LoadError(f"Invalid skip_header format: {skip}", "INVALID_ARGUMENT")
    return Params(
        format=kind,
        compression=_compression(headers, compression),
        columns=headers.get("columns") or None,
        where=headers.get("where") or None,
        column_separator=separator(headers.get("column_separator", "\t")),
        row_delimiter=separator(headers.get("row_delimiter", "\n")),
        skip_header=int(skip),
        trim_space=_boolean(headers, "trim_space"),
        enclose=_byte(headers, "enclose"),
        escape=_byte(headers, "escape"),
        max_filter_ratio=_ratio(headers),
        strict_mode=_boolean(headers, "strict_mode"),
        timezone=headers.get("timezone", "Asia/Shanghai"),
        jsonpaths=headers.get("jsonpaths") or None,
        strip_outer_array=_boolean(headers, "strip_outer_array"),
        ignore_json_size=_boolean(headers, "ignore_json_size"),
        merge_condition=headers.get("merge_condition") or None,
    )


def _refuse(headers):
    for name in REFUSED:
        if name in headers and headers[name].lower() != "false":
            raise LoadError(f"rockpool does not implement the header {name}", "NOT_SUPPORTED")
    for name in ("partial_update", "enable_merge_commit"):
        if _boolean(headers, name):
            raise LoadError(f"rockpool does not implement the header {name}", "NOT_SUPPORTED")


def check_label(label):
    if not LABEL.match(label):
        raise LoadError(
            f"Label format error. regex: ^[-\\w]{{1,128}}$, label: {label}", "ANALYSIS_ERROR"
        )
