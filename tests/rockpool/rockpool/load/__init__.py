"""From the body of a load to rows that the engine can apply."""

import dataclasses

import pyarrow


@dataclasses.dataclass
class Delta:
    """The good rows of one or more loads for one table: canonical text, by column."""

    database: str
    table: str
    table_id: int
    rows: pyarrow.Table
    has_op: bool = False
    merge_condition: str | None = None
