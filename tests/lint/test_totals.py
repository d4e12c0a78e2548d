"""The test command counts what ran; a count that cannot fail would hide everything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sources import ROOT

CRITERION = "[\x1b[0;34m====\x1b[0m] \x1b[0;1mSynthesis: Tested: \x1b[0;34m{}\x1b[0;1m | Passing: " \
    "\x1b[0;32m{}\x1b[0;1m | Failing: \x1b[0;31m{}\x1b[0;1m | Crashing: \x1b[0;31m{}\x1b[0;1m \x1b[0m"


def totals(kind: str, path: Path) -> str:
    return subprocess.run([sys.executable, ROOT / "tests" / "totals.py", kind, path],
                          capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("programs", "expected"), [
    ([("OK", CRITERION.format(12, 12, 0, 0))], "12 0"),
    ([("FAIL", CRITERION.format(12, 9, 2, 1))], "9 3"),
    ([("OK", "4 passed, 0 failed\n")], "4 0"),
    ([("FAIL", CRITERION.format(5, 5, 0, 0))], "4 1"),
    ([("OK", "7 inputs replayed\n")], "1 0"),
    ([("TIMEOUT", "")], "0 1"),
    ([("OK", "4 passed, 0 failed\n"), ("FAIL", "")], "4 1"),
])
def test_programs_of_meson_count_by_their_own_tests(
    tmp_path: Path, programs: list[tuple[str, str]], expected: str
) -> None:
    logs = tmp_path / "meson-logs"
    logs.mkdir()
    (logs / "testlog.json").write_text("".join(
        json.dumps({"name": "x", "result": r, "stdout": "", "stderr": out}) + "\n"
        for r, out in programs))
    assert totals("meson", tmp_path) == expected


def test_skipped_tests_count_as_neither(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="2" errors="1" skipped="3"/>'
                      "</testsuites>")
    assert totals("pytest", report) == "3 3"


def test_a_missing_report_counts_nothing(tmp_path: Path) -> None:
    assert totals("pytest", tmp_path / "none.xml") == "0 0"
    assert totals("meson", tmp_path) == "0 0"
