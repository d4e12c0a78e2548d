"""A small HTTP/1.1 server on h11: the handler decides when (and whether) the body is read.

That is what StarRocks needs and larger frameworks hide: a frontend answers 307 before any body
byte and closes; a backend sends `100 Continue` only after its header checks passed.
"""

import asyncio
import json
import traceback
import urllib.parse

import h11

LINGER_SECONDS = 2.0
CHUNK = 1 << 18


class Disconnected(Exception):
    """The client went away in the middle of its request; `received` bytes of the body had come."""

    def __init__(self, received):
        super().__init__("connection closed by the client")
        self.received = received


class Request:
    def __init__(self, connection, event):
        self.connection = connection
        self.method = event.method.decode()
        self.target = event.target.decode("latin-1")
        self.path, _, query = self.target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = {k.decode("latin-1"): _text(v) for k, v in event.headers}
        self.version = event.http_version.decode()

    def parts(self):
        return [urllib.parse.unquote(p) for p in self.path.split("/")[1:]]

    @property
    def content_length(self):
        value = self.headers.get("content-length")
        return int(value) if value is not None else None

    @property
    def chunked(self):
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    async def body(self):
        return await self.connection.read_body()


def _text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Response:
    def __init__(self, status, body=b"", headers=(), content_type="application/json", close=False):
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.headers = list(headers)
        self.content_type = content_type
        self.close = close


class Drop(Exception):
    """The handler wants the connection closed without an answer."""


def pretty(values, close=False):
    return Response(200, json.dumps(values, indent=4, ensure_ascii=False), close=close)


class Connection:
    """One accepted socket; requests are served one after another."""

    def __init__(self, reader, writer, handler):
        self.reader, self.writer, self.handler = reader, writer, handler
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)

    async def run(self):
        try:
            while await self._serve_one():
                pass
        except (ConnectionError, h11.RemoteProtocolError, Drop, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    async def _event(self):
        while True:
            event = self.h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self.reader.read(CHUNK)
            self.h11.receive_data(data)

    async def _serve_one(self):
        event = await self._event()
        if not isinstance(event, h11.Request):
            return False
        try:
            response = await self.handler(Request(self, event))
        except (Disconnected, Drop):
            return False
        except Exception:  # the request fails, the server goes on; the trace says why
            traceback.print_exc()
            response = Response(500, "Internal Server Error", content_type="text/plain", close=True)
        await self._send(response)
        if response.close or not await self._finish_request():
            await self._linger()
            return False
        self.h11.start_next_cycle()
        return True

    async def _finish_request(self):
        """True if the request was read to its end and the connection may be used again."""
        if self.h11.their_state is h11.DONE and self.h11.our_state is h11.DONE:
            return True
        if self.h11.their_state is h11.SEND_BODY and self.h11.our_state is h11.DONE:
            waiting = self.h11.they_are_waiting_for_100_continue
            return not waiting and isinstance(self.h11.next_event(), h11.EndOfMessage)
        return False

    async def read_body(self):
        chunks, received = [], 0
        try:
            if self.h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                self.writer.write(self.h11.send(go_on))
                await self.writer.drain()
            while True:
                event = await self._event()
                if isinstance(event, h11.Data):
                    chunks.append(bytes(event.data))
                    received += len(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return b"".join(chunks)
                else:
                    break
        except (h11.RemoteProtocolError, ConnectionError):
            pass
        raise Disconnected(b"".join(chunks))

    async def _send(self, response):
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
        ]
        headers += response.headers
        if response.close:
            headers.append(("Connection", "close"))
        self.writer.write(self.h11.send(h11.Response(status_code=response.status, headers=headers)))
        if response.body:
            self.writer.write(self.h11.send(h11.Data(data=response.body)))
        end = self.h11.send(h11.EndOfMessage())
        if end:
            self.writer.write(end)
        await self.writer.drain()

    async def _linger(self):
        """Lets the client read the answer before the socket goes; unread bytes would reset it."""
        try:
            if self.writer.can_write_eof():
                self.writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await self.reader.read(CHUNK):
                    pass
        except (TimeoutError, ConnectionError, OSError):
            pass


class Server:
    def __init__(self, handler, host="127.0.0.1", port=0):
        self.handler, self.host, self.port = handler, host, port
        self.server = None
        self.reopening = None
        self.writers = set()

    async def start(self):
        await self._listen()
        self.port = self.server.sockets[0].getsockname()[1]

    async def _listen(self):
        self.server = await asyncio.start_server(self._accept, self.host, self.port, limit=1 << 20)

    async def _accept(self, reader, writer):
        self.writers.add(writer)
        try:
            await Connection(reader, writer, self.handler).run()
        finally:
            self.writers.discard(writer)

    def _cut(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def bounce(self, seconds):
        """Cuts all connections, as a restart does; nobody listens for `seconds`."""
        self._cut()
        if self.reopening is not None:
            self.reopening.cancel()
        elif seconds:
            self.server.close()
        if seconds or self.reopening is not None:
            self.reopening = asyncio.create_task(self._reopen(seconds))

    async def _reopen(self, seconds):
        await asyncio.sleep(seconds)
        self.reopening = None
        await self._listen()

    async def stop(self):
        if self.reopening is not None:
            self.reopening.cancel()
        self.server.close()
        self._cut()
