"""Ports of the harness: nobody else gets them, neither who asks here nor who asks the kernel."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.paths import Ports, ephemeral_ports, free_port

MANY = 300
TAKE = f"""
import sys
from pathlib import Path
from harness.paths import Ports
ports = Ports(Path(sys.argv[1]))
sys.stdin.readline()
print(*(ports.take() for _ in range({MANY})), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return Ports(tmp_path / "ports")


def asker(path: Path) -> subprocess.Popen:
    """Takes many ports when told to, and lives until told again."""
    return subprocess.Popen([sys.executable, "-c", TAKE, str(path)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)


def tell(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def begin_at_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes begin elsewhere; here they are made to want the same."""
    monkeypatch.setattr("os.getpid", lambda: 0)


def test_processes_that_ask_at_once_never_get_the_same(tmp_path: Path) -> None:
    askers = [asker(tmp_path / "ports") for _ in range(3)]
    for one in askers:
        tell(one)
    taken = [int(port) for one in askers for port in one.stdout.readline().split()]
    for one in askers:
        tell(one)
        assert one.wait(10) == 0
    assert len(taken) == len(set(taken)) == 3 * MANY


def test_a_port_of_a_process_that_lives_is_passed_over_and_of_one_that_ended_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_at_the_lowest(monkeypatch)
    first = Ports(tmp_path / "other").take()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import os; os.getpid = lambda: 0\n" + TAKE, str(tmp_path / "ports")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    tell(holder)
    held = [int(port) for port in holder.stdout.readline().split()]
    assert held[0] == first
    assert Ports(tmp_path / "ports").take() > held[-1]
    tell(holder)
    assert holder.wait(10) == 0
    assert Ports(tmp_path / "ports").take() == first


def test_no_port_is_one_that_the_kernel_gives_away(ports: Ports) -> None:
    taken = [ports.take() for _ in range(MANY)]
    assert not set(taken) & set(ephemeral_ports())
    assert free_port() not in ephemeral_ports()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert server.getsockname()[1] in ephemeral_ports()


def test_a_port_with_a_foreign_socket_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_at_the_lowest(monkeypatch)
    first = Ports(tmp_path / "one").take()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", first))
        assert Ports(tmp_path / "two").take() > first
    assert Ports(tmp_path / "three").take() == first


def test_when_none_is_left_it_says_so(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.paths.bindable", lambda port: False)
    with pytest.raises(AssertionError, match="no port is left"):
        ports.take()
