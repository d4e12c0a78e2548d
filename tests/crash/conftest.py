"""Fixtures: a loop for proxies; broker, rockpool and names are the integration tests' own."""

from collections.abc import Iterator

import pytest

from crash.kafka_proxy import Loop
from harness.fixtures import kafka, name, starrocks  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()
