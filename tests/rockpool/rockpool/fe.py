"""A frontend's HTTP port: it checks, redirects, and owns labels and multi-table transactions."""

import asyncio

from rockpool.answers import (
    LOCK_TIMEOUT,
    Refused,
    Thrown,
    already,
    closing,
    no_insert,
    ok_a,
    redirect,
    shape_a,
    shape_b,
)
from rockpool.auth import parse_basic
from rockpool.errors import LoadError, SqlError
from rockpool.faults import Call, settle
from rockpool.http11 import Disconnected, Drop, Response
from rockpool.leader import OPEN
from rockpool.load import params
from rockpool.multi import Multi
from rockpool.txn import PREPARE, PREPARED, UNKNOWN

COMMIT_WAIT_SECONDS = 20
DDL_EXCEPTION = "class com.starrocks.common.DdlException: "
OPS = ("begin", "load", "prepare", "commit", "rollback")


class Frontend:
    def __init__(self, cluster):
        self.cluster = cluster
        self.multi = Multi(cluster)
        self.port = 0
        self.server = None

    @property
    def is_leader(self):
        return self.cluster.leader.frontend is self

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
            return await self._with_user(request, "get_load_state", self._load_state, parts[1])
        if (
            request.method == "GET"
            and len(parts) == 3
            and parts[0] == "api"
            and parts[2] == "_load_info"
        ):
            return shape_a("rockpool does not implement _load_info (broker load jobs)")
        if (
            request.method == "POST"
            and len(parts) in (3, 4)
            and parts[0] == "api"
            and parts[-1] == "_cancel"
        ):
            return await self._with_user(request, "cancel", self._cancel, parts[1])
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

    async def _with_user(self, request, operation, function, database):
        if self._user(request) is None:
            return self._denied(request)
        if not self.is_leader:
            return redirect(request, self.cluster.leader.frontend.port)
        await self._skip_body(request)
        label = request.query.get("label", "")
        call = request.call = Call(self.cluster, operation, "fe", database, label)
        await call.at("before")
        response = await self._run(function, request, database)
        await call.at("after")
        return response

    # ---- plain loads

    def _stream_load(self, request, database, table):
        user = self._user(request)
        if user is None:
            return self._denied(request)
        expect = request.headers.get("expect", "").lower()
        if request.version != "1.0" and expect != "100-continue":
            return closing(shape_b("FAILED", DDL_EXCEPTION + "There is no 100-continue header"))
        if not database:
            return closing(shape_b("FAILED", DDL_EXCEPTION + "No database selected."))
        if not table:
            return closing(shape_b("FAILED", DDL_EXCEPTION + "No table selected."))
        if not user.may("insert"):
            return self._denied(request, no_insert(table))
        return redirect(request, self.cluster.leader.next_backend().port)

    # ---- the fate of a label

    def _load_state(self, request, database):
        label = request.query.get("label", "")
        if not label:
            return shape_a("No label selected.")
        if database not in self.cluster.engine.databases:
            return shape_a(f"unknown database, database={database}")
        state, reason = self.cluster.txns.state(database, label)
        if state != UNKNOWN and self._hides(request.call):
            state, reason = UNKNOWN, ""
        return ok_a(state=state, reason=reason)

    def _hides(self, call):
        """Whether an armed fault hides this label's transaction from get_load_state."""
        is_open = call.task is not None and call.task.state in OPEN
        return (is_open and call.take("open_multi")) or call.take("state")

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
        return ok_a()

    # ---- transactions

    async def _transaction(self, request, op):
        user = self._user(request)
        if user is None:
            return self._denied(request)
        if not self.is_leader:
            return redirect(request, self.cluster.leader.frontend.port)
        if op != "load":
            await self._skip_body(request)
        names = [request.headers.get(n, "") for n in ("db", "label", "table")]
        call = request.call = Call(self.cluster, op, "fe", *names, self._is_multi(request))
        acts = await self._run(self._acts, call)
        response = await call.at("before") if acts else None
        if response is None:
            response = await self._run(self._answer, request, op, user)
        if call.committed and not call.multi:
            response = await self._after_wait(request, response)
        if acts:
            await call.at("after")
        response.close = response.close or op == "load"
        return response

    def _is_multi(self, request):
        return bool(self.cluster.version.has_multi and request.headers.get("transaction_type"))

    def _acts(self, call):
        """Whether this frontend does the operation itself; else it answers 307."""
        if call.multi:
            return call.operation != "load"
        txn = self.cluster.txns.find(call.database, call.label)
        ends = call.operation in ("commit", "rollback")
        return ends and (txn is None or txn["state"] != PREPARE)

    async def _after_wait(self, request, response):
        """A commit of a PREPARED transaction waits for its publish, but not for ever."""
        seconds = params.timeout(request.headers, COMMIT_WAIT_SECONDS)
        if await request.call.wait_published(seconds):
            return response
        return shape_b("FAILED", str(Thrown(f"publish timeout: {seconds * 1000}")))

    def _answer(self, request, op, user):
        try:
            headers = request.headers
            database, label = headers.get("db", ""), headers.get("label", "")
            if not database:
                raise Thrown("No database selected.")
            if not label:
                raise Thrown("Empty label.")
            kind = headers.get("transaction_type", "") if request.call.multi else ""
            if headers.get("channel_id") or headers.get("channel_num"):
                raise Refused("rockpool does not implement parallel channels")
            if kind and kind.lower() != "multi":
                raise Refused(f"Invalid transaction_type: {kind}")
            if kind:
                table = self._table(request, database, user) if op == "load" else ""
                return getattr(self.multi, op)(request, database, label, table)
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
            raise Refused(no_insert(table))
        return table

    def _single_begin(self, request, database, label, user):
        table = self._table(request, database, user)
        self.cluster.load_table(database, table)
        backend = self.cluster.leader.next_backend()
        self.cluster.leader.coordinators[label] = backend  # whoever held that label before
        return redirect(request, backend.port)

    def _single_load(self, request, database, label, user):
        self._table(request, database, user)
        return redirect(request, self._coordinator(database, label).port)

    def _coordinator(self, database, label):
        known = self.cluster.leader.coordinators.get(label)
        if known is not None:
            return known
        txn = self.cluster.txns.find(database, label)
        for backend in self.cluster.backends:
            if txn is not None and backend._name() == txn["coordinator"]:
                return backend
        raise Thrown(
            f"Can't find the transaction with db [{database}] and label[{label}]. The possible reasons: 1. FE leader "
            "is started or switched; 2. The transaction timeouts and is cleaned."
        )

    def _single_prepare(self, request, database, label, user):
        return redirect(request, self._coordinator(database, label).port)

    def _single_commit(self, request, database, label, user):
        txn = self._known(database, label)
        params.timeout(request.headers)
        if txn["state"] == PREPARE:
            return redirect(request, self._coordinator(database, label).port)
        if txn["state"] == PREPARED:
            if request.call.take("decide"):
                raise Thrown(LOCK_TIMEOUT.format(database))
            commit = self.cluster.txns.commit_prepared
            settle(request.call, txn, lambda after: commit(txn, after))
            return shape_b("OK", "", TxnId=txn["id"], Label=label)
        if txn["state"] == "ABORTED":
            raise Thrown(f"Can not commit ABORTED transaction {txn['id']}, label is {label}")
        return already(txn, "committed")

    def _single_rollback(self, request, database, label, user):
        txn = self._known(database, label)
        if txn["state"] == PREPARE:
            return redirect(request, self._coordinator(database, label).port)
        if txn["state"] == PREPARED:
            self.cluster.txns.abort(txn, "User Abort")
            return shape_b("OK", "", TxnId=txn["id"], Label=label)
        if txn["state"] == "ABORTED":
            return already(txn, "aborted")
        raise Thrown(f"Can not abort {txn['state']} transaction {txn['id']}, label is {label}")

    def _known(self, database, label):
        txn = self.cluster.txns.find(database, label)
        if txn is None:
            raise Thrown(f"No transaction found with db[{database}] and label[{label}]")
        return txn
