"""Faults: what a test makes go wrong, by name, at a named point of an operation.

A test arms one of `kinds.KINDS` over the admin port, with filters, a count and a probability; an
operation asks at each of its points whether an armed one bites there. Armed faults are kept beside
the data, so they outlive a kill -9.
"""

import asyncio
import fnmatch
import itertools
import json
import pathlib
import random
import threading
import time

from rockpool.answers import IN_PROCESSING, UNKNOWN_STATUS, StatusUnknown, shape_b
from rockpool.http11 import Drop
from rockpool.kinds import KINDS, NOW, Invalid, Number, reaches
from rockpool.txn import COMMITTED

FILTERS = ("label", "table", "database")
FIXED = ("fault", "operation", "point", "count", "skip", "probability", "seed", "multi", *FILTERS)


class Armed:
    """One armed fault. `seen`: how often its point was reached by what its filters let through."""

    def __init__(self, number, asked):
        self.id, self.kind = number, _kind(asked)
        self.point = _point(self.kind, asked.get("point"))
        self.operations = _operations(self.kind, self.point, asked.get("operation"))
        self.count = _whole("count", asked.get("count", 1), optional=True)
        self.skip = _whole("skip", asked.get("skip", 0))
        self.probability = Number(1, 0, 1).check("probability", asked.get("probability", 1))
        self.seed = _whole("seed", asked.get("seed", 0))
        self.filters = {name: _pattern(name, asked[name]) for name in FILTERS if name in asked}
        self.multi = asked.get("multi")
        if self.multi is not None and not isinstance(self.multi, bool):
            raise Invalid("multi must be true or false")
        self.parameters = {
            name: rule.check(name, asked.get(name, rule.default))
            for name, rule in self.kind.parameters.items()
        }
        self.seen = 0
        self.hits = 0

    def __getitem__(self, name):
        return self.parameters[name]

    @property
    def spent(self):
        return self.count is not None and self.hits >= self.count

    def bites(self, call, point):
        """Counts, and says whether it happens this time; draws depend on seed and order alone."""
        if point != self.point or call.operation not in self.operations or self.spent:
            return False
        if not self._lets_through(call):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        if random.Random(f"{self.seed}:{self.seen}").random() >= self.probability:
            return False
        self.hits += 1
        return True

    def _lets_through(self, call):
        if self.multi is not None and self.multi != call.multi:
            return False
        for name, pattern in self.filters.items():
            values = call.tables if name == "table" else [getattr(call, name)]
            if not any(fnmatch.fnmatchcase(value, pattern) for value in values):
                return False
        return True

    def to_dict(self):
        return {
            "id": self.id,
            "fault": self.kind.name,
            "operation": list(self.operations),
            "point": self.point,
            "count": self.count,
            "skip": self.skip,
            "probability": self.probability,
            "seed": self.seed,
            **({"multi": self.multi} if self.multi is not None else {}),
            **self.filters,
            **self.parameters,
            "seen": self.seen,
            "hits": self.hits,
        }


def _kind(asked):
    if not isinstance(asked, dict):
        raise Invalid("a fault is a JSON object")
    kind = KINDS.get(asked.get("fault"))
    if kind is None:
        raise Invalid(f"unknown fault {asked.get('fault')!r}; known: {', '.join(KINDS)}")
    strange = set(asked) - set(FIXED) - set(kind.parameters)
    if NOW in kind.operations and asked.get("operation", NOW) == NOW:
        strange |= set(asked) - {"fault", "operation", "label", "database", *kind.parameters}
    if strange:
        raise Invalid(f"{kind.name} does not know: {', '.join(sorted(strange))}")
    return kind


def _operations(kind, point, asked):
    able = tuple(name for name in kind.operations if reaches(name, point))
    if asked is None:
        return (NOW,) if NOW in able else able
    found = tuple(asked) if isinstance(asked, list) else (asked,)
    for name in found:
        if name not in able:
            raise Invalid(f"{kind.name} bites at {', '.join(able)}, not at {name}")
    if not found or NOW in found and len(found) > 1:
        raise Invalid(f"operation must be {NOW} alone, or some of {', '.join(able)}")
    return found


def _point(kind, asked):
    point = kind.points[0] if asked is None else asked
    if point not in kind.points:
        raise Invalid(f"{kind.name} bites at the points {', '.join(kind.points)}, not at {point}")
    return point


def _whole(name, value, optional=False):
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Invalid(f"{name} must be a whole number")
    return value


