"""rockpool as a process, or the cluster that STARROCKS_FE and STARROCKS_MYSQL name."""

import base64
import http.client
import json
import signal
import subprocess
import sys
import urllib.parse
from decimal import Decimal
from pathlib import Path

import pymysql

from .paths import ROOT, free_port
from .wait import until

NODES = ("fe", "be", "mysql", "admin")


class Rockpool:
    """Its ports stay the same over a restart, and so does its data."""

    def __init__(self, folder: Path, *options: str):
        self.folder = folder
        self.options = list(options)
        self.user, self.password = "root", ""
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        port_file = self.folder / "ports.json"
        port_file.unlink(missing_ok=True)
        if not self.ports:
            self.ports = {name: free_port() for name in NODES}
        listen = [f"--{name}-port={self.ports[name]}" for name in NODES]
        log = open(self.folder / "rockpool.log", "ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rockpool", "--data", str(self.folder / "data"),
             "--port-file", str(port_file), *listen, *self.options],
            cwd=ROOT / "tests" / "rockpool", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        log.close()
        self.ports = until("rockpool's ports", lambda: self._read_ports(port_file))

    def _read_ports(self, port_file: Path) -> dict[str, int]:
        assert self._process.poll() is None, (self.folder / "rockpool.log").read_text()[-2000:]
        return json.loads(port_file.read_text())

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    @property
    def fe(self) -> str:
        return f"http://127.0.0.1:{self.ports['fe']}"

    @property
    def mysql(self) -> str:
        return f"127.0.0.1:{self.ports['mysql']}"

    def sql(self, statement: str, database: str | None = None) -> list[tuple]:
        connection = pymysql.connect(
            host="127.0.0.1", port=self.ports["mysql"], user=self.user, password=self.password,
            database=database, connect_timeout=5, read_timeout=20, charset="utf8mb4",
            autocommit=True,
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def one(self, statement: str, database: str | None = None) -> object:
        """The single value of a query."""
        return self.sql(statement, database)[0][0]


def number(value: object) -> Decimal:
    """A number of a result, whatever type the client made of it."""
    return Decimal(str(value)).normalize() if value is not None else None


def stream_load(server: Rockpool, database: str, table: str, label: str, rows: str,
                columns: str) -> dict:
    """One CSV load by somebody else: comma-separated, asked at the frontend, sent to the backend."""
    authorization = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    headers = {"Authorization": f"Basic {authorization}", "Expect": "100-continue",
               "label": label, "column_separator": ",", "columns": columns, "timezone": "UTC"}
    path = f"/api/{database}/{table}/_stream_load"
    frontend = http.client.HTTPConnection("127.0.0.1", server.ports["fe"], timeout=10)
    frontend.request("PUT", path, headers={**headers, "Content-Length": "0"})
    reply = frontend.getresponse()
    assert reply.status == 307, reply.read()
    backend = urllib.parse.urlsplit(reply.getheader("Location"))
    frontend.close()
    headers.pop("Expect")
    loader = http.client.HTTPConnection(backend.hostname, backend.port, timeout=20)
    loader.request("PUT", path, body=rows.encode(), headers=headers)
    answer = json.loads(loader.getresponse().read())
    loader.close()
    return answer
