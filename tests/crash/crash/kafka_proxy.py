"""Stands between one member and the broker, and does to single requests what networks do.

All state belongs to the proxy's event loop; other threads use the methods of the class.
"""

import asyncio
import contextlib
import dataclasses
import struct
import threading
from collections.abc import Callable, Coroutine

from .frames import OFFSET_COMMIT, OffsetCommit, Request, Unreadable, commit_errors, with_address
from .frames import with_length

FRAME_MAX = 64 << 20
ANSWER_SECONDS = 10
ACTIONS = ("cut_before", "cut_after", "drop_answer", "delay", "delay_answer", "hold", "copy", "refuse_one")


@dataclasses.dataclass
class Rule:
    """What happens to requests of one kind: `count` times after `skip` ones (None: always).

    cut_before, cut_after: the connection breaks, the broker never saw it or did it unanswered.
    drop_answer: done, and the client waits in vain. delay, delay_answer: `seconds`.
    hold: kept from the broker until release(). copy: passed on as it is. refuse_one: the broker
    refuses one partition (`pick`, counted around) of an offset commit of two or more, the same each time.
    `frames` are the requests that it met, as they came; `errors` what the broker answered to those that
    are offset commits, and `taken` the ones in which it refused nothing.
    """

    api: int
    action: str
    count: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    pick: int = 0
    seen: int = 0
    hits: int = 0
    answered: int = 0
    frames: list[bytes] = dataclasses.field(default_factory=list)
    held: list[tuple["Connection", Request]] = dataclasses.field(default_factory=list)
    errors: list[dict[int, int]] = dataclasses.field(default_factory=list)
    taken: list[bytes] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.action in ACTIONS, self.action

    def bites(self, request: Request) -> bool:
        if request.api != self.api or (self.count is not None and self.hits >= self.count):
            return False
        if self.action == "refuse_one" and len(OffsetCommit.read(request.frame).partitions) < 2:
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.hits += 1
        return True

    def note_answer(self, request: Request, errors: dict[int, int]) -> None:
        self.errors.append(errors)
        if not any(errors.values()):
            self.taken.append(request.frame)


