"""Transactions and their labels, as the frontend leader keeps them.

A label is unique in its database among transactions that are not ABORTED; it is remembered only
while its record is kept: `label_keep_max_num` a database, oldest finished first.
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


class LabelUsed(Exception):
    """The label belongs to a transaction that is not ABORTED."""

    def __init__(self, txn):
        super().__init__(f"Label [{txn['label']}] has already been used.")
        self.message = str(self)
        self.txn = txn

    @property
    def job_status(self):
        return "FINISHED" if self.txn["state"] in (COMMITTED, VISIBLE) else "RUNNING"


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
            if owner is None or owner["state"] != PREPARED:
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

    def begin(self, database, label, tables, source, coordinator, timeout, prepared_timeout=None):
        with self.lock:
            self.check_label(database, label)
            running = sum(
                1
                for t in self.txns.values()
                if t["database"] == database and t["state"] not in FINISHED
            )
            if running >= self.max_running:
                number = self.engine.databases.get(database, 0)
                raise LoadError(
                    f"current running txns on db {number} is {running}, larger than limit {self.max_running}"
                )
            now = time.time()
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
                "begin": now,
                "prepared": None,
                "commit": None,
                "finish": None,
                "stats": {},
            }
            self.engine.write_txn(record)
            self.txns[record["id"]] = record
            return record

    def prepare(self, txn, deltas, stats, prepared_timeout=None):
        """The rows go to disk before the state says PREPARED."""
        self._stage(txn, deltas)
        with self.lock:
            self._require(txn, PREPARE, "prepare")
            if prepared_timeout is not None:
                txn["prepared_timeout"] = prepared_timeout
            self._write(txn, state=PREPARED, prepared=time.time(), stats=stats)

    def commit(self, txn, deltas, stats):
        with self.lock:
            self._require(txn, PREPARE, "commit")
            now = time.time()
            try:
                self._write(txn, deltas, state=VISIBLE, commit=now, finish=now, stats=stats)
            except LoadError as error:
                self.abort(txn, error.message)
                raise
            self._evict(txn["database"])

    def commit_prepared(self, txn):
        with self.lock:
            self._require(txn, PREPARED, "commit")
            now = time.time()
            try:
                self._write(txn, self._unstage(txn), state=VISIBLE, commit=now, finish=now)
            except LoadError as error:
                self.abort(txn, error.message)
                raise
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
        fresh = {**txn, **changes}
        self.engine.write_txn(fresh, deltas)
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
        gone = [t for n, t in enumerate(finished) if n < surplus or t["finish"] < oldest]
        if gone:
            self.engine.forget_txns([t["id"] for t in gone])
            for txn in gone:
                del self.txns[txn["id"]]

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
                        self.abort(txn, "prepared transaction timeout")
