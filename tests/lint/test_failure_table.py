"""Each failure of the protocol has a test of its own, and the table that lists them tells the truth."""

from pathlib import Path

import pytest

import failure_table
from failure_table import CANNOT, ROWS
from sources import ROOT

HEAD = "# The protocol\n\n## The failure table\ntext\n\n| # | failure | end to end | unit |\n" \
       "| --- | --- | --- | --- |\n"


def test_the_table_and_the_tests_agree() -> None:
    findings = failure_table.check(ROOT)
    assert not findings, "\n" + "\n".join(findings)


# ---- the comparator ----


def name_of(row: str) -> str:
    return f"test_F{row[1:].rstrip('b').zfill(2)}{'b' if row[-1] == 'b' else ''}_is_survived"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One end-to-end test and one unit test a row, all in the table."""
    for folder in ("src/ledger", "tests/integration", "tests/unit/ledger"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / failure_table.PAGE).write_text(HEAD + "".join(
        f"| {row} | it breaks | `{name_of(row)}` | `{row}_works`, `more` (decide) |\n"
        for row in ROWS) + "\n| not | of | the | table |\n")
    (tmp_path / "tests/integration/test_failures.py").write_text("".join(
        f"def {name_of(row)}(play) -> None:\n    pass\n" for row in ROWS))
    (tmp_path / "tests/unit/ledger/test_ledger_failures.c").write_text("".join(
        f"Test(ledger_failures, {row}_works)\n" for row in ROWS))
    (tmp_path / "tests/unit/ledger/test_ledger_decide.c").write_text("Test(ledger_decide, more)\n")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_whole_table_has_no_findings(tree: Path) -> None:
    assert failure_table.check(tree) == []


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    ("src/ledger/README.md", "`test_F05_is_survived`", "`test_F05_is_gone`", "no test test_F05_is_gone"),
    ("tests/integration/test_failures.py", "def test_F05_is_survived", "def test_F05_another",
     "test_F05_another of test_failures.py is not in the table"),
    ("src/ledger/README.md", "`test_F05_is_survived`", "none", "F5: neither a test"),
    ("src/ledger/README.md", "`test_F05_is_survived`", f"`test_F05_is_survived`, {CANNOT}it rains",
     "F5: both a test"),
    ("src/ledger/README.md", "`test_F05_is_survived`", "`test_F04_is_survived`",
     "F5 names test_F04_is_survived, a test of F4"),
    ("src/ledger/README.md", "| F26 | it breaks", "| F27 | it breaks", "expected"),
    ("src/ledger/README.md", "| F9 | it breaks |", "| F9 | it breaks", "not a row of four columns"),
    ("tests/unit/ledger/test_ledger_failures.c", "F7_works", "F7_works_not",
     "there is no test F7_works in test_ledger_failures*.c"),
    ("tests/unit/ledger/test_ledger_failures.c", "F7_works", "F7_works)\nTest(x, F7_more",
     "F7_more is not in the table"),
    ("src/ledger/README.md", "`more` (decide)", "`more` (names)",
     "no test more in test_ledger_names.c"),
    ("src/ledger/README.md", "## The failure table", "## Failures", "no failure table"),
])
def test_what_does_not_agree_is_found(tree: Path, file: str, old: str, new: str, says: str) -> None:
    edit(tree / file, old, new)
    findings = failure_table.check(tree)
    assert any(says in text for text in findings), findings


def test_a_row_that_cannot_be_produced_says_why(tree: Path) -> None:
    edit(tree / failure_table.PAGE, "`test_F06_is_survived`", f"{CANNOT}it is not built")
    edit(tree / "tests/integration/test_failures.py", "def test_F06_is_survived", "def other")
    assert failure_table.check(tree) == []
