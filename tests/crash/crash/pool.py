"""The admin port of rockpool, which of its faults a schedule may draw, and what somebody else may ask
of labels."""

import base64
import http.client
import json
import random
import re
import urllib.parse
import urllib.request
from collections.abc import Iterable

from harness.starrocks import Rockpool

TIMEOUT_S = 10

# What a multi-table transaction, the registry's one-shot loads and the questions meet. Of the rest of
# rockpool's operations Millrace uses none (prepare, cancel).
OPERATIONS = ("begin", "load", "commit", "rollback", "stream_load", "get_load_state")
ONE_SHOT = re.compile(r"-[az]\d+$")
LEAVE_OPEN = ("rockpool kill -9", "rockpool status_unknown")
FORGETTING = ("label_forgotten", "labels_evicted")
ROOT_USER = base64.b64encode(b"root:").decode()


def _admin(server: Rockpool, method: str, path: str, body: object = None) -> object:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.ports['admin']}{path}", method=method,
        data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
        return json.loads(reply.read())


def arm(server: Rockpool, fault: dict) -> int:
    """Its number, to be disarmed by."""
    return arm_all(server, [fault])[0]


def arm_all(server: Rockpool, faults: list[dict]) -> list[int]:
    """At once: no request comes between."""
    return [armed["id"] for armed in _admin(server, "POST", "/faults", faults)]


def armed(server: Rockpool) -> list[dict]:
    return _admin(server, "GET", "/faults")


def disarm(server: Rockpool, number: int | None = None) -> None:
    _admin(server, "DELETE", "/faults" if number is None else f"/faults/{number}")


def hits(server: Rockpool, number: int) -> int:
    """Of one that may be used up, and is armed."""
    (count,) = [one["hits"] for one in armed(server) if one["id"] == number]
    return count


def open_transactions(server: Rockpool, database: str) -> list[dict]:
    """Of this database: a schedule before it on the same server may have left its late label."""
    return [t for t in _admin(server, "GET", "/transactions") if t["database"] == database]


def state_of(server: Rockpool, database: str, label: str) -> str:
    """As the server tells it: VISIBLE, COMMITTED, PREPARE, ABORTED, UNKNOWN."""
    request = urllib.request.Request(f"{server.fe}/api/{database}/get_load_state?label={label}",
                                     headers={"Authorization": f"Basic {ROOT_USER}"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
        return json.loads(reply.read())["state"]


def ask_elsewhere(server: Rockpool, database: str, operation: str, label: str, **headers: str) -> None:
    """Somebody else begins or rolls back a transaction; the latter is as good as a time-out in the
    sink."""
    url = urllib.parse.urlsplit(server.fe)
    for _ in range(2):
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_S)
        connection.request("POST", f"/api/transaction/{operation}", headers={
            "Authorization": f"Basic {ROOT_USER}", "label": label, "db": database,
            "transaction_type": "multi", "Content-Length": "0", **headers})
        reply = connection.getresponse()
        if reply.status != 307:
            break
        url = urllib.parse.urlsplit(reply.getheader("Location"))
    answer = json.loads(reply.read())
    assert answer["Status"] == "OK", answer


def to_be_ended(transactions: list[dict], happened: Iterable[str], late: str = "") -> list[dict]:
    """Those that Millrace must not leave open. A one-shot load that the server itself left open, by dying
    in it or by not knowing how it ended, has no handle to end it by: it runs out. So does the label
    `late`, which was begun after the fence by a member that had no place any more; once it is committed
    it is no label that runs out."""
    transactions = [t for t in transactions if t["label"] != late or t["state"] == "COMMITTED"]
    if not set(LEAVE_OPEN) & set(happened):
        return transactions
    return [t for t in transactions if not ONE_SHOT.search(t["label"])]


def draw_fault(draw: random.Random, database: str, forget: bool) -> dict:
    """A fault of any kind at any operation that Millrace uses; forget: those too that allow a stop."""
    kinds = [k for k in MAKERS if forget or k not in FORGETTING]
    kind = draw.choice(kinds)
    fault = {"fault": kind, "database": database, **MAKERS[kind](draw)}
    if fault.get("operation") != "now":
        fault.setdefault("count", draw.choice((1, 1, 2, 3)))
        fault.setdefault("skip", draw.choice((0, 0, 1, 3)))
    return fault


def _edge(draw: random.Random) -> dict:
    """An event: at once, or at an edge of an operation."""
    if draw.random() < 0.3:
        return {"operation": "now"}
    return {"operation": draw.choice(OPERATIONS), "point": draw.choice(("before", "after"))}


def _delay(draw: random.Random) -> dict:
    return {"operation": draw.choice((*OPERATIONS, "sql")), "point": "before",
            "seconds": draw.choice((0.3, 1.0, 3.0))}


MAKERS = {
    "drop_before": lambda d: {"operation": d.choice((*OPERATIONS, "sql"))},
    "drop_after_body": lambda d: {"operation": d.choice(("load", "stream_load"))},
    "drop_reply": lambda d: {"operation": d.choice(OPERATIONS)},
    "delay": _delay,
    "in_processing": lambda d: {"operation": d.choice(("load", "commit", "rollback")), "count": 3},
    "lock_timeout": lambda d: {"operation": "commit"},
    "running_limit": lambda d: {"operation": d.choice(("stream_load", "begin", "load"))},
    "used_label_fails": lambda d: {"operation": d.choice(("stream_load", "begin"))},
    "too_many_versions": lambda d: {"operation": d.choice(("stream_load", "commit"))},
    "publish_timeout": lambda d: {"operation": d.choice(("stream_load", "commit")),
                                  "seconds": d.choice((0.5, 2.0))},
    "slow_publish": lambda d: {"operation": d.choice(("stream_load", "commit")),
                               "seconds": d.choice((0.5, 2.0))},
    "status_unknown": lambda d: {"operation": d.choice(("stream_load", "commit")),
                                 "outcome": d.choice(("committed", "aborted", "open"))},
    "open_multi_hidden": lambda d: {"operation": "get_load_state", "count": 10},
    "state_unknown": lambda d: {"operation": "get_load_state"},
    "backend_restart": lambda d: {**_edge(d), "seconds": d.choice((0.0, 1.0))},
    "frontend_restart": lambda d: {**_edge(d), "seconds": d.choice((0.0, 1.0))},
    "leader_change": _edge,
    "prepared_expires": _edge,
    "label_forgotten": _edge,
    "labels_evicted": lambda d: {**_edge(d), "keep": d.choice((0, 3, 50))},
}
