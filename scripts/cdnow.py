"""The CDNOW purchases as OrderPlaced events, one `key<TAB>event` line each, in shuffled order.

    cdnow.py FILE [--seed N] [--limit N]

Everything is derived from the row, so the same file and seed give the same bytes. The raw file
knows only the day of a purchase; the second is drawn from the row's number, inside that UTC day,
and written with the offset of the member's country. A record's key is the member.
"""

import argparse
import datetime
import json
import random
import sys
import uuid
import zlib
from collections.abc import Iterator

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "millrace:cdnow")
CHANNELS = ("web", "web", "web", "store", "app")
# Country and its offset from UTC in minutes.
COUNTRIES = (("US", -300), ("US", -480), ("CA", -300), ("GB", 0), ("DE", 60), ("IN", 330))
DAY_MS = 86_400_000


def draw(*parts: object) -> int:
    """A number that depends on nothing but the parts."""
    return zlib.crc32("|".join(map(str, parts)).encode())


def purchases(path: str) -> Iterator[tuple[int, str, str, int, str]]:
    """Row number, member, day, CDs, dollars."""
    with open(path, encoding="ascii") as lines:
        next(lines)
        for row, line in enumerate(lines, start=1):
            member, day, items, dollars = line.split()
            yield row, member, day, int(items), dollars


def rfc3339(moment: datetime.datetime, offset_minutes: int) -> str:
    if offset_minutes == 0:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    zone = datetime.timezone(datetime.timedelta(minutes=offset_minutes))
    return moment.astimezone(zone).isoformat(timespec="milliseconds")


def order_placed(row: int, member: str, day: str, items: int, dollars: str) -> dict:
    order_id = f"O-{row:06d}"
    country, offset = COUNTRIES[draw("country", member) % len(COUNTRIES)]
    midnight = datetime.datetime.strptime(day, "%Y%m%d").replace(tzinfo=datetime.timezone.utc)
    occurred = midnight + datetime.timedelta(milliseconds=draw("time", row) % DAY_MS)
    produced = occurred + datetime.timedelta(milliseconds=draw("produced", row) % 900)
    return {
        "id": str(uuid.uuid5(NAMESPACE, f"purchases|{order_id}|{row}|OrderPlaced")),
        "type": "OrderPlaced",
        "schema_version": 1,
        "entity": {"type": "order", "id": order_id},
        "occurred_at": rfc3339(occurred, offset),
        "produced_at": rfc3339(produced, 0),
        "sequence": row,
        "source": {"system": "cdnow", "table": "purchases", "version": row, "snapshot": False},
        "payload": {
            "order_id": order_id,
            "member_id": f"M-{member}",
            "amount": dollars,
            "currency": "USD",
            "items": items,
            "channel": CHANNELS[draw("channel", member) % len(CHANNELS)],
            "country": country,
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=None, help="only the first N rows")
    options = parser.parse_args()
    rows = list(purchases(options.file))[: options.limit]
    random.Random(options.seed).shuffle(rows)
    for row in rows:
        event = order_placed(*row)
        key = event["payload"]["member_id"]
        sys.stdout.write(f"{key}\t{json.dumps(event, separators=(',', ':'))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
