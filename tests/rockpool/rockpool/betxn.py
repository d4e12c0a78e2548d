"""The transactions of a backend: begin, loads into the open pipe, prepare, commit, rollback."""

import threading
import time

from rockpool.answers import (
    IN_PROCESSING,
    NO_AUTH,
    NOT_FOUND,
    PUBLISH_TIMEOUT,
    StatusUnknown,
    check_quality,
    check_versions,
    closed,
    counts,
    joined_errors,
    label_used,
    milliseconds,
    prepared_timeout,
    pretty_closing,
    status,
)
from rockpool.auth import parse_basic
from rockpool.errors import LoadError, SqlError
from rockpool.faults import Call, settle
from rockpool.http11 import Disconnected, Drop, Response, pretty
from rockpool.load import jsonrows, params, pipeline
from rockpool.load.params import MAX_BODY_MB
from rockpool.txn import LabelUsed


class Context:
    """The open pipe of one transaction (or of one table of a multi-table transaction)."""

    def __init__(self, txn, label, database, table):
        self.txn, self.label, self.database, self.table = txn, label, database, table
        self.params = None
        self.plan_table = None
        self.pipe = bytearray()
        self.documents = []
        self.sent = 0
        self.counted = 0
        self.busy = threading.Lock()
        self.created = time.time()

    def add(self, body):
        if self.params.format == "json":
            self.documents.append(bytes(body))
        else:
            self.pipe += body

    def bodies(self):
        return self.documents if self.params.format == "json" else [bytes(self.pipe)]


