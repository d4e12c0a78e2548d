"""The faults that there are: the one list, which the README's table repeats and a test compares."""

import dataclasses

TXN = ("begin", "load", "prepare", "commit", "rollback")
HTTP = (*TXN, "stream_load", "get_load_state", "cancel")
NOW = "now"
FINISHING = ("stream_load", "commit")
EDGES = ("before", "after")


def reaches(operation, point):
    """Whether an operation comes by an edge; points inside are their fault's own matter."""
    if operation == "sql":
        return point == "before"
    return point != "body" or operation in ("load", "stream_load")


class Invalid(Exception):
    """A fault cannot be armed as it was asked for."""


@dataclasses.dataclass(frozen=True)
class Number:
    default: float
    low: float = 0.0
    high: float = 3600.0

    def check(self, name, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Invalid(f"{name} must be a number")
        if not self.low <= value <= self.high:
            raise Invalid(f"{name} must lie in {self.low}..{self.high}")
        return value


@dataclasses.dataclass(frozen=True)
class Choice:
    default: str
    values: tuple

    def check(self, name, value):
        if value not in self.values:
            raise Invalid(f"{name} must be one of {', '.join(self.values)}")
        return value


@dataclasses.dataclass(frozen=True)
class Kind:
    """`action`: drop, delay, busy and event happen at the edges of an operation; a fault without
    one is looked for by the code that stands at its point."""

    name: str
    operations: tuple
    points: tuple
    text: str
    parameters: dict = dataclasses.field(default_factory=dict)
    action: str = ""


SECONDS = {"seconds": Number(1.0)}
DOWN = {"seconds": Number(0.0)}
EVENT = (NOW, *HTTP)

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "drop_before",
            (*HTTP, "sql"),
            ("before",),
            "the connection is closed; nothing was done, no body was read",
            action="drop",
        ),
        Kind(
            "drop_after_body",
            ("load", "stream_load"),
            ("body",),
            "the body is read, then the connection is closed; nothing of the body is kept, a plain "
            "load's label ends ABORTED",
            action="drop",
        ),
        Kind(
            "drop_reply",
            HTTP,
            ("after",),
            "all is done (a commit committed), then the connection is closed without an answer",
            action="drop",
        ),
        Kind(
            "delay",
            (*HTTP, "sql"),
            ("before", "body", "after"),
            "the operation waits `seconds`, or until the fault is disarmed; other requests go on",
            SECONDS,
            "delay",
        ),
        Kind(
            "in_processing",
            ("load", "prepare", "commit", "rollback"),
            ("before",),
            "`TXN_IN_PROCESSING`; nothing was done",
            action="busy",
        ),
        Kind(
            "lock_timeout",
            ("commit",),
            ("decide",),
            "the frontend (PREPARED or multi) answers FAILED `get database write lock timeout`; the "
            "transaction stays as it was",
        ),
        Kind(
            "running_limit",
            ("stream_load", "begin", "load"),
            ("register",),
            "`current running txns on db`: the limit counts as `limit` where a transaction is made "
            "(multi: at its first load); nothing is begun",
            {"limit": Number(0, 0, 100000)},
        ),
        Kind(
            "used_label_fails",
            ("stream_load", "begin"),
            ("used",),
            "a used label is told as `Fail` (begin: INTERNAL_ERROR, FAILED) with `has already been "
            "used`, instead of Label Already Exists",
        ),
        Kind(
            "too_many_versions",
            ("stream_load", "prepare", "commit"),
            ("write",),
            "writing the rows fails with `too many versions`; the transaction ends ABORTED",
        ),
        Kind(
            "publish_timeout",
            FINISHING,
            ("commit",),
            "committed, visible after `seconds`; answered at once as after the full wait: plain "
            "`Publish Timeout`, backend PUBLISH_TIMEOUT, PREPARED FAILED `publish timeout: 20000`, "
            "multi OK",
            SECONDS,
        ),
        Kind(
            "slow_publish",
            FINISHING,
            ("commit",),
            "committed, visible after `seconds`; the commit waits for it as long as the server "
            "does (plain and backend: the load's timeout; PREPARED: header `timeout` or 20 s; multi: "
            "not at all)",
            SECONDS,
        ),
        Kind(
            "publish_now",
            EVENT,
            EDGES,
            "ends the wait of the COMMITTED transactions of `label`",
            action="event",
        ),
        Kind(
            "status_unknown",
            FINISHING,
            ("commit",),
            "`Transaction status unknown, you can retry with same label`; in truth `outcome`",
            {"outcome": Choice("committed", ("committed", "aborted", "open"))},
        ),
        Kind(
            "open_multi_hidden",
            ("get_load_state",),
            ("open_multi",),
            "state UNKNOWN for an open multi transaction, as early 4.0 servers have it",
        ),
        Kind(
            "state_unknown",
            ("get_load_state",),
            ("state",),
            "state UNKNOWN for a transaction that exists, whatever it is",
        ),
        Kind(
            "backend_restart",
            EVENT,
            EDGES,
            "all backends restart: PREPARE is aborted, PREPARED kept, connections cut, ports closed "
            "for `seconds`",
            DOWN,
            "event",
        ),
        Kind(
            "frontend_restart",
            EVENT,
            EDGES,
            "all frontends restart: open multi transactions cancelled and their tasks forgotten, "
            "single ones kept, connections cut (MySQL's too), HTTP ports closed for `seconds`",
            DOWN,
            "event",
        ),
        Kind(
            "leader_change",
            EVENT,
            EDGES,
            "the next frontend leads: multi as at a restart, coordinator cache lost",
            action="event",
        ),
        Kind(
            "prepared_expires",
            EVENT,
            EDGES,
            "PREPARED transactions of `label` are aborted as at their prepared timeout",
            action="event",
        ),
        Kind(
            "label_forgotten",
            EVENT,
            EDGES,
            "finished transactions of `label` are forgotten, with their multi tasks",
            action="event",
        ),
        Kind(
            "labels_evicted",
            EVENT,
            EDGES,
            "of the database's finished transactions only the newest `keep` are remembered",
            {"keep": Number(0, 0, 100000)},
            "event",
        ),
    )
}
