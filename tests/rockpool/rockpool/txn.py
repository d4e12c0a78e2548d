"""Transactions and their labels, as the frontend leader keeps them.

A label is unique in its database among transactions that are not ABORTED; it is remembered only
while its record is kept: `label_keep_max_num` a database, oldest finished first. A commit makes
rows visible at once, unless a fault (or an unpublished commit to one of its tables) delays it.
"""

import os
import threading
import time

import pyarrow

from rockpool.errors import LoadError
from rockpool.load import Delta

UNKNOWN, PREPARE, PREPARED = "UNKNOWN", "PREPARE", "PREPARED"
COMMITTED, VISIBLE, ABORTED = "COMMITTED", "VISIBLE", "ABORTED"
FINISHED = (VISIBLE, ABORTED)
MULTI_TIMEOUT = 20
PREPARED_TIMEOUT = 86400
PREPARED_REASON = "prepared transaction timeout"


class LabelUsed(Exception):
    """The label belongs to a transaction that is not ABORTED."""

    def __init__(self, txn):
        super().__init__(f"Label [{txn['label']}] has already been used.")
        self.message = str(self)
        self.txn = txn

    @property
    def job_status(self):
        return "FINISHED" if self.txn["state"] in (COMMITTED, VISIBLE) else "RUNNING"


def _share(one, other):
    """Whether two transactions have a table in common."""
    same = one["database"] == other["database"]
    return same and not set(one["tables"]).isdisjoint(other["tables"])


