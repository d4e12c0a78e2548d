"""A backend: the data port. It reads bodies and replies; its transactions are in `betxn`.

Every answer is HTTP 200; what happened is in `Status`. The contexts of transactions live in this
process's memory only: a restart loses them, as on the server.
"""

import asyncio
import secrets
import time
import uuid

from rockpool.answers import (
    NO_AUTH,
    NOT_FOUND,
    PUBLISH_TIMEOUT,
    StatusUnknown,
    check_quality,
    check_versions,
    counts,
    milliseconds,
    plain,
    pretty_closing,
)
from rockpool.auth import parse_basic
from rockpool.betxn import Transactions
from rockpool.errors import LoadError, SqlError
from rockpool.faults import Call, settle
from rockpool.http11 import Disconnected, Drop, Response, pretty
from rockpool.load import jsonrows, params, pipeline
from rockpool.load.params import MAX_BODY_MB
from rockpool.txn import LabelUsed

SHUTTING_DOWN = "Service is shutting down, please retry later!"


class Backend(Transactions):
    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.id = 10001 + number
        self.contexts = {}
        self.error_logs = {}
        self.stopping = False
        self.port = 0
        self.server = None

    # ---- routing

    async def handle(self, request):
        parts = request.parts()
        if (
            request.method == "PUT"
            and len(parts) == 4
            and parts[0] == "api"
            and parts[3] == "_stream_load"
        ):
            return await self._stream_load(request, parts[1], parts[2])
        if (
            request.method in ("POST", "PUT")
            and parts[:2] == ["api", "transaction"]
            and len(parts) == 3
        ):
            return await self._transaction(request, parts[2])
        if request.method == "GET" and request.path == "/api/transaction/list":
            return self._list()
        if request.method == "GET" and request.path == "/api/_load_error_log":
            return self._error_log(request)
        return NOT_FOUND

    def _error_log(self, request):
        lines = self.error_logs.get(request.query.get("file", ""))
        if lines is None:
            return Response(500, "No such file", content_type="text/plain")
        return Response(200, "".join(lines), content_type="text/plain")

    def _keep_errors(self, errors):
        """The ErrorURL of a load's filtered rows, or None."""
        if not errors.lines:
            return None
        name = f"error_log_{secrets.token_hex(8)}_{secrets.token_hex(8)}"
        self.error_logs[name] = list(errors.lines)
        while len(self.error_logs) > 1000:
            self.error_logs.pop(next(iter(self.error_logs)))
        return f"http://127.0.0.1:{self.port}/api/_load_error_log?file={name}"

    # ---- plain loads

    async def _stream_load(self, request, database, table):
        label = request.headers.get("label") or str(uuid.uuid4())
        call = Call(self.cluster, "stream_load", "be", database, label, table, False)
        await call.at("before")
        response = await self._load_plain(request, call)
        await call.at("after")
        return response

    async def _load_plain(self, request, call):
        started = time.monotonic()
        reply = {"TxnId": -1, "Label": call.label}
        try:
            user, load = self._check_header(request)
            txn = await self._run(self._begin_plain, user, call, request)
            reply["TxnId"] = txn["id"]
        except (LoadError, SqlError) as error:
            return pretty_closing(plain(reply, "Fail", error.message, time.monotonic() - started))
        except LabelUsed as used:
            return pretty_closing(_used(reply, used, call, time.monotonic() - started))
        begun = time.monotonic()
        try:
            await self._run(self._plan, call.database, call.table, load)
            body = await request.body()
            await call.at("body")
        except LoadError as error:
            await self._run(self.cluster.txns.abort, txn, error.message)
            return pretty_closing(plain(reply, "Fail", error.message, time.monotonic() - started))
        except (Disconnected, Drop):
            await self._run(
                self.cluster.txns.abort, txn, "connection closed before the body was complete"
            )
            raise
        times = (started, begun, time.monotonic())
        answer = await self._run(self._finish_plain, txn, load, body, reply, times, call)
        if not await call.wait_published(txn["timeout"] - (time.monotonic() - started)):
            answer |= {"Status": "Publish Timeout", "Message": PUBLISH_TIMEOUT}
        return pretty(answer)

    def _check_header(self, request):
        """The checks before the first body byte, in the server's order."""
        credentials = parse_basic(request.headers.get("authorization"))
        if credentials is None:
            raise LoadError(NO_AUTH)
        length = request.content_length
        if length is not None and length > MAX_BODY_MB << 20:
            raise LoadError(
                f"body size {length} exceed limit: {MAX_BODY_MB << 20}, body size {length} bytes. You can increase "
                "the limit by setting streaming_load_max_mb in be.conf."
            )
        load = params.parse(request.headers)
        if length is not None:
            jsonrows.check_size(length, load)
        params.timeout(request.headers)
        if self.stopping:
            raise LoadError(SHUTTING_DOWN, "SERVICE_UNAVAILABLE")
        return credentials, load

    def _begin_plain(self, credentials, call, request):
        self._authorize(credentials, call.database, call.table)
        params.check_label(call.label)
        seconds = params.timeout(request.headers)
        return self._begin(call, seconds)

    def _begin(self, call, seconds, prepared=None):
        limit = call.take("register")
        return self.cluster.txns.begin(
            call.database,
            call.label,
            [call.table],
            "BACKEND_STREAMING",
            self._name(),
            seconds,
            prepared,
            int(limit["limit"]) if limit else None,
        )

    def _name(self):
        return f"BE: 127.0.0.{self.number + 1}"

    def _authorize(self, credentials, database, table):
        user = self.cluster.users.check(*credentials)
        if user is None:
            raise LoadError(f"Access denied for {credentials[0]}@127.0.0.1", "NOT_AUTHORIZED")
        if not user.may("insert"):
            raise LoadError(
                "Access denied; you need (at least one of) the INSERT privilege(s) on TABLE "
                f"{table} for this operation",
                "NOT_AUTHORIZED",
            )
        self.cluster.load_table(database, table)

    def _plan(self, database, table, load):
        found = self.cluster.load_table(database, table)
        pipeline.plan(found, load)
        return found

    def _finish_plain(self, txn, load, body, reply, times, call):
        started, begun, read = times
        extra = {}
        try:
            table = self.cluster.load_table(txn["database"], txn["tables"][0])
            result = pipeline.run(self.cluster.engine, table, load, body)
            extra = counts([result], len(body))
            url = self._keep_errors(result.errors)
            if url:
                extra["ErrorURL"] = url
            check_quality([result], load.max_filter_ratio)
            check_versions(call)
            written = time.monotonic()
            stats = {**extra, "LoadBytes": len(body)}
            settle(call, txn, lambda after: self._commit(txn, [result.delta], stats, after))
        except (LoadError, SqlError) as error:
            if not isinstance(error, StatusUnknown):
                self.cluster.txns.abort(txn, error.message, extra)
            return plain(reply, "Fail", error.message, time.monotonic() - started, extra)
        done = time.monotonic()
        extra |= {
            "BeginTxnTimeMs": milliseconds(begun - started),
            "ReadDataTimeMs": milliseconds(read - begun),
            "WriteDataTimeMs": milliseconds(written - read),
            "CommitAndPublishTimeMs": milliseconds(done - written),
        }
        return plain(reply, "Success", "OK", done - started, extra)

    def _commit(self, txn, deltas, stats, publish_after):
        self.cluster.txns.commit(txn, deltas, stats, publish_after)

    async def _run(self, function, *args):
        return await asyncio.get_running_loop().run_in_executor(self.cluster.pool, function, *args)

    # ---- life

    def expire(self):
        """Drops the contexts whose transaction has ended without them."""
        for key, context in list(self.contexts.items()):
            if context.txn["state"] in ("ABORTED", "VISIBLE"):
                self.contexts.pop(key, None)

    def restart(self):
        """What a restart of the process does to transactions."""
        contexts, self.contexts = self.contexts, {}
        for context in contexts.values():
            self.cluster.txns.abort(context.txn, "coordinate BE restart")
        self.error_logs.clear()


def _used(reply, used, call, elapsed):
    """The reply of a plain load whose label is taken."""
    if call.take("used"):
        return plain(reply, "Fail", used.message, elapsed)
    extra = {"ExistingJobStatus": used.job_status}
    return plain(reply, "Label Already Exists", used.message, elapsed, extra)
