"""What stands between millrace and a server, and misbehaves on demand."""

import contextlib
import re
import socket
import threading
import time

from .paths import free_port

CHUNK = 65536


class TcpProxy:
    """Forwards bytes. May refuse, cut what is open, or take bytes and pass nothing on."""

    def __init__(self, target_port: int):
        self.target_port = target_port
        self.connections = 0
        self._hang = threading.Event()
        self._cut_after: int | None = None
        self._swallow = 0
        self._answers: int | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port = free_port()
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            target = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            target.settimeout(None)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open |= {client, target}
        back = threading.Thread(target=self._pump, args=(target, client, False), daemon=True)
        back.start()
        self._pump(client, target, True)
        back.join()
        with self._lock:
            self._open -= {client, target}
        client.close()
        target.close()

    def _pump(self, source: socket.socket, sink: socket.socket, upstream: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if not upstream:
                    self._count_answer()
                while self._hang.is_set():
                    time.sleep(0.02)
                if (upstream and self._spend(len(data))) or (not upstream and self._swallows()):
                    source.shutdown(socket.SHUT_RDWR)
                    break
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _spend(self, size: int) -> bool:
        """True once the bytes towards the server are used up."""
        with self._lock:
            if self._cut_after is None:
                return False
            self._cut_after -= size
            if self._cut_after > 0:
                return False
            self._cut_after = None
            return True

    def _count_answer(self) -> None:
        with self._lock:
            if self._answers is None:
                return
            self._answers -= 1
            if self._answers < 0:
                self._answers = None
                self._hang.set()

    def _swallows(self) -> bool:
        with self._lock:
            if self._swallow == 0:
                return False
            self._swallow -= 1
            return True

    def swallow_answers(self, times: int) -> None:
        """The server's next answers are dropped and their connections end."""
        with self._lock:
            self._swallow = times

    def cut(self) -> None:
        """Breaks every open connection, once."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def cut_after(self, size: int) -> None:
        """Breaks the connection that carries the size-th byte from now on, once."""
        with self._lock:
            self._cut_after = size

    def hang(self, on: bool = True) -> None:
        (self._hang.set if on else self._hang.clear)()

    @property
    def hangs(self) -> bool:
        return self._hang.is_set()

    def hang_after_answers(self, count: int) -> None:
        """Hangs once the server has answered so many times more."""
        with self._lock:
            self._answers = count

    def refuse(self) -> None:
        """Connections are refused from now on, and the open ones break."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def admit(self) -> None:
        """Ends refuse, on the same port."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._serve()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.refuse()


class FrontendProxy:
    """A frontend that answers 500 as often as told, and may send loads to another backend port.

    One request a connection, as StarRocks' own frontends answer a load.
    """

    def __init__(self, frontend_port: int, backend_map: dict[int, int] | None = None):
        self.frontend_port = frontend_port
        self.backend_map = backend_map or {}
        self.failures_left = 0
        self.failures_served = 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail_next(self, times: int) -> None:
        with self._lock:
            self.failures_left = times

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = self._read_head(client)
            if not head:
                return
            with self._lock:
                fail = self.failures_left > 0
                if fail:
                    self.failures_left -= 1
                    self.failures_served += 1
            client.sendall(self._failure() if fail else self._forward(head))

    @staticmethod
    def _read_head(client: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(CHUNK)
            if not data:
                return b""
            head += data
        return head

    @staticmethod
    def _failure() -> bytes:
        body = b'{"status":"FAILED","code":"1","msg":"java.lang.NullPointerException"}'
        return (b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    def _forward(self, head: bytes) -> bytes:
        head = re.sub(rb"\r\nconnection:[^\r]*", b"", head, flags=re.I)
        head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        with socket.create_connection(("127.0.0.1", self.frontend_port), timeout=10) as frontend:
            frontend.sendall(head)
            answer = b""
            while data := frontend.recv(CHUNK):
                answer += data
        for real, shown in self.backend_map.items():
            answer = re.sub(rb"(\r\n[Ll]ocation: http://[^:/\r]+):%d/" % real,
                            rb"\1:%d/" % shown, answer)
        if b"connection: close" not in answer.lower():
            answer = answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        return answer

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
