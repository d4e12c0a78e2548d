"""A frontend's HTTP port: it checks, redirects, and owns labels and multi-table transactions."""

import asyncio
import json
import threading
import time

from rockpool.auth import parse_basic
from rockpool.be import Context, check_quality, prepared_timeout
from rockpool.errors import LoadError, SqlError
from rockpool.http11 import Disconnected, Drop, Response, pretty
from rockpool.load import params, pipeline
from rockpool.txn import MULTI_TIMEOUT, PREPARE, PREPARED, LabelUsed

DDL_EXCEPTION = "class com.starrocks.common.DdlException: "
OPS = ("begin", "load", "prepare", "commit", "rollback")


class Refused(Exception):
    """An expected error of a handler; the shape of the answer is the handler's."""


def shape_a(message, status=200, headers=()):
    body = json.dumps({"status": "FAILED", "code": "1", "msg": message, "message": message})
    return Response(status, body, headers, close=True)


def shape_b(status, message, **extra):
    return pretty({"Status": status, "Message": message, **extra})


class MultiTask:
    """A multi-table transaction: the leader's memory only, lost when it restarts."""

    def __init__(self, label, database, timeout):
        self.label, self.database, self.timeout = label, database, timeout
        self.state = "BEGIN"
        self.txn = None
        self.contexts = {}
        self.backends = {}
        self.created = time.time()
        self.finished = 0.0
        self.lock = threading.Lock()


