"""Where things are, and free ports."""

import os
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MILLRACE = Path(os.environ.get("MILLRACE_BIN", ROOT / "build" / "millrace"))
# Built with race points: MILLRACE_AT ends or stops it at a place.
MILLRACE_RACE = Path(os.environ.get("MILLRACE_RACE_BIN", ROOT / "build-crash" / "millrace"))
KAFKA_SH = ROOT / "scripts" / "kafka.sh"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
