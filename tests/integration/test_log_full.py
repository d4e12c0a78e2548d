"""stderr that takes nothing: a full disk, a reader that is gone or stands still. The log suffers, and
nothing else."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.broker import Broker
from harness.paths import MILLRACE, ROOT
from harness.program import Millrace, Run
from harness.starrocks import Rockpool
from harness.wait import until
from test_main_path import random_orders

DISK_BYTES = 65536


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file on a disk of 64 KiB, all of them used; /dev/full where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)],
        capture_output=True, check=False).returncode == 0
    if not mounted:
        yield Path("/dev/full")
        return
    ballast = folder / "ballast"
    with pytest.raises(OSError, match="No space"), open(ballast, "wb", buffering=0) as out:
        for _ in range(DISK_BYTES):
            out.write(b"x" * 4096)
    yield folder / "log"
    subprocess.run(["umount", "-l", str(folder)], check=True)


def start_with_stderr(made: Millrace, stderr: int) -> Run:
    """As Millrace.start, but its log goes there."""
    run = made.start()
    run.kill()
    run.process = subprocess.Popen(
        [str(MILLRACE), "run", str(made.path)], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, **made.env})
    os.close(stderr)
    return run


def load_all(kafka: Broker, starrocks: Rockpool, run: Run, name: str, first: int) -> None:
    kafka.produce_records(name, random_orders(1000, seed=first, first=first))
    until("all rows", lambda: starrocks.one("SELECT count(*) FROM orders", name),
          lambda n: n == first + 1000)


def test_a_full_disk_under_the_log_costs_log_lines_only(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str, small_disk: Path
) -> None:
    run = start_with_stderr(orders, os.open(small_disk, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    load_all(kafka, starrocks, run, name, 0)
    dropped = run.metric("mr_log_dropped_total")
    assert dropped > 0
    ballast = small_disk.parent / "ballast"
    if ballast.exists():
        ballast.unlink()
        load_all(kafka, starrocks, run, name, 1000)
        text = until("lines again", small_disk.read_text)
        assert f"lines_lost={int(dropped)}" in text or "lines_lost=" in text.splitlines()[0]
    assert run.stop() == 0
    orders.assert_verified()


def test_a_log_whose_reader_is_gone_ends_nothing(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = start_with_stderr(orders, writer)
    load_all(kafka, starrocks, run, name, 0)
    assert run.metric("mr_log_dropped_total") > 0
    assert run.stop() == 0
    orders.assert_verified()


def test_a_log_whose_reader_stands_still_holds_nothing_up(
    kafka: Broker, starrocks: Rockpool, orders: Millrace, name: str
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    run = start_with_stderr(orders, writer)
    load_all(kafka, starrocks, run, name, 0)
    assert run.metric("mr_log_dropped_total") > 0
    assert run.stop() == 0
    os.close(reader)
    orders.assert_verified()
