"""A client that shows every step on the wire, where libraries would hide it."""

import base64
import itertools
import json
import secrets
import socket
import time
import urllib.parse

import pymysql

COUNTER = itertools.count()
RUN = secrets.token_hex(4)  # a cluster remembers names and labels for days, and runs of other machines


class Reply:
    """One HTTP response; `continued` tells whether 100 Continue came first."""

    def __init__(self, status, headers, body, continued=False, closed=False):
        self.status, self.headers, self.body = status, headers, body
        self.continued, self.closed = continued, closed

    @property
    def json(self):
        return json.loads(self.body)

    def __getitem__(self, name):
        return self.json[name]


class Wire:
    """One TCP connection that speaks HTTP/1.1 by hand."""

    def __init__(self, address, timeout=30):
        self.socket = socket.create_connection(address, timeout)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self, method, target, headers, version="1.1"):
        lines = [f"{method} {target} HTTP/{version}"]
        lines += [f"{k}: {v}" for k, v in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _fill(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise ConnectionError("closed before an answer")
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(first.split(" ")[1]), headers

    def read_reply(self):
        status, headers = self.read_head()
        continued = False
        if status == 100:
            continued = True
            status, headers = self.read_head()
        length = int(headers.get("content-length", 0))
        while len(self.buffer) < length:
            if not self._fill():
                raise ConnectionError("closed in the middle of an answer")
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Reply(status, headers, body, continued)

    def at_end(self):
        """True if the server closed its side."""
        self.socket.settimeout(5)
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


class Client:
    def __init__(self, fe, mysql, user, password, database, ports):
        self.fe, self.mysql_address = fe, mysql
        self.user, self.password, self.database = user, password, database
        self.ports = ports
        self._mysql = None

    # ---- SQL

    def connect(self, database=None, **options):
        return pymysql.connect(
            host=self.mysql_address[0],
            port=self.mysql_address[1],
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            **options,
        )

    def sql(self, text, database=""):
        """All rows, as the texts of the protocol (None for NULL, bytes for binary)."""
        if self._mysql is None:
            self._mysql = self.connect(conv=pymysql.converters.encoders)
        with self._mysql.cursor() as cursor:
            wanted = self.database if database == "" else database
            if wanted:
                cursor.execute(f"USE `{wanted}`")
            cursor.execute(text)
            self.titles = [d[0] for d in cursor.description or ()]
            return list(cursor.fetchall())

    def close(self):
        if self._mysql is not None:
            self._mysql.close()

    def fresh(self, prefix):
        return f"{prefix}_{RUN}_{next(COUNTER)}"

    # ---- HTTP

    def auth(self):
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def request(
        self,
        method,
        target,
        headers=(),
        body=None,
        address=None,
        auth=True,
        expect=False,
        wait=True,
    ):
        """One request without following redirects; a body behind `Expect` waits for 100 Continue."""
        address = address or self.fe
        wire = Wire(address)
        try:
            sent = {
                "Host": f"{address[0]}:{address[1]}",
                **(self.auth() if auth else {}),
                **dict(headers),
            }
            if expect:
                sent["Expect"] = "100-continue"
            if body is not None and "Transfer-Encoding" not in sent:
                sent.setdefault("Content-Length", str(len(body)))
            wire.head(method, target, sent)
            if body is not None and not expect:
                wire.send(body)
                return wire.read_reply()
            if not expect:
                return wire.read_reply()
            status, received = wire.read_head()
            if status != 100:
                length = int(received.get("content-length", 0))
                while len(wire.buffer) < length and wire._fill():
                    pass
                return Reply(status, received, wire.buffer[:length])
            if body:
                wire.send(body)
            reply = wire.read_reply()
            reply.continued = True
            return reply
        finally:
            wire.close()

    def follow(self, method, target, headers=(), body=None, expect=False):
        """Follows up to two redirects by hand, with the credentials sent again."""
        address = self.fe
        for _ in range(3):
            reply = self.request(method, target, headers, body, address, expect=expect)
            if reply.status != 307:
                return reply
            location = urllib.parse.urlsplit(reply.headers["location"])
            address = (location.hostname, location.port)
            target = location.path + (f"?{location.query}" if location.query else "")
        raise AssertionError("too many redirects")

    def leader(self):
        """The address of the frontend that answers for labels; the one we were given may follow it."""
        reply = self.request("GET", f"/api/{self.database}/get_load_state?label=none")
        if reply.status != 307:
            return self.fe
        location = urllib.parse.urlsplit(reply.headers["location"])
        return location.hostname, location.port

    def load(self, table, body, database=None, **headers):
        """A plain Stream Load; header names with _ as they are."""
        if isinstance(body, str):
            body = body.encode()
        target = f"/api/{database or self.database}/{table}/_stream_load"
        headers = {k: str(v) for k, v in headers.items()}
        headers.setdefault("timezone", "UTC")
        return self.follow("PUT", target, headers, body, expect=True).json

    def txn(self, op, label, table=None, body=None, database=None, **headers):
        sent = {
            "db": database or self.database,
            "label": label,
            **{k: str(v) for k, v in headers.items()},
        }
        if table:
            sent["table"] = table
        if op == "load":
            if isinstance(body, str):
                body = body.encode()
            return self.follow("PUT", "/api/transaction/load", sent, body or b"", expect=True).json
        sent["Content-Length"] = "0"
        return self.follow("POST", f"/api/transaction/{op}", sent).json

    def state(self, label, database=None):
        return self.follow(
            "GET", f"/api/{database or self.database}/get_load_state?label={label}"
        ).json["state"]

    def wait_visible(self, label, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.state(label) == "VISIBLE":
                return
            time.sleep(0.1)
        raise AssertionError(f"{label} is {self.state(label)}, not VISIBLE")

    def rows(self, table, order="1"):
        return self.sql(f"SELECT * FROM {table} ORDER BY {order}")
