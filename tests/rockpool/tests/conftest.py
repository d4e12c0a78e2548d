"""Fixtures: one stand-in for the session, or a real cluster named by the environment."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pymysql
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from wire import Client  # noqa: E402

HOME = pathlib.Path(__file__).resolve().parent.parent
REAL = os.environ.get("STARROCKS_FE")
DATABASE = f"rockpool_test_{os.getpid()}"


class Rockpool:
    """A stand-in process on a data directory; it can be killed and started again."""

    def __init__(self, data, *options):
        self.data, self.options = pathlib.Path(data), options
        self.process = None
        self.start()

    def start(self):
        port_file = self.data / "ports.json"
        port_file.unlink(missing_ok=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "rockpool", "--data", str(self.data / "state"), "--port-file", str(port_file)]
        self.log = open(self.data / "rockpool.log", "a")
        self.process = subprocess.Popen(
            command + list(self.options), cwd=HOME, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        while not port_file.exists():
            assert self.process.poll() is None, (self.data / "rockpool.log").read_text()
            assert time.monotonic() - began < 30, "the stand-in did not start"
            time.sleep(0.02)
        self.seconds_to_start = time.monotonic() - began
        self.ports = json.loads(port_file.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.log.close()

    def client(self, user="root", password="", database=DATABASE):
        return Client(
            ("127.0.0.1", self.ports["fe"]), ("127.0.0.1", self.ports["mysql"]), user, password, database, self.ports
        )


def real_client():
    host, _, port = REAL.removeprefix("http://").partition(":")
    mysql_host, _, mysql_port = os.environ["STARROCKS_MYSQL"].partition(":")
    return Client(
        (host, int(port or 8030)), (mysql_host, int(mysql_port or 9030)), os.environ["STARROCKS_USER"],
        os.environ.get("STARROCKS_PASSWORD", ""), DATABASE, None,
    )  # fmt: skip


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """The stand-in of the session (None against a real cluster)."""
    if REAL:
        yield None
        return
    pool = Rockpool(tmp_path_factory.mktemp("rockpool"), "--followers", "1", "--tick", "0.2",
                    "--add-user", "reader:secret:select", "--add-user", "writer:pass word:insert")  # fmt: skip
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def cluster(shared):
    """A client of the server under test, with a database of its own."""
    client = real_client() if REAL else shared.client()
    client.sql(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`", database=None)
    yield client
    if REAL:
        client.sql(f"DROP DATABASE `{DATABASE}`", database=None)
    client.close()


@pytest.fixture
def standin(shared):
    """For statements that a test can bring about only on the stand-in."""
    if shared is None:
        pytest.skip("needs the stand-in: a real cluster is named by STARROCKS_FE")
    return shared


@pytest.fixture
def own(tmp_path, request):
    """A stand-in of the test's own, for restarts and small limits: own(option, …)."""
    if REAL:
        pytest.skip("needs a stand-in of its own: a real cluster is named by STARROCKS_FE")
    started = []

    def start(*options):
        pool = Rockpool(tmp_path, *options)
        started.append(pool)
        client = pool.client()
        client.sql(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`", database=None)
        return pool, client

    yield start
    for pool in started:
        pool.stop()


@pytest.fixture
def table(cluster):
    """Makes tables with names of their own: table("a INT, b …", "DUPLICATE KEY(a) …")."""
    return make_table(cluster)


def make_table(client):
    def create(columns, rest="", properties='"replication_num"="1"'):
        name = client.fresh("t")
        client.sql(f"CREATE TABLE {name} ({columns}) {rest} PROPERTIES ({properties})")
        return name

    return create


def refused(client, sql, database=DATABASE):
    """The (number, text) of the error that a statement must raise."""
    with pytest.raises(pymysql.MySQLError) as caught:
        client.sql(sql, database=database)
    return caught.value.args[0], str(caught.value.args[1])
