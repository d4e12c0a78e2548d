"""The helpers do what the tests rely on: a fault that does not happen would prove nothing."""

import contextlib
import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import events, oracle
from harness.broker import Broker, Produced
from harness.proxy import FrontendProxy, TcpProxy
from harness.wait import stays, until


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client:
            while data := client.recv(4096):
                client.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def exchange(port: int, data: bytes) -> bytes:
    """What comes back, b"" when the connection ends without an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
        client.sendall(data)
        return client.recv(4096)


def test_the_proxy_forwards_both_ways(echo_port: int) -> None:
    assert exchange(TcpProxy(echo_port).port, b"hello") == b"hello"


def test_the_proxy_cuts_at_the_byte_it_was_told_once(echo_port: int) -> None:
    proxy = TcpProxy(echo_port)
    proxy.cut_after(3)
    with contextlib.suppress(ConnectionResetError):
        assert exchange(proxy.port, b"hello") == b""
    assert exchange(proxy.port, b"hello") == b"hello"


def test_the_proxy_swallows_answers(echo_port: int) -> None:
    proxy = TcpProxy(echo_port)
    proxy.swallow_answers(1)
    with contextlib.suppress(ConnectionResetError):
        assert exchange(proxy.port, b"hello") == b""
    assert exchange(proxy.port, b"hello") == b"hello"


def test_the_proxy_refuses_and_admits_again(echo_port: int) -> None:
    proxy = TcpProxy(echo_port)
    proxy.refuse()
    with pytest.raises(OSError):
        exchange(proxy.port, b"hello")
    proxy.admit()
    assert exchange(proxy.port, b"hello") == b"hello"


def test_the_proxy_hangs(echo_port: int) -> None:
    proxy = TcpProxy(echo_port)
    proxy.hang()
    with pytest.raises(TimeoutError):
        exchange(proxy.port, b"hello")
    proxy.hang(False)
    assert exchange(proxy.port, b"hello") == b"hello"


def test_the_frontend_proxy_fails_as_often_as_told_and_maps_the_backend() -> None:
    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:1111/api/d/t/_stream_load")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = FrontendProxy(server.server_port, {1111: 2222})
    proxy.fail_next(1)
    replies = []
    for _ in range(2):
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        client.request("PUT", "/api/d/t/_stream_load")
        reply = client.getresponse()
        replies.append((reply.status, reply.getheader("Location")))
        client.close()
    server.shutdown()
    assert replies == [(500, None), (307, "http://127.0.0.1:2222/api/d/t/_stream_load")]


def test_the_oracle_sums_to_the_cent_by_utc_minute(tmp_path: Path) -> None:
    sent = [events.order(1, amount="0.10", at="2026-02-02T10:00:59.999Z"),
            events.order(2, amount="0.20", at="2026-02-02T11:00:00.000+01:00", items=3),
            events.order(3, amount="5.00", at="2026-02-02T10:01:00Z")]
    produced = [Produced(0, i, b"k", events.encode(e)) for i, e in enumerate(sent)]
    rows = oracle.orders_by_minute(oracle.orders(produced, tmp_path))
    assert [(str(r[0]), *map(str, r[3:])) for r in rows] == [
        ("2026-02-02 10:00:00", "2", "0.30", "0.10", "0.20", "4", "2"),
        ("2026-02-02 10:01:00", "1", "5.00", "5.00", "5.00", "1", "1")]


def test_produced_records_lie_where_the_broker_said(kafka: Broker, name: str) -> None:
    kafka.create_topic(name, 2)
    produced = kafka.produce_records(name, [(0, b"a", b"1"), (1, None, b""), (0, b"c", None)])
    assert [(p.partition, p.offset) for p in produced] == [(0, 0), (1, 0), (0, 1)]
    assert kafka.committed("nobody", name, 2) == [-1001, -1001]


def test_waiting_ends_and_says_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match="last seen: 7"):
        until("eight", lambda: 7, lambda seen: seen == 8, timeout_s=0.2)
    with pytest.raises(AssertionError, match="did not stay"):
        stays("true", lambda: False, for_s=0.1)


def test_a_broker_that_cannot_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = Broker(tmp_path / "kafka", taken.getsockname()[1])
        with pytest.raises(AssertionError, match="(?s)last lines of.*Address already in use"):
            broker.start()
    assert not (tmp_path / "kafka" / "pid").exists()
