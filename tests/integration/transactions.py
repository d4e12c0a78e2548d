"""The load client's transactions over several tables: a program that makes the calls, a server, what is
visible of a unit, and faults of its label."""

import http.client
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.paths import MILLRACE
from harness.starrocks import Rockpool

DATABASE = "txn"
DRIVER = MILLRACE.parent / "tests" / "txn_driver"
_numbers = itertools.count(1)


class Driver:
    """The program that makes the calls; it can be killed between two of them."""

    def __init__(self, fe: str):
        self.process = subprocess.Popen([DRIVER, fe, DATABASE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def call(self, *words: object) -> tuple[str, str]:
        """(outcome, answer)"""
        return self.ask(*words)[:2]

    def ask(self, *words: object) -> tuple[str, ...]:
        """(outcome, answer, cause, rows in all, loaded, filtered, "open" or "closed", ErrorURL)"""
        print(*words, file=self.process.stdin, flush=True)
        return tuple(self.process.stdout.readline().rstrip("\n").split("\t"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rockpool]:
    pool = Rockpool(tmp_path_factory.mktemp("rockpool"), "--followers", "1", "--tick", "0.2")
    pool.start()
    make_tables(pool)
    yield pool
    pool.stop()


def make_tables(pool: Rockpool) -> None:
    one = 'PROPERTIES ("replication_num"="1")'
    pool.sql(f"CREATE DATABASE {DATABASE}")
    for statement in (
        "CREATE TABLE detail (unit VARCHAR(64) NOT NULL, amount INT NOT NULL) "
        "DUPLICATE KEY(unit) DISTRIBUTED BY HASH(unit)",
        "CREATE TABLE rollup (unit VARCHAR(64) NOT NULL, total BIGINT SUM) "
        "AGGREGATE KEY(unit) DISTRIBUTED BY HASH(unit)",
        "CREATE TABLE ledger (unit VARCHAR(64) NOT NULL, `end` BIGINT NOT NULL) "
        "PRIMARY KEY(unit) DISTRIBUTED BY HASH(unit)",
    ):
        pool.sql(f"{statement} {one}", DATABASE)


@pytest.fixture
def start() -> Iterator[Callable[[str], Driver]]:
    started = []

    def begin(fe: str) -> Driver:
        started.append(Driver(fe))
        return started[-1]

    yield begin
    for driver in started:
        driver.kill()


@pytest.fixture
def driver(server: Rockpool, start: Callable[[str], Driver]) -> Driver:
    return start(server.fe)


@pytest.fixture
def label() -> str:
    return f"demo-k7-{next(_numbers)}"


def load_all(driver: Driver, label: str) -> None:
    """A unit: three detail rows, their sum, and the ledger row, in one transaction."""
    assert driver.call("begin", label, 60) == ("done", "accepted")
    for table, columns, rows in (
        ("detail", "`unit`,`amount`", f"{label},1;{label},2;{label},4;"),
        ("rollup", "`unit`,`total`", f"{label},7;"),
        ("ledger", "`unit`,`end`", f"{label},3;"),
    ):
        assert driver.call("load", label, table, columns, rows) == ("done", "accepted"), table


def visible(server: Rockpool, label: str) -> tuple:
    """(detail rows, their sum, the rollup's total, the ledger's end) of a unit."""
    where = f"FROM {{}} WHERE unit = '{label}'"
    count, total = server.sql(f"SELECT COUNT(*), SUM(amount) {where.format('detail')}", DATABASE)[0]
    other = server.sql(f"SELECT SUM(total) {where.format('rollup')}", DATABASE)[0][0]
    end = server.sql(f"SELECT MAX(`end`) {where.format('ledger')}", DATABASE)[0][0]
    return tuple(None if v is None else int(v) for v in (count, total, other, end))


ALL, NONE = (3, 7, 7, 3), (0, None, None, None)


def restart(pool: Rockpool) -> None:
    pool.kill()
    pool.start()


def admin(server: Rockpool, method: str, path: str, values: object = None) -> list[dict]:
    port = http.client.HTTPConnection("127.0.0.1", server.ports["admin"], timeout=10)
    port.request(method, path, body=b"" if values is None else json.dumps(values).encode())
    reply = port.getresponse()
    text = reply.read()
    port.close()
    assert reply.status == 200, text
    return json.loads(text)


@pytest.fixture
def arm(server: Rockpool, label: str) -> Iterator[Callable[..., None]]:
    """Arms faults for the test's label; each must have happened by the end of the test."""
    armed = []

    def one(fault: str, operation: str, times: int = 1, **rest: object) -> None:
        asked = {"fault": fault, "operation": operation, "count": times, "label": label, **rest}
        armed.append((admin(server, "POST", "/faults", asked)[0]["id"], times))

    yield one
    hits = {fault["id"]: fault["hits"] for fault in admin(server, "GET", "/faults")}
    admin(server, "DELETE", "/faults")
    assert {number: hits[number] for number, _ in armed} == dict(armed)
