"""Events as a producer writes them, and the pipelines that take them."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .paths import ROOT

ORDER_SCHEMA = "schemas/events/order_placed.json"
WIDE_SCHEMA = str(Path(__file__).resolve().parents[1] / "schemas" / "reading_taken.json")
BASE_TIME = datetime(2026, 2, 2, 10, 0, tzinfo=timezone.utc)

assert (ROOT / "scripts").is_dir()


def order(
    number: int,
    amount: str = "11.77",
    member: str = "M-1",
    channel: str = "web",
    country: str = "US",
    items: int = 1,
    at: datetime | str | None = None,
    **payload: object,
) -> dict:
    """A whole, valid OrderPlaced event; payload fields may be overridden or added."""
    moment = at if at is not None else BASE_TIME + timedelta(milliseconds=number)
    text = moment if isinstance(moment, str) else moment.isoformat(timespec="milliseconds")
    order_id = f"O-{number:06d}"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, order_id)),
        "type": "OrderPlaced",
        "schema_version": 1,
        "entity": {"type": "order", "id": order_id},
        "occurred_at": text,
        "produced_at": text,
        "sequence": number,
        "source": {"system": "test", "table": "orders", "version": number, "snapshot": False},
        "payload": {
            "order_id": order_id, "member_id": member, "amount": amount, "currency": "USD",
            "items": items, "channel": channel, "country": country, **payload,
        },
    }


def encode(event: dict) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def reading(number: int, **payload: object) -> dict:
    """A ReadingTaken event: one field of every type, most of them nullable."""
    fields = {"text": f"t{number}", "note": None, "count": number, "level": 0.5, "alarm": False,
              "price": "1.000001", "day": "2026-02-02", "extra": None, **payload}
    return {"id": f"R-{number}", "occurred_at": "2026-02-02T10:15:30.123456Z",
            "sequence": number, "payload": fields}


def base_config(kafka: str, fe: str, mysql: str, database: str, topic: str) -> dict:
    """The parts that every pipeline of the tests shares; small delays, small memory."""
    return {
        "pipeline": topic.replace("-", "_"),
        "source": {"kafka": {"brokers": kafka, "topics": [topic], "group": f"millrace-{topic}"}},
        "sink": {"starrocks": {"fe": [fe], "mysql": mysql, "database": database, "user": "root",
                               "password": "", "replication_num": 1}},
        "flush": {"every": "200ms"},
        "memory": "256MiB",
    }


def orders_config(kafka: str, fe: str, mysql: str, database: str, topic: str) -> dict:
    config = base_config(kafka, fe, mysql, database, topic)
    config["event"] = {"schema": ORDER_SCHEMA, "time": {"field": "occurred_at", "max_future": "1m"}}
    config["detail"] = {"table": "orders"}
    config["rollups"] = [{
        "table": "orders_1m",
        "window": {"tumble": "1m"},
        "by": ["channel", "country"],
        "measures": {"orders": "count()", "revenue": "sum(amount)", "smallest": "min(amount)",
                     "biggest": "max(amount)", "basket": "avg(items)"},
    }]
    return config


def readings_config(kafka: str, fe: str, mysql: str, database: str, topic: str) -> dict:
    config = base_config(kafka, fe, mysql, database, topic)
    config["event"] = {"schema": WIDE_SCHEMA, "time": {"field": "occurred_at", "max_future": "1m"}}
    config["detail"] = {"table": "readings"}
    config["rollups"] = [{
        "table": "readings_1m", "window": {"tumble": "1m"}, "by": ["text"],
        "measures": {"readings": "count()", "total": "sum(price)"},
    }]
    return config