class Leader:
    """What only the leader knows: the coordinator of each label, and the multi-table tasks."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.coordinators = {}
        self.tasks = {}
        self.turn = 0
        self.lock = threading.RLock()

    def next_backend(self):
        with self.lock:
            self.turn += 1
            return self.cluster.backends[self.turn % len(self.cluster.backends)]

    def change(self):
        """A leader change or restart: caches and open multi-table transactions are gone."""
        with self.lock:
            self.coordinators.clear()
            tasks, self.tasks = self.tasks, {}
        for task in tasks.values():
            self.cancel(task, "FE leader is changed")

    def cancel(self, task, reason):
        if task.state not in ("BEGIN", "LOADING"):
            return
        task.state, task.finished = "CANCELLED", time.time()
        for table, backend in task.backends.items():
            backend.contexts.pop((task.label, table), None)
        if task.txn is not None:
            self.cluster.txns.abort(task.txn, reason)

    def expire(self):
        now = time.time()
        for task in list(self.tasks.values()):
            if task.state in ("BEGIN", "LOADING") and now > task.created + task.timeout:
                self.cancel(task, "timeout by txn manager")
        finished = sorted((t for t in self.tasks.values() if t.finished), key=lambda t: t.finished)
        for task in finished[: max(0, len(self.tasks) - 1000)]:
            self.tasks.pop(task.label, None)


class Frontend:
    def __init__(self, cluster, leader=True):
        self.cluster, self.is_leader = cluster, leader
        self.port = 0

    async def _run(self, function, *args):
        return await asyncio.get_running_loop().run_in_executor(self.cluster.pool, function, *args)

    async def handle(self, request):
        parts = request.parts()
        if (
            request.method == "PUT"
            and len(parts) == 4
            and parts[0] == "api"
            and parts[3] == "_stream_load"
        ):
            return self._stream_load(request, parts[1], parts[2])
        if (
            request.method in ("POST", "PUT")
            and parts[:2] == ["api", "transaction"]
            and len(parts) == 3
            and parts[2] in OPS
        ):
            return await self._transaction(request, parts[2])
        if (
            request.method == "GET"
            and len(parts) == 3
            and parts[0] == "api"
            and parts[2] == "get_load_state"
        ):
            return await self._with_user(request, self._load_state, parts[1])
        if (
            request.method == "GET"
            and len(parts) == 3
            and parts[0] == "api"
            and parts[2] == "_load_info"
        ):
            return shape_a("rockpool does not implement _load_info (broker load jobs)")
        if (
            request.method == "POST"
            and len(parts) == 4
            and parts[0] == "api"
            and parts[3] == "_cancel"
        ):
            return await self._with_user(request, self._cancel, parts[1])
        if request.method == "POST":
            await self._skip_body(request)
            return shape_a("Not implemented")
        return Response(404, "Not Found", content_type="text/plain", close=True)

    async def _skip_body(self, request):
        try:
            await request.body()
        except Disconnected as gone:
            raise Drop from gone

    # ---- who asks

    def _user(self, request):
        credentials = parse_basic(request.headers.get("authorization"))
        return self.cluster.users.check(*credentials) if credentials else None

    def _denied(self, request, message=None):
        credentials = parse_basic(request.headers.get("authorization"))
        name = credentials[0] if credentials else ""
        text = message or (
            f"Access denied for {name}@127.0.0.1" if name else "Need auth information."
        )
        return shape_a(text, 401, [("WWW-Authenticate", 'Basic realm=""')])

    async def _with_user(self, request, function, database):
        if self._user(request) is None:
            return self._denied(request)
        if not self.is_leader:
            return self._redirect(request, self.cluster.frontends[0].port)
        await self._skip_body(request)
        return await self._run(function, request, database)

    def _redirect(self, request, port):
        location = f"http://127.0.0.1:{port}{request.target}"
        return Response(307, b"", [("Location", location)], close=True)

    # ---- plain loads

    def _stream_load(self, request, database, table):
        user = self._user(request)
        if user is None:
            return self._denied(request)
        expect = request.headers.get("expect", "").lower()
        if request.version != "1.0" and expect != "100-continue":
            return _closing(shape_b("FAILED", DDL_EXCEPTION + "There is no 100-continue header"))
        if not database:
            return _closing(shape_b("FAILED", DDL_EXCEPTION + "No database selected."))
        if not table:
            return _closing(shape_b("FAILED", DDL_EXCEPTION + "No table selected."))
        if not user.may("insert"):
            return self._denied(request, _no_insert(table))
        return self._redirect(request, self.cluster.leader.next_backend().port)

    # ---- the fate of a label

    def _load_state(self, request, database):
        label = request.query.get("label", "")
        if not label:
            return shape_a("No label selected.")
        if database not in self.cluster.engine.databases:
            return shape_a(f"unknown database, database={database}")
        state, reason = self.cluster.txns.state(database, label)
        return Response(
            200,
            json.dumps(
                {
                    "state": state,
                    "reason": reason,
                    "status": "OK",
                    "code": "0",
                    "msg": "Success",
                    "message": "OK",
                }
            ),
        )

    def _cancel(self, request, database):
        label = request.query.get("label", "")
        txn = self.cluster.txns.find(database, label)
        if not label:
            return shape_a("No label selected.")
        if txn is None:
            return shape_a(f"Transaction with label {label} does not exist")
        try:
            if txn["state"] in ("COMMITTED", "VISIBLE"):
                raise LoadError(f"Can not abort {txn['state']} transaction {txn['id']}")
            self.cluster.txns.abort(txn, "User cancel")
        except LoadError as error:
            return shape_a(error.message)
        return Response(
            200, json.dumps({"status": "OK", "code": "0", "msg": "Success", "message": "OK"})
        )

    # ---- transactions

    async def _transaction(self, request, op):
        user = self._user(request)
        if user is None:
            return self._denied(request)
        if not self.is_leader:
            return self._redirect(request, self.cluster.frontends[0].port)
        if op != "load":
            await self._skip_body(request)
        response = await self._run(self._answer, request, op, user)
        response.close = response.close or op == "load"
        return response

    def _answer(self, request, op, user):
        try:
            headers = request.headers
            database, label = headers.get("db", ""), headers.get("label", "")
            if not database:
                raise Refused("No database selected.")
            if not label:
                raise Refused("empty label.")
            kind = headers.get("transaction_type", "")
            if headers.get("channel_id") or headers.get("channel_num"):
                raise Refused("rockpool does not implement parallel channels")
            if kind and kind.lower() != "multi":
                raise Refused(f"Invalid transaction_type: {kind}")
            if kind:
                return getattr(self, f"_multi_{op}")(request, database, label, user)
            return getattr(self, f"_single_{op}")(request, database, label, user)
        except Refused as error:
            return shape_b("FAILED", str(error))
        except (LoadError, SqlError) as error:
            return shape_b("FAILED", error.message)

    def _table(self, request, database, user):
        table = request.headers.get("table", "")
        if not table:
            raise Refused("No table selected.")
        if not user.may("insert"):
            raise Refused(_no_insert(table))
        return table

    def _single_begin(self, request, database, label, user):
        table = self._table(request, database, user)
        self.cluster.load_table(database, table)
        backend = self.cluster.leader.next_backend()
        self.cluster.leader.coordinators[(database, label)] = backend
        return self._redirect(request, backend.port)

    def _single_load(self, request, database, label, user):
        self._table(request, database, user)
        return self._redirect(request, self._coordinator(database, label).port)

    def _coordinator(self, database, label):
        known = self.cluster.leader.coordinators.get((database, label))
        if known is not None:
            return known
        txn = self.cluster.txns.find(database, label)
        for backend in self.cluster.backends:
            if txn is not None and backend._name() == txn["coordinator"]:
                return backend
        raise Refused(
            f"Can't find the transaction with db [{database}] and label[{label}]. The possible reasons: 1. FE leader "
            "is started or switched; 2. The transaction timeouts and is cleaned."
        )

    def _single_prepare(self, request, database, label, user):
        return self._redirect(request, self._coordinator(database, label).port)

    def _single_commit(self, request, database, label, user):
        txn = self._known(database, label)
        params.timeout(request.headers)
        if txn["state"] == PREPARE:
            return self._redirect(request, self._coordinator(database, label).port)
        if txn["state"] == PREPARED:
            self.cluster.txns.commit_prepared(txn)
            return shape_b("OK", "", TxnId=txn["id"], Label=label)
        if txn["state"] == "ABORTED":
            raise Refused(
                f"Can not commit ABORTED transaction {txn['id']}, abort reason: {txn['reason']}"
            )
        return _already(txn, "committed")

    def _single_rollback(self, request, database, label, user):
        txn = self._known(database, label)
        if txn["state"] == PREPARE:
            return self._redirect(request, self._coordinator(database, label).port)
        if txn["state"] == PREPARED:
            self.cluster.txns.abort(txn, "User Abort")
            return shape_b("OK", "", TxnId=txn["id"], Label=label)
        if txn["state"] == "ABORTED":
            return _already(txn, "aborted")
        raise Refused(f"Can not abort {txn['state']} transaction {txn['id']}")

    def _known(self, database, label):
        txn = self.cluster.txns.find(database, label)
        if txn is None:
            raise Refused(f"No transaction found with db[{database}] and label[{label}]")
        return txn

    # ---- multi-table transactions

    def _multi_begin(self, request, database, label, user):
        params.check_label(label)
        if database not in self.cluster.engine.databases:
            raise Refused(f"unknown database, database={database}")
        prepared_timeout(request.headers)
        leader = self.cluster.leader
        with leader.lock:
            task = leader.tasks.get(label)
            if task is not None and task.state != "CANCELLED":
                number = task.txn["id"] if task.txn else 0
                return shape_b(
                    "LABEL_ALREADY_EXISTS",
                    f"Transaction already started with label [{label}], txnId: {number}",
                    ExistingJobStatus=task.state,
                )
            try:
                self.cluster.txns.check_label(database, label)
            except LabelUsed as used:
                return shape_b(
                    "LABEL_ALREADY_EXISTS", used.message, ExistingJobStatus=used.txn["state"]
                )
            seconds = params.timeout(request.headers, MULTI_TIMEOUT)
            leader.tasks[label] = MultiTask(label, database, seconds)
        return shape_b("OK", "")

    def _task(self, database, label):
        task = self.cluster.leader.tasks.get(label)
        if task is None or task.database != database:
            raise Refused(f"stream load task {label} does not exist")
        return task

    def _multi_load(self, request, database, label, user):
        table = self._table(request, database, user)
        task = self._task(database, label)
        with task.lock:
            if task.state not in ("BEGIN", "LOADING"):
                raise Refused(f"Can not load data into {task.state} transaction with label {label}")
            self.cluster.load_table(database, table)
            if task.txn is None:
                try:
                    task.txn = self.cluster.txns.begin(
                        database,
                        label,
                        [table],
                        "MULTI_STATEMENT_STREAMING",
                        "FE: 127.0.0.1",
                        task.timeout,
                    )
                except LabelUsed as used:
                    raise Refused(used.message) from None
                task.state = "LOADING"
            context = task.contexts.get(table)
            if context is None:
                backend = self.cluster.leader.next_backend()
                context = task.contexts[table] = Context(task.txn, label, database, table)
                task.backends[table] = backend
                backend.contexts[(label, table)] = context
            if context.busy.locked():
                return shape_b(
                    "TXN_IN_PROCESSING",
                    f"Transaction in processing, please retry later, table: {table}",
                )
            return self._redirect(request, task.backends[table].port)

    def _multi_prepare(self, request, database, label, user):
        raise Refused("Unsupported operation: prepare of a multi-statement transaction")

    def _multi_commit(self, request, database, label, user):
        task = self._task(database, label)
        params.timeout(request.headers)
        if not task.lock.acquire(blocking=False):
            raise Refused(f"Transaction with label {label} is already committing")
        try:
            if task.state == "COMMITED":
                return _already(task.txn or {"id": 0, "label": label}, "committed")
            if task.state == "CANCELLED":
                raise Refused(
                    f"Can not commit CANCELLED transaction {task.txn['id'] if task.txn else 0}"
                )
            return self._commit_task(task)
        finally:
            task.lock.release()

    def _commit_task(self, task):
        busy = [c for c in task.contexts.values() if c.busy.locked()]
        if busy:
            return shape_b("TXN_IN_PROCESSING", "Transaction in processing, please retry later")
        try:
            deltas, total = [], 0
            for table, context in task.contexts.items():
                if not context.sent:
                    continue
                results = task.backends[table].parse_pipe(context)
                check_quality(results, context.params.max_filter_ratio)
                deltas.append(pipeline.merge(results))
                total += sum(r.loaded for r in results)
            if task.txn is not None:
                task.txn["tables"] = sorted(task.contexts)
                self.cluster.txns.commit(
                    task.txn, deltas, {"NumberLoadedRows": total, "NumberTotalRows": total}
                )
        except (LoadError, SqlError) as error:
            self.cluster.leader.cancel(task, error.message)
            raise
        task.state, task.finished = "COMMITED", time.time()
        for table, backend in task.backends.items():
            backend.contexts.pop((task.label, table), None)
        if task.txn is None:
            return shape_b("OK", "", Label=task.label)
        return shape_b("OK", "", TxnId=task.txn["id"], Label=task.label)

    def _multi_rollback(self, request, database, label, user):
        task = self._task(database, label)
        if task.state == "COMMITED":
            number = task.txn["id"] if task.txn else 0
            raise Refused(f"Can not abort VISIBLE transaction {number}")
        if task.state == "CANCELLED":
            return _already(task.txn or {"id": 0, "label": label}, "aborted")
        self.cluster.leader.cancel(task, "User Abort")
        return shape_b("OK", "", Label=label)


def _already(txn, what):
    message = f"Transaction {txn['id']} has already {what}, label is {txn['label']}"
    return shape_b("OK", message, TxnId=txn["id"], Label=txn["label"])


def _no_insert(table):
    return f"Access denied; you need (at least one of) the INSERT privilege(s) on TABLE {table} for this operation"


def _closing(response):
    response.close = True
    return response
