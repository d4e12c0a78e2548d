"""One member of the group: a millrace process behind a Kafka proxy of its own, started again and again."""

import re
import signal
import time
from pathlib import Path

from harness.program import Millrace, Run

from .kafka_proxy import KafkaProxy

ACTED = re.compile(r"^race point (\S+), pass \d+: (kill|stop)$", re.M)
STOPPED = 6  # exit code: going on could lose or double rows


class Member:
    def __init__(self, number: int, proxy: KafkaProxy, config: dict, folder: Path, starts: list[str]):
        folder.mkdir(parents=True)
        self.number, self.proxy = number, proxy
        self.millrace = Millrace(folder, config)
        self.run: Run | None = None
        self.starts = list(starts)
        self.killed = self.terminated = False
        self.frozen_until: float | None = None
        self.start_at: float | None = None
        self.wanted = True

    def start(self) -> str:
        """Returns the MILLRACE_AT that it was started with."""
        at = self.starts.pop(0) if self.starts else ""
        self.millrace.env = {"MILLRACE_AT": at} if at else {}
        self.killed = self.terminated = False
        self.frozen_until = self.start_at = None
        self.run = self.millrace.start()
        return at

    @property
    def up(self) -> bool:
        return self.run is not None and self.run.alive()

    def state(self) -> str:
        """Letter of the process's state, T when it is stopped."""
        try:
            text = Path(f"/proc/{self.run.process.pid}/stat").read_text()
        except OSError:
            return ""
        return text.rsplit(")", 1)[1].split()[0]

    def kill(self) -> None:
        if self.up:
            self.killed = True
            self.run.signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Once: a second SIGTERM would abort."""
        if self.up and not self.terminated:
            self.terminated = True
            self.thaw()
            self.run.signal(signal.SIGTERM)

    def freeze(self, seconds: float) -> None:
        if self.up:
            self.run.signal(signal.SIGSTOP)
            self.frozen_until = time.monotonic() + seconds

    def thaw(self) -> None:
        if self.up:
            self.run.signal(signal.SIGCONT)
        self.frozen_until = None

    def acted(self) -> list[tuple[str, str]]:
        """(place, action) of the race points at which this run acted."""
        return ACTED.findall(self.run.log) if self.run else []

    def close(self) -> None:
        self.millrace.close()
        self.proxy.close()
