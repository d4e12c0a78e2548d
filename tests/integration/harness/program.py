"""The millrace program: its configuration, its commands, its life."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from .paths import MILLRACE, ROOT, free_port
from .wait import until

STATUS_SHOWN = 2000
LOG_SHOWN = 4000


class Run:
    """One `millrace run` process; its log is a file, so that it never blocks."""

    def __init__(self, config: Path, log: Path, status_port: int, env: dict[str, str],
                 program: Path = MILLRACE):
        self.log_path = log
        self.status_port = status_port
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [str(program), "run", str(config)], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ, **env},
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, timeout_s: float = 30) -> int:
        """The exit code, once it has ended by itself."""
        return self.process.wait(timeout_s)

    def stop(self, timeout_s: float = 30) -> int:
        if self.alive():
            self.signal(signal.SIGTERM)
        return self.ended(timeout_s)

    def kill(self) -> None:
        if self.alive():
            self.process.kill()
        self.process.wait(10)

    def http(self, path: str, timeout_s: float = 5) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.status_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=timeout_s) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self) -> bool:
        return self.http("/readyz")[0] == 200

    def metric(self, name: str, **labels: str) -> float:
        """One sample; KeyError when it is not there."""
        for family in text_string_to_metric_families(self.http("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        raise KeyError((name, labels))

    def describe(self) -> str:
        """Where it stands, for a test that failed: raises nothing, and waits hardly."""
        code = self.process.poll()
        lines = [f"{self.log_path}: {'running' if code is None else f'exit code {code}'}"]
        if code is None:
            try:
                status, body = self.http("/v1/status", timeout_s=2)
                lines.append(f"/v1/status answers {status}: {body[:STATUS_SHOWN]}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
                lines.append(f"/v1/status: {error!r}")
        return "\n".join([*lines, "--- the end of its log ---", self.log[-LOG_SHOWN:]])

    def log_says(self, *words: str, timeout_s: float = 20) -> str:
        """Waits for a line of the log that holds all the words, letter case aside."""

        def find() -> str:
            for line in self.log.splitlines():
                if all(word.lower() in line.lower() for word in words):
                    return line
            return ""

        try:
            return until(f"a log line with {words}", find, timeout_s=timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log ---\n{self.log[-3000:]}") from None


class Millrace:
    """Writes configurations into a folder and runs the program's commands on them."""

    def __init__(self, folder: Path, config: dict, env: dict[str, str] | None = None):
        self.folder = folder
        self.config = config
        self.env = env or {}
        self.program = MILLRACE
        self.status_port = free_port()
        config.setdefault("status", {})["listen"] = f"127.0.0.1:{self.status_port}"
        self.runs: list[Run] = []
        self.write()

    @property
    def path(self) -> Path:
        return self.folder / "pipeline.yaml"

    def write(self) -> None:
        """As JSON, the subset of YAML that the program reads too."""
        self.path.write_text(json.dumps(self.config, indent=1))

    def command(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.program), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout_s, check=False, env={**os.environ, **self.env},
        )

    def apply_ddl(self) -> None:
        result = self.command("ddl", "--apply", str(self.path))
        assert result.returncode == 0, f"ddl --apply: {result.stdout}{result.stderr}"

    def verify(self) -> subprocess.CompletedProcess:
        return self.command("verify", str(self.path))

    def assert_verified(self) -> None:
        result = self.verify()
        assert result.returncode == 0, f"verify: {result.stdout}{result.stderr}"

    def start(self) -> Run:
        run = Run(self.path, self.folder / f"run-{len(self.runs)}.log", self.status_port, self.env,
                  self.program)
        self.runs.append(run)
        return run

    def close(self) -> None:
        for run in self.runs:
            run.kill()
