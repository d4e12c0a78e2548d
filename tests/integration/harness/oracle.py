"""What the tables must hold, computed by DuckDB from the bytes that were produced."""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from .broker import Produced

ORDER_COLUMNS = """{
    'occurred_at': 'TIMESTAMPTZ',
    'payload': 'STRUCT(order_id VARCHAR, amount DECIMAL(18, 2), items BIGINT,
                       channel VARCHAR, country VARCHAR)'
}"""


def orders(records: Iterable[Produced], folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the table `orders` of all valid events that were produced."""
    path = folder / "produced.ndjson"
    path.write_bytes(b"\n".join(record.value for record in records))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE orders AS SELECT occurred_at AT TIME ZONE 'UTC' AS occurred_at, payload.* "
        f"FROM read_json(?, format = 'newline_delimited', columns = {ORDER_COLUMNS})",
        [str(path)],
    )
    return connection


def orders_by_minute(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    """The rows of the rollup orders_1m: count, sum, min, max, and avg as its two parts."""
    return connection.execute(
        "SELECT time_bucket(INTERVAL 1 MINUTE, occurred_at) AS w, channel, country, count(*), "
        "sum(amount), min(amount), max(amount), sum(items), count(items) FROM orders "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
