"""Fixtures: servers that a test may stop, the program, and the orders pipeline; those of
harness/fixtures.py besides."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from harness import events
from harness.broker import Broker
from harness.fixtures import kafka, name, starrocks  # noqa: F401 (fixtures)
from harness.paths import MILLRACE, ROOT
from harness.program import Millrace
from harness.starrocks import Rockpool

CALLED = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps how the test itself ended, for the fixtures that end after it."""
    report = yield
    if report.when == "call":
        item.stash[CALLED] = report
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A missing program is a failure to be seen, not a reason to skip."""
    if items and not MILLRACE.exists():
        pytest.exit(f"{MILLRACE} is not built: ninja -C build", returncode=3)
    if items and not (ROOT / ".cache" / "kafka" / "jars").is_dir():
        pytest.exit("the broker is missing: sh scripts/setup.sh test", returncode=3)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Broker]:
    """A broker that the test may stop; not yet started."""
    broker = Broker(tmp_path / "kafka")
    yield broker
    broker.kill()


@pytest.fixture
def own_starrocks(tmp_path: Path) -> Iterator[Rockpool]:
    """A rockpool that the test may stop; started once, so that its ports are known."""
    server = Rockpool(tmp_path / "rockpool")
    server.start()
    yield server
    server.kill()


def went_well(item: pytest.Item) -> bool:
    """A test that was not called, since a fixture of it failed, did not."""
    return CALLED in item.stash and not item.stash[CALLED].failed


@pytest.fixture
def millrace(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Millrace]]:
    """Makes a Millrace from a configuration; all its processes end with the test. One that fails tells
    where they stood."""
    made: list[Millrace] = []

    def make(config: dict, env: dict[str, str] | None = None) -> Millrace:
        folder = tmp_path / f"millrace-{len(made)}"
        folder.mkdir()
        made.append(Millrace(folder, config, env))
        return made[-1]

    yield make
    if not went_well(request.node):
        for run in [run for one in made for run in one.runs]:
            print(run.describe())
    for one in made:
        one.close()


@pytest.fixture
def orders(
    kafka: Broker, starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> Millrace:
    """The orders pipeline with topic (4 partitions), database and tables made; not running."""
    kafka.create_topic(name, 4)
    starrocks.sql(f"CREATE DATABASE {name}")
    made = millrace(events.orders_config(kafka.address, starrocks.fe, starrocks.mysql, name, name))
    made.apply_ddl()
    return made
