"""Revenue by month, from the rollup and by DuckDB from the raw file, side by side.

    revenue.py FILE < rollup.tsv        lines of `YYYY-MM<TAB>orders<TAB>revenue`

DuckDB reads the raw file itself: nothing of the path from event to table is shared. Ends with 1
when a month differs by a cent or an order, or is on one side only.
"""

import sys
from decimal import Decimal

import duckdb

RAW_BY_MONTH = r"""
SELECT substr(field[2], 1, 4) || '-' || substr(field[2], 5, 2) AS month,
       count(*) AS orders,
       sum(CAST(field[4] AS DECIMAL(18, 2))) AS revenue
FROM (SELECT regexp_split_to_array(trim(line, E' \r\n'), '\s+') AS field
      FROM read_csv(?, columns = {'line': 'VARCHAR'}, delim = '|', quote = '', escape = '',
                    header = false, skip = 1, auto_detect = false))
GROUP BY month ORDER BY month
"""


def main() -> int:
    raw = {m: (n, r) for m, n, r in duckdb.execute(RAW_BY_MONTH, [sys.argv[1]]).fetchall()}
    rollup = {}
    for line in sys.stdin:
        month, orders, revenue = line.rstrip("\n").split("\t")
        rollup[month] = (int(orders), Decimal(revenue))
    differing = 0
    none = (0, Decimal(0))
    print(f"{'month':8} {'orders':>8} {'rollup':>14} {'raw file':>14}")
    for month in sorted(raw.keys() | rollup.keys()):
        ours, theirs = rollup.get(month, none), raw.get(month, none)
        same = ours == theirs
        differing += not same
        verdict = "=" if same else f"DIFFERS ({theirs[0]} orders in the raw file)"
        print(f"{month:8} {ours[0]:8} {ours[1]:14.2f} {theirs[1]:14.2f}  {verdict}")
    orders = sum(n for n, _ in rollup.values())
    print(f"{'all':8} {orders:8} {sum((r for _, r in rollup.values()), Decimal(0)):14.2f}"
          f" {sum((r for _, r in raw.values()), Decimal(0)):14.2f}")
    if differing:
        print(f"revenue: {differing} months differ", file=sys.stderr)
    return 1 if differing or not raw else 0


if __name__ == "__main__":
    sys.exit(main())
