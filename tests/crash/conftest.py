"""Fixtures: one broker and one rockpool for all tests, a database and topic of its own for each."""

import itertools
from collections.abc import Iterator

import pytest

from crash.kafka_proxy import Loop
from harness.broker import Broker
from harness.starrocks import Rockpool

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def starrocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rockpool]:
    server = Rockpool(tmp_path_factory.mktemp("rockpool"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    return f"t{next(_numbers)}"
