"""Fixtures that the integration tests and the crash campaign's share: one Kafka broker a session, one
rockpool a module, a name a test. A conftest.py imports what its tests use."""

import itertools
import re
from collections.abc import Iterator

import pytest

from .broker import Broker
from .starrocks import Rockpool

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    try:  # an interrupted start leaves nothing behind
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def starrocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rockpool]:
    server = Rockpool(tmp_path_factory.mktemp("rockpool"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for topic and database that no other test has."""
    plain = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower())[:22].strip("_")
    return f"t{next(_numbers)}_{plain}"