class Manager:
    def __init__(
        self, engine, label_keep_max_num=1000, label_keep_max_second=259200, max_running=1000
    ):
        self.engine = engine
        self.label_keep_max_num = label_keep_max_num
        self.label_keep_max_second = label_keep_max_second
        self.max_running = max_running
        self.lock = threading.RLock()
        self.txns = {}
        self.on_commit = lambda: None
        self.staged = engine.directory / "staged"
        self.staged.mkdir(exist_ok=True)
        self._recover()

    def _recover(self):
        """After a restart: what was PREPARE has lost its backend context, PREPARED is kept."""
        for record in self.engine.read_txns():
            self.txns[record["id"]] = record
        for record in list(self.txns.values()):
            if record["state"] == PREPARE:
                self.abort(record, "coordinate BE is down")
        for path in self.staged.iterdir():
            owner = self.txns.get(int(path.name.split(".")[0]))
            if owner is None or owner["state"] not in (PREPARED, COMMITTED):
                path.unlink()

    # ---- look up

    def find(self, database, label):
        """The transaction with the largest id of this label, or None."""
        with self.lock:
            found = [
                t for t in self.txns.values() if t["database"] == database and t["label"] == label
            ]
            return max(found, key=lambda t: t["id"]) if found else None

    def state(self, database, label):
        txn = self.find(database, label)
        return (txn["state"], txn["reason"]) if txn else (UNKNOWN, "")

    def of_database(self, database):
        with self.lock:
            return sorted(
                (t for t in self.txns.values() if t["database"] == database), key=lambda t: t["id"]
            )

    # ---- life cycle

    def check_label(self, database, label):
        txn = self.find(database, label)
        if txn is not None and txn["state"] != ABORTED:
            raise LabelUsed(txn)

    def begin(
        self,
        database,
        label,
        tables,
        source,
        coordinator,
        timeout,
        prepared_timeout=None,
        max_running=None,
        registered=True,
    ):
        """A new PREPARE transaction; one that is not registered is its owner's secret."""
        with self.lock:
            record = {
                "id": self.engine.next_id("txn_ids"),
                "database": database,
                "label": label,
                "tables": list(tables),
                "state": PREPARE,
                "source": source,
                "coordinator": coordinator,
                "timeout": timeout,
                "prepared_timeout": prepared_timeout,
                "reason": "",
                "begin": time.time(),
                "prepared": None,
                "commit": None,
                "publish_at": None,
                "finish": None,
                "stats": {},
            }
            if registered:
                self.register(record, max_running)
            return record

    def register(self, record, max_running=None):
        """Takes the label, or refuses; nothing to do for one that is registered already."""
        with self.lock:
            if record["id"] in self.txns:
                return
            self.check_label(record["database"], record["label"])
            limit = self.max_running if max_running is None else max_running
            self._check_running(record["database"], limit)
            self.engine.write_txn(record)
            self.txns[record["id"]] = record

    def _check_running(self, database, limit):
        running = sum(1 for t in self.of_database(database) if t["state"] not in FINISHED)
        if running >= limit:
            number = self.engine.databases.get(database, 0)
            raise LoadError(
                f"current running txns on db {number} is {running}, larger than limit {limit}"
            )

    def prepare(self, txn, deltas, stats, prepared_timeout=None):
        """The rows go to disk before the state says PREPARED."""
        self._stage(txn, deltas)
        with self.lock:
            self._require(txn, PREPARE, "prepare")
            if prepared_timeout is not None:
                txn["prepared_timeout"] = prepared_timeout
            self._write(txn, state=PREPARED, prepared=time.time(), stats=stats)

    def commit(self, txn, deltas, stats, publish_after=0):
        with self.lock:
            self._require(txn, PREPARE, "commit")
            self._commit(txn, lambda: deltas, publish_after, stats=stats)

    def commit_prepared(self, txn, publish_after=0):
        with self.lock:
            self._require(txn, PREPARED, "commit")
            self._commit(txn, lambda: self._unstage(txn), publish_after)

    def _commit(self, txn, deltas, publish_after, **changes):
        """VISIBLE at once, or COMMITTED with its rows on disk until they are published."""
        now = time.time()
        held = any(_share(txn, t) for t in self._committed())
        try:
            if publish_after or held:
                if txn["state"] == PREPARE:
                    self._stage(txn, deltas())
                changes["publish_at"] = now + publish_after
                self._write(txn, state=COMMITTED, commit=now, **changes)
            else:
                self._write(txn, deltas(), state=VISIBLE, commit=now, finish=now, **changes)
        except LoadError as error:
            self.abort(txn, error.message)
            raise
        if txn["state"] == COMMITTED:
            self.on_commit()
        else:
            self._drop_stage(txn)
            self._evict(txn["database"])

    # ---- publishing

    def _committed(self):
        """What is not published yet, in commit order."""
        found = [t for t in self.txns.values() if t["state"] == COMMITTED]
        return sorted(found, key=lambda t: t["commit"])

    def publish_due(self):
        """Makes visible what is due; the seconds until more may be, or None.

        The versions of a table are published in the order of their commits.
        """
        with self.lock:
            now, held = time.time(), []
            for txn in self._committed():
                if txn["publish_at"] <= now and not any(_share(txn, t) for t in held):
                    self._publish(txn)
                else:
                    held.append(txn)
            later = [t["publish_at"] - now for t in held if t["publish_at"] > now]
            return min(later) if later else None

    def publish_now(self, named):
        """Ends the wait of COMMITTED transactions, by name."""
        with self.lock:
            for txn in self._committed():
                if named(txn["database"], txn["label"]):
                    txn["publish_at"] = time.time()
            self.publish_due()

    def _publish(self, txn):
        """Rows of a table that was dropped meanwhile go with it."""
        kept = [d for d in self._unstage(txn) if self.engine.holds(d)]
        self._write(txn, kept, state=VISIBLE, finish=time.time())
        self._drop_stage(txn)
        self._evict(txn["database"])

    def abort(self, txn, reason, stats=None):
        with self.lock:
            if txn["state"] in (COMMITTED, VISIBLE, ABORTED):
                return
            self._write(
                txn, state=ABORTED, reason=reason, finish=time.time(), stats=stats or txn["stats"]
            )
            self._drop_stage(txn)
            self._evict(txn["database"])

    def _require(self, txn, state, verb):
        if txn["state"] != state:
            reason = f", abort reason: {txn['reason']}" if txn["reason"] else ""
            raise LoadError(f"Can not {verb} {txn['state']} transaction {txn['id']}{reason}")

    def _write(self, txn, deltas=(), **changes):
        if txn["id"] in self.txns:
            self.engine.write_txn({**txn, **changes}, deltas)
        txn.update(changes)

    # ---- staged rows of PREPARED transactions

    def _stage(self, txn, deltas):
        for number, delta in enumerate(deltas):
            meta = {
                b"rp.database": delta.database,
                b"rp.table": delta.table,
                b"rp.id": str(delta.table_id),
                b"rp.op": "1" if delta.has_op else "0",
                b"rp.merge": delta.merge_condition or "",
            }
            rows = delta.rows.replace_schema_metadata(meta)
            path = self.staged / f"{txn['id']}.{number}.arrow"
            with open(path, "wb") as file:
                with pyarrow.ipc.new_file(file, rows.schema) as writer:
                    writer.write_table(rows)
                file.flush()
                os.fsync(file.fileno())
        folder = os.open(self.staged, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _stage_files(self, txn):
        return sorted(self.staged.glob(f"{txn['id']}.*.arrow"))

    def _unstage(self, txn):
        deltas = []
        for path in self._stage_files(txn):
            with pyarrow.ipc.open_file(path) as reader:
                rows = reader.read_all()
            meta = {k.decode(): v.decode() for k, v in rows.schema.metadata.items()}
            deltas.append(
                Delta(
                    meta["rp.database"],
                    meta["rp.table"],
                    int(meta["rp.id"]),
                    rows,
                    meta["rp.op"] == "1",
                    meta["rp.merge"] or None,
                )
            )
        return deltas

    def _drop_stage(self, txn):
        for path in self._stage_files(txn):
            path.unlink()

    # ---- memory and time

    def _evict(self, database):
        mine = self.of_database(database)
        surplus = len(mine) - self.label_keep_max_num
        oldest = time.time() - self.label_keep_max_second
        finished = sorted((t for t in mine if t["state"] in FINISHED), key=lambda t: t["finish"])
        self._forget([t for n, t in enumerate(finished) if n < surplus or t["finish"] < oldest])

    def _forget(self, gone):
        if gone:
            self.engine.forget_txns([t["id"] for t in gone])
            for txn in gone:
                del self.txns[txn["id"]]

    def evict(self, database, keep):
        """Forgets finished transactions of a database but the newest `keep`."""
        with self.lock:
            finished = [t for t in self.of_database(database) if t["state"] in FINISHED]
            finished.sort(key=lambda t: t["finish"])
            self._forget(finished[: max(0, len(finished) - keep)])

    def forget(self, named):
        """Forgets the finished transactions whose database and label `named` accepts."""
        with self.lock:
            self._forget(
                [
                    t
                    for t in self.txns.values()
                    if t["state"] in FINISHED and named(t["database"], t["label"])
                ]
            )

    def expire_prepared(self, named):
        """Aborts PREPARED transactions, by name, as their timeout would."""
        with self.lock:
            for txn in list(self.txns.values()):
                if txn["state"] == PREPARED and named(txn["database"], txn["label"]):
                    self.abort(txn, PREPARED_REASON)

    def expire(self):
        """Aborts what is over its time; the caller runs this about once a second."""
        now = time.time()
        with self.lock:
            for txn in list(self.txns.values()):
                if txn["state"] == PREPARE and now > txn["begin"] + txn["timeout"]:
                    self.abort(txn, "timeout by txn manager")
                elif txn["state"] == PREPARED:
                    limit = txn["prepared_timeout"] or PREPARED_TIMEOUT
                    if now > txn["prepared"] + limit:
                        self.abort(txn, PREPARED_REASON)