class Loop:
    """An event loop on a thread of its own, for all proxies of a slot."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine, timeout_s: float = 30):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def call(self, function: Callable, *arguments: object):
        async def once():
            return function(*arguments)

        return self.run(once())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)


class Connection:
    """One client connection with its own connection to the broker."""

    def __init__(self, proxy: "KafkaProxy", reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.broker_writer: asyncio.StreamWriter | None = None
        self.is_cut = False
        self.waiting: dict[int, tuple[Request, Rule | None]] = {}

    async def serve(self) -> None:
        try:
            broker_reader, self.broker_writer = await asyncio.open_connection(
                "127.0.0.1", self.proxy.broker_port, limit=1 << 20)
        except OSError:
            self.cut()
            return
        pumps = [asyncio.create_task(self._requests()),
                 asyncio.create_task(self._answers(broker_reader))]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in done:
                self.proxy.note_failure(pump.exception())
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.cut()

    def cut(self) -> None:
        self.is_cut = True
        for writer in (self.writer, self.broker_writer):
            if writer is not None:
                writer.transport.abort()

    async def _requests(self) -> None:
        while True:
            request = Request.read(await read_frame(self.reader))
            await self.proxy.pass_gate(request.api)
            if self.is_cut:
                return  # what stood at a gate is lost with its connection
            self.proxy.passed[request.api] = self.proxy.passed.get(request.api, 0) + 1
            rule = self.proxy.rule_for(request)
            if rule is None or not await self._before(request, rule):
                await self._forward(request, rule, request.frame)

    async def _before(self, request: Request, rule: Rule) -> bool:
        """What a rule does instead of passing the request on; False: it is to be passed on."""
        rule.frames.append(request.frame)
        if rule.action in ("hold", "copy"):
            if rule.action == "hold":
                rule.held.append((self, request))
            return rule.action == "hold"
        if rule.action == "cut_before":
            self.cut()
            return True
        if rule.action == "delay":
            await asyncio.sleep(rule.seconds)
        if rule.action == "refuse_one":
            commit = OffsetCommit.read(request.frame)
            numbers = sorted(one.partition for one in commit.partitions)
            refused = numbers[rule.pick % len(numbers)]
            await self._forward(request, rule, commit.with_one_refused(refused).frame())
            return True
        return False

    async def release(self, request: Request, rule: Rule, frame: bytes) -> None:
        """A request that was held goes its way after all, perhaps changed."""
        await self._forward(request, rule, frame)

    async def _forward(self, request: Request, rule: Rule | None, frame: bytes) -> None:
        self.waiting[request.correlation] = (request, rule)
        self.broker_writer.write(with_length(frame))
        await self.broker_writer.drain()

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        while True:
            frame = await read_frame(reader)
            correlation = struct.unpack_from(">i", frame)[0]
            request, rule = self.waiting.pop(correlation, (None, None))
            if request is None:
                raise Unreadable(f"an answer to a request {correlation} that was never sent")
            if rule:
                rule.answered += 1
            if rule and rule.api == OFFSET_COMMIT:
                rule.note_answer(request, commit_errors(frame, request.version))
            if rule and rule.action == "cut_after":
                self.cut()
                return
            if rule and rule.action == "drop_answer":
                continue
            if rule and rule.action == "delay_answer":
                await asyncio.sleep(rule.seconds)
            self.writer.write(with_length(
                with_address(frame, request.api, self.proxy.broker_port, self.proxy.port)))
            await self.writer.drain()


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    size = struct.unpack(">i", await reader.readexactly(4))[0]
    if not 0 <= size <= FRAME_MAX:
        raise Unreadable(f"a frame of {size} bytes")
    return await reader.readexactly(size)


class KafkaProxy:
    def __init__(self, loop: Loop, broker_port: int):
        self.loop, self.broker_port = loop, broker_port
        self.passed: dict[int, int] = {}
        self.stopped: dict[int, int] = {}  # by a gate
        self.failures: list[str] = []
        self._rules: list[Rule] = []
        self._gates: dict[int, asyncio.Event] = {}
        self._open: set[Connection] = set()
        self._server = loop.run(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20))
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)

    def note_failure(self, error: BaseException | None) -> None:
        """Ends of connections are what happens here; anything else is the proxy's own mistake."""
        if error and not isinstance(error, (OSError, asyncio.IncompleteReadError)):
            self.failures.append(f"{type(error).__name__}: {error}")

    def rule_for(self, request: Request) -> Rule | None:
        return next((rule for rule in self._rules if rule.bites(request)), None)

    async def pass_gate(self, api: int) -> None:
        gate = self._gates.get(api)
        if gate is not None:
            self.stopped[api] = self.stopped.get(api, 0) + 1
            await gate.wait()

    # ---- from other threads ----

    def arm(self, rule: Rule) -> Rule:
        self.loop.call(self._rules.append, rule)
        return rule

    def clear(self) -> None:
        """No rules, no closed gates; what is held stays with its rule."""
        def clear() -> None:
            self._rules.clear()
            for gate in self._gates.values():
                gate.set()
            self._gates.clear()

        self.loop.call(clear)

    def shut_gate(self, api: int) -> None:
        """Requests of this kind wait here, and what stands behind them on their connections, until
        clear()."""
        self.loop.call(lambda: self._gates.setdefault(api, asyncio.Event()))

    def let_go(self, rule: Rule) -> None:
        """What the rule holds goes on, and nothing is held any more."""
        self.clear()
        self.release(rule)

    def release(self, rule: Rule, change: Callable[[bytes], bytes] = lambda frame: frame) -> None:
        """What the rule holds goes on, on its own connection, where its answer goes too; what has none
        any more is lost."""
        async def release() -> None:
            for connection, request in rule.held:
                if not connection.is_cut:
                    await connection.release(request, rule, change(request.frame))
            rule.held.clear()

        self.loop.run(release())

    def cut(self) -> int:
        """Breaks every connection; how many there were."""
        def cut() -> int:
            for connection in self._open:
                connection.cut()
            return len(self._open)

        return self.loop.call(cut)

    def deliver_commit(self, frame: bytes) -> dict[int, int]:
        """Sends an offset commit on a connection of its own; partition → error code."""
        return self.loop.run(deliver_commit(self.broker_port, frame), ANSWER_SECONDS + 1)

    def close(self) -> None:
        async def close() -> None:
            self._server.close()
            for connection in list(self._open):
                connection.cut()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 2)

        self.clear()
        self.loop.run(close())


async def deliver_commit(broker_port: int, frame: bytes) -> dict[int, int]:
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", broker_port)
        try:
            writer.write(with_length(frame))
            await writer.drain()
            return commit_errors(await read_frame(reader), Request.read(frame).version)
        finally:
            writer.close()