def _pattern(name, value):
    if not isinstance(value, str) or not value:
        raise Invalid(f"{name} must be a name or a pattern")
    return value


class Faults:
    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "faults.json"
        self.lock = threading.Lock()
        self.armed = []
        self.numbers = itertools.count(1)
        self._restore()

    def _restore(self):
        if not self.path.exists():
            return
        for stored in json.loads(self.path.read_text()):
            number = stored.pop("id")
            seen, hits = stored.pop("seen"), stored.pop("hits")
            armed = Armed(number, stored)
            armed.seen, armed.hits = seen, hits
            self.armed.append(armed)
        self.numbers = itertools.count(1 + max([a.id for a in self.armed], default=0))

    def _store(self):
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps([a.to_dict() for a in self.armed]))
        temporary.replace(self.path)

    def arm(self, asked):
        """Arms all of a list or none of it."""
        with self.lock:
            fresh = [Armed(next(self.numbers), one) for one in asked]
            self.armed += fresh
            self._store()
        return fresh

    def disarm(self, number=None):
        """Takes one away, or all; returns how many there were."""
        with self.lock:
            kept = [a for a in self.armed if number is not None and a.id != number]
            gone = len(self.armed) - len(kept)
            self.armed = kept
            self._store()
        return gone

    def list(self):
        with self.lock:
            return [a.to_dict() for a in self.armed]

    def fire(self, armed):
        """Counts an event that happens as it is armed."""
        with self.lock:
            armed.seen += 1
            armed.hits += 1
            self._store()

    async def hold(self, armed):
        """Waits out a delay; disarming it ends the wait."""
        end = time.monotonic() + armed["seconds"]
        while armed in self.armed and time.monotonic() < end:
            await asyncio.sleep(min(0.02, max(0, end - time.monotonic())))

    def take(self, call, point, after=0):
        """The first armed fault with a number above `after` that bites here, or None."""
        with self.lock:
            if not self.armed:
                return None
            before = [a.seen for a in self.armed]
            found = next((a for a in self.armed if a.id > after and a.bites(call, point)), None)
            if before != [a.seen for a in self.armed]:
                self._store()
        return found


class Call:
    """One operation on its way through the points; `node` is the kind of port that does it."""

    def __init__(self, cluster, operation, node="", database="", label="", table="", multi=None):
        self.cluster, self.operation, self.node = cluster, operation, node
        self.database, self.label, self.table = database, label, table
        self._multi = multi
        self.committed = None
        self.impatient = False

    @property
    def task(self):
        task = self.cluster.leader.tasks.get(self.label)
        return task if task is not None and task.database == self.database else None

    @property
    def multi(self):
        return self.task is not None if self._multi is None else self._multi

    @property
    def tables(self):
        """The table that a load names; of other operations, all tables of their transaction."""
        if self.operation in ("begin", "load", "stream_load"):
            return [self.table]
        if self.task is not None:
            return list(self.task.contexts)
        txn = self.cluster.txns.find(self.database, self.label)
        return txn["tables"] if txn is not None else []

    def take(self, point):
        """The armed fault that bites at a point inside the operation, or None."""
        return self.cluster.faults.take(self, point)

    async def at(self, point):
        """Delays, drops and events of an edge; an answer that stands for the operation, or None."""
        number = 0
        while armed := self.cluster.faults.take(self, point, number):
            number = armed.id
            if armed.kind.action == "delay":
                await self.cluster.faults.hold(armed)
            elif armed.kind.action == "busy":
                return shape_b("TXN_IN_PROCESSING", IN_PROCESSING)
            elif armed.kind.action == "event":
                cut = await self.cluster.events.run(armed, self.database, self.label)
                if self.node and self.node == cut:
                    raise Drop
            else:
                raise Drop
        return None

    async def wait_published(self, seconds):
        """Waits as a commit does; False when its transaction is still COMMITTED."""
        end = time.monotonic() + (0 if self.impatient else seconds)
        while self.committed and self.committed["state"] == COMMITTED and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return not self.committed or self.committed["state"] != COMMITTED


def settle(call, txn, commit):
    """Runs `commit(publish_after)` as the armed faults will have it."""
    armed = call.take("commit")
    name = armed.kind.name if armed else ""
    if name == "status_unknown":
        if armed["outcome"] == "committed":
            commit(0)
        elif armed["outcome"] == "aborted":
            call.cluster.txns.abort(txn, UNKNOWN_STATUS)
        raise StatusUnknown
    commit(armed["seconds"] if armed else 0)
    call.committed = txn
    call.impatient = name == "publish_timeout"
