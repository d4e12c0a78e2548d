"""Counts what a part of the test command ran: prints `passed failed`.

    totals.py meson BUILD_DIR FAILURES      the last `meson test` there
    totals.py pytest REPORT.xml FAILURES    a JUnit report; skipped tests count as neither

The names of failed tests and the last lines of what they said are added to the file FAILURES.

A test program that Criterion or the plain runner drives counts by its own tests; any other counts
as one. A program that did not end well counts as failed even when it names no failed test.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TextIO

CRITERION = re.compile(r"Tested: .*?(\d+).*?Passing: .*?(\d+).*?Failing: .*?(\d+).*?Crashing: .*?(\d+)")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
VERDICT = re.compile(r"^\[(?:----|FAIL|CRASH|TIMEOUT|ERR )\]")  # as Criterion marks them
LAST_LINES = 60


def of_program(result: str, output: str) -> tuple[int, int]:
    text = COLOUR.sub("", output)
    if match := CRITERION.search(text):
        tested, passing, _, _ = map(int, match.groups())
        passed, failed = passing, tested - passing
    elif match := PLAIN.search(text):
        passed, failed = int(match[1]), int(match[2])
    else:
        passed, failed = 1, 0
    if result != "OK":
        passed, failed = (passed, failed) if failed else (max(passed - 1, 0), 1)
    return passed, failed


def excerpt(name: str, output: str) -> str:
    lines = COLOUR.sub("", output).splitlines()
    verdicts = [line for line in lines[:-LAST_LINES] if VERDICT.match(line)]
    return "\n".join([f"-- {name}", *verdicts[:LAST_LINES], *lines[-LAST_LINES:]]) + "\n"


def meson(build: Path, failures: TextIO) -> tuple[int, int]:
    passed = failed = 0
    for line in (build / "meson-logs" / "testlog.json").read_text().splitlines():
        try:
            test = json.loads(line)
        except json.JSONDecodeError:
            failed += 1
            failures.write("-- a test whose record is cut off\n")
            continue
        output = test.get("stdout", "") + test.get("stderr", "")
        more = of_program(test["result"], output)
        passed, failed = passed + more[0], failed + more[1]
        if more[1]:
            failures.write(excerpt(f"{test['name']}: {test['result']}", output))
    return passed, failed


def pytest(report: Path, failures: TextIO) -> tuple[int, int]:
    passed = failed = 0
    root = ElementTree.parse(report).getroot()
    for case in root.iter("testcase"):
        for bad in (*case.iter("failure"), *case.iter("error")):
            failures.write(excerpt(f"{case.get('classname')}::{case.get('name')}",
                                   bad.text or bad.get("message", "")))
    for suite in root.iter("testsuite"):
        tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        passed, failed = passed + max(tests - skipped - bad, 0), failed + bad
    return passed, failed


def main() -> int:
    kind, path = sys.argv[1], Path(sys.argv[2])
    try:
        with Path(sys.argv[3]).open("a", encoding="utf-8", errors="backslashreplace") as failures:
            count = meson if kind == "meson" else pytest
            passed, failed = count(path, failures)
    except (OSError, ElementTree.ParseError) as error:
        print(f"totals: {error}", file=sys.stderr)
        passed, failed = 0, 0
    print(passed, failed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
