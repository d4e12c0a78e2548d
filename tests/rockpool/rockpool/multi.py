"""Multi-table transactions at the frontend leader: begin, load, commit, rollback (v4.0).

Early 4.0 servers differ in two ways that `version.has_fixed_multi` decides: the transaction is
registered at its commit only, so nobody sees it before; and what should be FAILED answers OK.
"""

from rockpool.answers import (
    IN_PROCESSING,
    LOCK_TIMEOUT,
    TOO_MANY_VERSIONS,
    Refused,
    StatusUnknown,
    already,
    check_quality,
    prepared_timeout,
    redirect,
    shape_b,
)
from rockpool.betxn import Context
from rockpool.errors import LoadError, SqlError
from rockpool.faults import settle
from rockpool.leader import OPEN, MultiTask
from rockpool.load import params, pipeline
from rockpool.txn import MULTI_TIMEOUT, LabelUsed


class Multi:
    def __init__(self, cluster):
        self.cluster = cluster

    @property
    def fixed(self):
        return self.cluster.version.has_fixed_multi

    def _misjudged(self, message):
        """An error that early servers report as OK."""
        if self.fixed:
            raise Refused(message)
        return shape_b("OK", message)

    # ---- begin

    def begin(self, request, database, label, table):
        params.check_label(label)
        if database not in self.cluster.engine.databases:
            raise Refused(f"unknown database, database={database}")
        prepared_timeout(request.headers, self.cluster.version)
        leader = self.cluster.leader
        with leader.lock:
            used = self._used(request, database, label)
            if used is not None:
                return used
            seconds = params.timeout(request.headers, MULTI_TIMEOUT)
            leader.tasks[label] = MultiTask(label, database, seconds)
        return shape_b("OK", "")

    def _used(self, request, database, label):
        """The answer to a begin whose label is taken, or None."""
        task = self.cluster.leader.tasks.get(label)
        if not self.fixed:
            return shape_b("OK", "") if task is not None and task.state in OPEN else None
        if task is not None and task.state != "CANCELLED":
            message = f"Transaction already started with label [{label}], txnId: {task.shown['id']}"
            return self._tell_used(request, message, task.state)
        try:
            self.cluster.txns.check_label(database, label)
        except LabelUsed as used:
            return self._tell_used(request, used.message, used.txn["state"])
        return None

    def _tell_used(self, request, message, state):
        if request.call.take("used"):
            raise Refused(f"Label [{request.call.label}] has already been used.")
        return shape_b("LABEL_ALREADY_EXISTS", message, ExistingJobStatus=state)

    def _task(self, database, label):
        task = self.cluster.leader.tasks.get(label)
        if task is None or task.database != database:
            raise Refused(f"stream load task {label} does not exist")
        return task

    # ---- load

    def load(self, request, database, label, table):
        task = self._task(database, label)
        with task.lock:
            if task.state not in OPEN:
                return self._misjudged(
                    f"Can not load data into {task.state} transaction with label {label}"
                )
            self.cluster.load_table(database, table)
            if task.txn is None:
                self._open(task, table, request.call)
            context = task.contexts.get(table) or self._sub_task(task, table)
            if context.busy.locked():
                return shape_b("TXN_IN_PROCESSING", f"{IN_PROCESSING}, table: {table}")
            return redirect(request, task.backends[table].port)

    def _open(self, task, table, call):
        limit = call.take("register") if self.fixed else None
        try:
            task.txn = self.cluster.txns.begin(
                task.database,
                task.label,
                [table],
                "MULTI_STATEMENT_STREAMING",
                "FE: 127.0.0.1",
                task.timeout,
                max_running=int(limit["limit"]) if limit else None,
                registered=self.fixed,
            )
        except LabelUsed as used:
            raise Refused(used.message) from None
        task.load()

    def _sub_task(self, task, table):
        backend = self.cluster.leader.next_backend()
        context = task.contexts[table] = Context(task.txn, task.label, task.database, table)
        task.backends[table] = backend
        backend.contexts[(task.label, table)] = context
        return context

    # ---- end

    def prepare(self, request, database, label, table):
        raise Refused("Unsupported operation: prepare of a multi-statement transaction")

    def commit(self, request, database, label, table):
        task = self._task(database, label)
        params.timeout(request.headers)
        if not task.lock.acquire(blocking=False):
            raise Refused(f"Transaction with label {label} is already committing")
        try:
            if task.state == "COMMITED":
                return already(task.shown, "committed")
            if task.state == "CANCELLED":
                return self._misjudged(f"Can not commit CANCELLED transaction {task.shown['id']}")
            if request.call.take("decide"):
                raise Refused(LOCK_TIMEOUT.format(database))
            return self._commit(task, request.call)
        finally:
            task.lock.release()

    def _commit(self, task, call):
        if any(c.busy.locked() for c in task.contexts.values()):
            return shape_b("TXN_IN_PROCESSING", IN_PROCESSING)
        try:
            self._write(task, call)
        except StatusUnknown:
            self._close(task)
            raise
        except (LoadError, SqlError) as error:
            self.cluster.leader.cancel(task, error.message)
            raise
        except LabelUsed as used:
            self.cluster.leader.cancel(task, used.message)
            raise Refused(used.message) from None
        self._close(task)
        extra = {"TxnId": task.txn["id"]} if task.txn else {}
        return shape_b("OK", "", **extra, Label=task.label)

    def _write(self, task, call):
        deltas, total = [], 0
        for table, context in task.contexts.items():
            if not context.sent:
                continue
            results = task.backends[table].parse_pipe(context)
            check_quality(results, context.params.max_filter_ratio)
            deltas.append(pipeline.merge(results))
            total += sum(r.loaded for r in results)
        if call.take("write"):
            raise LoadError(TOO_MANY_VERSIONS)
        if task.txn is None:
            return
        txns, txn = self.cluster.txns, task.txn
        txn["tables"] = sorted(task.contexts)
        txns.register(txn)
        stats = {"NumberLoadedRows": total, "NumberTotalRows": total}
        settle(call, txn, lambda after: txns.commit(txn, deltas, stats, after))

    def _close(self, task):
        """The task follows its transaction: committed, aborted, or open still."""
        state = task.txn["state"] if task.txn else "VISIBLE"
        if state == "PREPARE":
            return
        task.finish("CANCELLED" if state == "ABORTED" else "COMMITED")
        for table, backend in task.backends.items():
            backend.contexts.pop((task.label, table), None)

    def rollback(self, request, database, label, table):
        task = self._task(database, label)
        with task.lock:  # a load may be about to register the transaction
            return self._rollback(task)

    def _rollback(self, task):
        if task.state == "COMMITED":
            state = task.txn["state"] if task.txn else "VISIBLE"
            return self._misjudged(f"Can not abort {state} transaction {task.shown['id']}")
        if task.state == "CANCELLED":
            return already(task.shown, "aborted")
        if self.fixed:
            self.cluster.leader.cancel(task, "User Abort")
        return shape_b("OK", "", Label=task.label)
