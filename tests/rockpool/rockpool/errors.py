"""The errors that travel between the modules; each becomes a server's answer at its edge."""

import duckdb

BAD_DB = 1049
SYNTAX = 1064
NO_DB = 1046
UNKNOWN_TABLE = 5502
UNKNOWN_COLUMN = 1054
TABLE_EXISTS = 1050
DB_EXISTS = 1007
DB_MISSING = 1008
ACCESS_DENIED = 1045
DB_ACCESS_DENIED = 1044
NOT_SUPPORTED = 1235
UNKNOWN = 1105
UNKNOWN_VARIABLE = 1193
FUNCTION_MISSING = 1064

SQLSTATES = {
    BAD_DB: "42000",
    SYNTAX: "42000",
    NO_DB: "3D000",
    UNKNOWN_TABLE: "42S02",
    UNKNOWN_COLUMN: "42S22",
    TABLE_EXISTS: "42S01",
    DB_EXISTS: "HY000",
    DB_MISSING: "HY000",
    ACCESS_DENIED: "28000",
    DB_ACCESS_DENIED: "42000",
}


class SqlError(Exception):
    """A statement is refused: `code` is the MySQL error number the client sees."""

    def __init__(self, message, code=SYNTAX):
        super().__init__(message)
        self.message = message
        self.code = code


class LoadError(Exception):
    """A load is refused or fails: `status` is the internal status name of the backend."""

    def __init__(self, message, status="INTERNAL_ERROR"):
        super().__init__(message)
        self.message = message
        self.status = status


def not_implemented(what):
    """What the stand-in does not do is said, never guessed."""
    return SqlError(f"rockpool does not implement: {what}", NOT_SUPPORTED)


def sql_error(error):
    """DuckDB's complaints under the server's numbers."""
    message = str(error).split("\n")[0]
    detail = f"Getting analyzing error. Detail message: {message}."
    if isinstance(error, duckdb.BinderException) and "not found" in message:
        return SqlError(detail, UNKNOWN_COLUMN)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return SqlError(detail, SYNTAX)
    return SqlError(message, UNKNOWN)
