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
    said = subprocess.run(
        [sys.executable, ROOT / "tests" / "totals.py", kind, path, path.parent / "failures"],
        capture_output=True, text=True, check=True)
    return said.stdout.strip()


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


def test_failed_programs_are_named_with_their_verdict_and_last_words(tmp_path: Path) -> None:
    logs = tmp_path / "build" / "meson-logs"
    logs.mkdir(parents=True)
    words = "[----] a.c:7: a is 2, expected 1\n" + "".join(f"line {i}\n" for i in range(99))
    (logs / "testlog.json").write_text("".join(
        json.dumps({"name": name, "result": result, "stdout": "", "stderr": words}) + "\n"
        for name, result in (("good", "OK"), ("bad", "FAIL"))))
    assert totals("meson", tmp_path / "build") == "1 1"
    lines = (tmp_path / "failures").read_text().splitlines()
    assert lines[:2] == ["-- bad: FAIL", "[----] a.c:7: a is 2, expected 1"]
    assert lines[2:] == [f"line {i}" for i in range(39, 99)]


def test_a_record_that_is_cut_off_is_a_failure_and_the_others_count(tmp_path: Path) -> None:
    logs = tmp_path / "build" / "meson-logs"
    logs.mkdir(parents=True)
    whole = json.dumps({"name": "x", "result": "OK", "stdout": "\ud800", "stderr": ""})
    (logs / "testlog.json").write_text(f"{whole}\n{whole[:30]}")
    assert totals("meson", tmp_path / "build") == "1 1"
    assert (tmp_path / "failures").read_text() == "-- a test whose record is cut off\n"


def test_failed_cases_are_named_with_their_last_words(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="3" failures="1" errors="1" skipped="0">'
        '<testcase classname="test_a" name="good"/>'
        '<testcase classname="test_a" name="bad"><failure>E  assert 1 == 2</failure></testcase>'
        '<testcase classname="test_b" name="broken"><error message="no server"/></testcase>'
        "</testsuite></testsuites>")
    assert totals("pytest", report) == "1 2"
    assert (tmp_path / "failures").read_text() == (
        "-- test_a::bad\nE  assert 1 == 2\n-- test_b::broken\nno server\n")


def test_a_missing_report_counts_nothing(tmp_path: Path) -> None:
    assert totals("pytest", tmp_path / "none.xml") == "0 0"
    assert totals("meson", tmp_path) == "0 0"