class Transactions:
    """Mixed into a Backend, whose checks, pool of threads and error logs it uses."""

    async def _transaction(self, request, op):
        if op == "load":
            return await self._transaction_load(request)
        if op not in ("begin", "prepare", "commit", "rollback"):
            return NOT_FOUND
        try:
            await request.body()
        except Disconnected as gone:
            raise Drop from gone
        if self._is_multi(request):
            return pretty(
                status(
                    "INVALID_ARGUMENT",
                    "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes",
                )
            )
        call = request.call = self._call(op, request, False)
        response = await call.at("before")
        if response is None:
            answer = await self._run(getattr(self, f"_txn_{op}"), request)
            if call.committed and not await call.wait_published(call.committed["timeout"]):
                answer |= {"Status": "PUBLISH_TIMEOUT", "Message": PUBLISH_TIMEOUT}
            response = pretty(answer)
        await call.at("after")
        return response

    def _is_multi(self, request):
        return self.cluster.version.has_multi and request.headers.get("transaction_type")

    def _call(self, op, request, multi):
        names = [request.headers.get(n, "") for n in ("db", "label", "table")]
        return Call(self.cluster, op, "be", *names, multi)

    def _txn_begin(self, request):
        headers = request.headers
        credentials = parse_basic(headers.get("authorization"))
        label, database, table = (
            headers.get("label", ""),
            headers.get("db", ""),
            headers.get("table", ""),
        )
        if credentials is None:
            return status("INTERNAL_ERROR", NO_AUTH)
        if label in self.contexts:
            return self._tell_used(request.call)
        started = time.monotonic()
        try:
            params.check_label(label)
            seconds = params.timeout(headers)
            self._authorize(credentials, database, table)
            prepared = prepared_timeout(headers, self.cluster.version)
            txn = self._begin(request.call, seconds, prepared)
        except LabelUsed as used:
            return self._tell_used(request.call, used)
        except (LoadError, SqlError) as error:
            return status(getattr(error, "status", "INTERNAL_ERROR"), error.message)
        self.contexts[label] = Context(txn, label, database, table)
        return {
            "Status": "OK",
            "Message": "",
            "TxnId": txn["id"],
            "Label": label,
            "BeginTxnTimeMs": milliseconds(time.monotonic() - started),
        }

    def _tell_used(self, call, used=None):
        if call.take("used"):
            return status("INTERNAL_ERROR", f"Label [{call.label}] has already been used.")
        return label_used(call.label, used)

    async def _transaction_load(self, request):
        label, table = request.headers.get("label", ""), request.headers.get("table", "")
        call = request.call = self._call("load", request, (label, table) in self.contexts)
        response = await call.at("before") or await self._load(request, label, table)
        await call.at("after")
        return response

    async def _load(self, request, label, table):
        context = self.contexts.get((label, table)) or self.contexts.get(label)
        if context is None:
            return pretty_closing(
                status("TXN_NOT_EXISTS", f"Transaction with label {label} not exists")
            )
        if not context.busy.acquire(blocking=False):
            return pretty_closing(status("TXN_IN_PROCESSING", IN_PROCESSING))
        try:
            return await self._load_into(context, request)
        finally:
            context.busy.release()

    async def _load_into(self, context, request):
        try:
            await self._run(self._check_load, context, request)
        except LoadError as error:
            if error.status != "INVALID_ARGUMENT":
                await self._run(self._roll_back, context, error.message)
            return pretty_closing(status(error.status, error.message, context))
        started = time.monotonic()
        try:
            body = await request.body()
        except Disconnected as gone:
            if context.params.format == "csv":
                context.add(gone.received)
            raise
        await request.call.at("body")
        context.add(body)
        context.sent += len(body)
        return pretty(
            {
                "Status": "OK",
                "Message": "",
                "TxnId": context.txn["id"],
                "Label": context.label,
                "LoadBytes": len(body),
                "StreamLoadPlanTimeMs": 0,
                "ReceivedDataTimeMs": milliseconds(time.monotonic() - started),
            }
        )

    def _check_load(self, context, request):
        headers = request.headers
        if headers.get("db", "") != context.database:
            raise LoadError(
                f"Request database {headers.get('db', '')} not equal transaction database {context.database}",
                "INVALID_ARGUMENT",
            )
        if headers.get("table", "") != context.table:
            raise LoadError(
                f"Request table {headers.get('table', '')} not equal transaction table {context.table}",
                "INVALID_ARGUMENT",
            )
        if context.txn["state"] != "PREPARE":
            raise LoadError(
                "current transaction is aborted"
                if context.txn["state"] == "ABORTED"
                else f"transaction is {context.txn['state']}"
            )
        load = params.parse(headers, transaction=True)
        if context.params is None:
            self._plan(context.database, context.table, load)
            context.params = load
        elif _same(load, context.params) is False:
            raise LoadError("load request not equal last.")
        context.counted += request.content_length or 0
        if context.counted > MAX_BODY_MB << 20:
            raise LoadError(f"body size {context.counted} exceed limit: {MAX_BODY_MB << 20}")
        jsonrows.check_size(context.counted, load)

    def _take(self, request):
        """The context of a prepare/commit/rollback, or the reply that refuses it."""
        label, database = request.headers.get("label", ""), request.headers.get("db", "")
        context = self.contexts.get(label)
        if context is None:
            return None, status("TXN_NOT_EXISTS", f"transaction with label {label} not exists")
        if database != context.database:
            return None, status(
                "INVALID_ARGUMENT",
                f"request db {database} transaction db {context.database} not match",
            )
        if not context.busy.acquire(blocking=False):
            return None, status("TXN_IN_PROCESSING", IN_PROCESSING)
        return context, None

    def _txn_prepare(self, request):
        return self._close_pipe(request, self._prepare_context)

    def _txn_commit(self, request):
        return self._close_pipe(request, self._commit_context)

    def _prepare_context(self, context, request, deltas, stats):
        seconds = prepared_timeout(request.headers, self.cluster.version)
        self.cluster.txns.prepare(context.txn, deltas, stats, seconds)

    def _commit_context(self, context, request, deltas, stats):
        settle(
            request.call,
            context.txn,
            lambda after: self._commit(context.txn, deltas, stats, after),
        )

    def _close_pipe(self, request, finish):
        context, refusal = self._take(request)
        if context is None:
            return refusal
        started = time.monotonic()
        extra = {}
        try:
            if context.params is None or not context.sent:
                raise LoadError(f"Transaction with label {context.label} hasn't send any data yet")
            results = self.parse_pipe(context)
            extra = counts(results, context.sent)
            url = self._keep_errors(
                results[0].errors if len(results) == 1 else joined_errors(results)
            )
            if url:
                extra["ErrorURL"] = url
            check_quality(results, context.params.max_filter_ratio)
            check_versions(request.call)
            finish(
                context, request, [pipeline.merge(results)], {**extra, "LoadBytes": context.sent}
            )
        except StatusUnknown as error:
            self.contexts.pop(context.label, None)
            return status("INTERNAL_ERROR", error.message, context, extra)
        except (LoadError, SqlError) as error:
            self._roll_back(context, error.message)
            return status("INTERNAL_ERROR", error.message, context, extra)
        finally:
            context.busy.release()
        self.contexts.pop(context.label, None)
        return closed(context, extra, time.monotonic() - started)

    def parse_pipe(self, context):
        """Reads everything that the loads of a context have sent; one result a JSON text."""
        table = self.cluster.load_table(context.database, context.table)
        return [
            pipeline.run(self.cluster.engine, table, context.params, b) for b in context.bodies()
        ]

    def _roll_back(self, context, reason):
        self.contexts.pop(context.label, None)
        self.contexts.pop((context.label, context.table), None)
        self.cluster.txns.abort(context.txn, reason)

    def _txn_rollback(self, request):
        context, refusal = self._take(request)
        if context is None:
            return refusal
        try:
            self._roll_back(context, "User Abort")
        finally:
            context.busy.release()
        return {"Status": "OK", "Message": "", "Label": context.label}

    def _list(self):
        """Concatenated objects, as the server prints them."""
        out = []
        for context in list(self.contexts.values()):
            out.append(
                pretty(
                    {
                        "InProcessing": context.busy.locked(),
                        "Label": context.label,
                        "TxnId": context.txn["id"],
                        "LoadBytes": context.sent,
                        "BeginTimestamp": int(context.created),
                        "TransactionTimeoutSec": context.txn["timeout"],
                        "IdleTransactionTimeoutSec": -1,
                    }
                ).body.decode()
            )
        return Response(200, "".join(out))


def _same(load, first):
    """max_filter_ratio counts on the first load only; all else must be identical."""
    return load == first or load == type(load)(
        **{**first.__dict__, "max_filter_ratio": load.max_filter_ratio}
    )
