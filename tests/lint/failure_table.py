"""The failure table of src/ledger/README.md, compared with the tests that it names."""

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = "src/ledger/README.md"
ROWS = [*(f"F{i}" for i in range(1, 7)), "F6b", *(f"F{i}" for i in range(7, 27))]
FILE_OF = {"sim": "protocol"}  # other marks are the file's own word
CANNOT = "caller cannot produce it because "
_HEAD = re.compile(r"^\| # \|.*\n\| --- \|.*\n", re.M)
_ROW = re.compile(r"^\| (?P<name>F\w+) \| (?P<failure>[^|]+) \| (?P<run>[^|]*) \| (?P<unit>[^|]*) \|$")
_TEST = re.compile(r"`(?P<name>\w+)`(?: \((?P<mark>\w+)\))?")
_PYTHON = re.compile(r"^def (test_F\w+)\(", re.M)
_CRITERION = re.compile(r"^Test\(\w+, (\w+)", re.M)


@dataclass(frozen=True)
class Named:
    """A test in the table; mark says which file, "" the plain one of its column."""

    row: str
    name: str
    mark: str


@dataclass
class Table:
    rows: list[str] = field(default_factory=list)
    run: list[Named] = field(default_factory=list)
    unit: list[Named] = field(default_factory=list)
    cannot: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)


def read(text: str) -> Table:
    """The rows between the table's head and the next empty line."""
    table = Table()
    head = _HEAD.search(text[text.find("## The failure table"):])
    if "## The failure table" not in text or head is None:
        table.findings.append("no failure table")
        return table
    start = text.find("## The failure table") + head.end()
    for line in text[start:].split("\n\n", 1)[0].splitlines():
        row = _ROW.match(line)
        if row is None:
            table.findings.append(f"not a row of four columns: {line[:60]}")
            continue
        name = row["name"]
        table.rows.append(name)
        table.run += [Named(name, t["name"], t["mark"] or "") for t in _TEST.finditer(row["run"])]
        table.unit += [Named(name, t["name"], t["mark"] or "") for t in _TEST.finditer(row["unit"])]
        if CANNOT in row["run"]:
            table.cannot.add(name)
    return table


def row_of(test: str) -> str:
    """test_F05_a_decided_unit… → F5; F12_an_admin_reset… → F12; "" for others."""
    match = re.match(r"(?:test_)?F(\d+)(b?)_", test)
    return f"F{int(match[1])}{match[2]}" if match else ""


def check(root: Path) -> list[str]:
    """What the table and the tests do not agree in."""
    table = read((root / PAGE).read_text())
    found = list(table.findings)
    if table.rows != ROWS and not found:
        found.append(f"rows {' '.join(table.rows)}, expected {' '.join(ROWS)}")
    found += _check_run(root, table) + _check_unit(root, table)
    for name in table.rows:
        has = any(test.row == name for test in table.run)
        if has == (name in table.cannot):
            found.append(f"{name}: {'both' if has else 'neither'} a test and \"{CANNOT.strip()}\"")
    return [f"{PAGE}: {text}" for text in found]


def _check_run(root: Path, table: Table) -> list[str]:
    there = {name: path.name for path in sorted((root / "tests/integration").glob("test_failures*.py"))
             for name in _PYTHON.findall(path.read_text())}
    named = {test.name for test in table.run}
    found = [f"{name} of {file} is not in the table" for name, file in there.items()
             if name not in named]
    for test in table.run:
        if test.name not in there:
            found.append(f"{test.row}: there is no test {test.name}")
        elif row_of(test.name) != test.row:
            found.append(f"{test.row} names {test.name}, a test of {row_of(test.name)}")
    return found


def _check_unit(root: Path, table: Table) -> list[str]:
    """Plain names are of test_ledger_failures*.c; a mark in brackets says test_ledger_<mark>.c."""
    folder = root / "tests/unit/ledger"
    plain = {name for path in folder.glob("test_ledger_failures*.c")
             for name in _CRITERION.findall(path.read_text())}
    found = []
    for test in table.unit:
        path = folder / f"test_ledger_{FILE_OF.get(test.mark, test.mark)}.c"
        there = plain if not test.mark else (
            _CRITERION.findall(path.read_text()) if path.exists() else [])
        if test.name not in there:
            found.append(f"{test.row}: there is no test {test.name} in "
                         + (path.name if test.mark else "test_ledger_failures*.c"))
        elif row_of(test.name) not in ("", test.row):
            found.append(f"{test.row} names {test.name}")
    named = {test.name for test in table.unit}
    found += [f"{name} is not in the table" for name in sorted(plain)
              if row_of(name) and name not in named]
    return found
