"""What the tests share: the process under test, the name of their database, expected refusals."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import pymysql
import pytest
from rockpool_wire import RUN, Client

HOME = pathlib.Path(__file__).resolve().parent.parent
REAL = os.environ.get("STARROCKS_FE")
DATABASE = f"rockpool_test_{RUN}"


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
        command = [
            sys.executable,
            "-m",
            "rockpool",
            "--data",
            str(self.data / "state"),
            "--port-file",
            str(port_file),
        ]
        self.log = open(self.data / "rockpool.log", "a")
        self.process = subprocess.Popen(
            command + list(self.options),
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        while not port_file.exists():
            assert self.process.poll() is None, (self.data / "rockpool.log").read_text()
            assert time.monotonic() - began < 30, "the stand-in did not start"
            time.sleep(0.02)
        self.cpu_to_start = self.cpu_seconds()
        self.ports = json.loads(port_file.read_text())

    def cpu_seconds(self):
        """What the process has used of a processor; unlike the clock it does not tell of others."""
        fields = (
            pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
            ("127.0.0.1", self.ports["fe"]),
            ("127.0.0.1", self.ports["mysql"]),
            user,
            password,
            database,
            self.ports,
        )


def _address(variable, port):
    """(host, port) out of host, host:port or http://host:port."""
    text = os.environ.get(variable, "")
    parts = urllib.parse.urlsplit(text if "//" in text else f"//{text}")
    return parts.hostname, parts.port or port


def real_client():
    """A client of the cluster that the environment names."""
    return Client(
        _address("STARROCKS_FE", 8030),
        _address("STARROCKS_MYSQL", 9030),
        os.environ["STARROCKS_USER"],
        os.environ.get("STARROCKS_PASSWORD", ""),
        DATABASE,
        None,
    )


def refused(client, sql, database=DATABASE):
    """The (number, text) of the error that a statement must raise."""
    with pytest.raises(pymysql.MySQLError) as caught:
        client.sql(sql, database=database)
    return caught.value.args[0], str(caught.value.args[1])
