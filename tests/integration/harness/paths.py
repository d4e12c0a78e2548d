"""Where things are, and free ports."""

import errno
import fcntl
import os
import socket
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MILLRACE = Path(os.environ.get("MILLRACE_BIN", ROOT / "build" / "millrace"))
# Built with race points: MILLRACE_AT ends or stops it at a place.
MILLRACE_RACE = Path(os.environ.get("MILLRACE_RACE_BIN", ROOT / "build-crash" / "millrace"))
KAFKA_SH = ROOT / "scripts" / "kafka.sh"

LOWEST_PORT = 10_000
HIGHEST_PORT = 65_535


def ephemeral_ports() -> range:
    """Those that the kernel gives to whoever asks for any: a connection out, a server on port 0."""
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return range(int(first), int(last) + 1)


class Ports:
    """Hands out ports that stay with this process until it ends, be a server on them or not. Processes
    respect each other by locks on a file that they share: a port is the byte at its number. The kernel
    gives none of these ports away, so that a server finds its own again after a restart."""

    def __init__(self, path: Path):
        self._path = path
        self._file: int | None = None
        self._lock = threading.Lock()
        kernels = ephemeral_ports()
        own = [port for port in range(LOWEST_PORT, HIGHEST_PORT + 1) if port not in kernels]
        # Each process begins elsewhere: a port that has just been given up is not the next one taken.
        begin = os.getpid() * 101 % max(len(own), 1)
        self._left = iter(own[begin:] + own[:begin])

    def take(self) -> int:
        with self._lock:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            for port in self._left:
                if self._reserved(port) and bindable(port):
                    return port
        raise AssertionError(f"no port is left outside of the kernel's own, {ephemeral_ports()}")

    def _reserved(self, port: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            return False
        return True


def bindable(port: int) -> bool:
    """Strictly: neither is a server there, nor do connections of an earlier one linger."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


_ports = Ports(Path(tempfile.gettempdir()) / f"millrace-ports-{os.getuid()}")


def free_port() -> int:
    """No process that asks here gets it too, as long as this one lives."""
    return _ports.take()
