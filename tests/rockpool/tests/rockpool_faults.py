"""What the tests of faults share: a label and a table of the test's own, calls without an answer."""

import time

import pytest
from rockpool_admin import Admin
from rockpool_support import DATABASE

MULTI = {"transaction_type": "multi"}
ROW = "1\ta\n"
HERE = [("1", "a")]


class World:
    """A client, the admin port, a label and a table that are the test's own."""

    def __init__(self, pool):
        self.pool = pool
        self.connect()
        self.label = self.client.fresh("fault")
        self.table = self.new_table()

    def connect(self):
        self.client = self.pool.client()
        self.admin = Admin(self.client)

    def new_table(self):
        name = self.client.fresh("t")
        self.client.sql(
            f"CREATE TABLE {name} (k INT, v VARCHAR(10)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) "
            'PROPERTIES ("replication_num"="1")'
        )
        return name

    def plain(self, body=ROW, **headers):
        return self.client.load(self.table, body, label=self.label, **headers)

    def txn(self, op, body=None, **headers):
        return self.client.txn(op, self.label, self.table, body, **headers)

    def begun(self, **headers):
        """A transaction with one row loaded."""
        assert self.txn("begin", timeout=60, **headers)["Status"] == "OK"
        assert self.txn("load", ROW, **headers)["Status"] == "OK"

    def prepared(self):
        self.begun()
        assert self.txn("prepare")["Status"] == "OK"

    def is_now(self, state, rows=()):
        assert (self.state, self.rows) == (state, list(rows))

    @property
    def state(self):
        return self.client.state(self.label)

    @property
    def rows(self):
        return self.client.rows(self.table)

    def published(self, rows=HERE):
        """COMMITTED until the wait for its publish is ended."""
        assert self.state == "COMMITTED"
        self.admin.arm("publish_now", label=self.label)
        self.is_now("VISIBLE", rows)

    def bit(self, number, times=1):
        assert self.admin.hits(number) == times


def cancel(world, label):
    target = f"/api/{DATABASE}/_cancel?label={label}"
    return world.client.follow("POST", target, {"Content-Length": "0"})


def no_answer(function, *arguments, **headers):
    with pytest.raises(ConnectionError):
        function(*arguments, **headers)


def answers(function, *arguments):
    try:
        return function(*arguments)
    except ConnectionError:
        return None


def until(done, seconds=10):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)
