"""Each mutant of tests/mutants applies, names runs that there are, and stands in the table."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sources import ROOT

FOLDER = "tests/mutants"
PAGE = "tests/crash/README.md"
_RUN = re.compile(r"^(?P<kind>crash|test|unit) (?P<what>[^|]+) \| (?P<pattern>.+)$")
_ROW = re.compile(r"^\| `(?P<name>[\w-]+)` \| (?P<broken>[^|]+) \| (?P<runs>[^|]+)"
                  r" \| (?P<model>[^|]+) \|$", re.M)
_NUMBER = re.compile(r" \[[01]-9\]\[0-9\]\*:?$")
_MODEL = re.compile(r"^([\w-]+) +\| [\w-]+ +\| .*-DM_\w+", re.M)


def words(pattern: str) -> str:
    """Of a pattern, without the number at its end and what it passes over."""
    return _NUMBER.sub("", pattern).replace(": .*", ": ")


@dataclass(frozen=True)
class Run:
    """What must catch a mutant: a schedule, a test end to end, a unit test."""

    kind: str
    what: str
    pattern: str

    def __str__(self) -> str:
        """As the table has it."""
        name = f"--only {self.what}" if self.kind == "crash" else re.split(r"::| ", self.what)[-1]
        return f"`{name}`: {words(self.pattern)}"


@dataclass(frozen=True)
class Mutant:
    name: str
    broken: str
    runs: list[Run]
    model: str

    @classmethod
    def read(cls, path: Path) -> "Mutant":
        head, _, _ = path.read_text().partition("\n--- ")
        broken, *rest = head.splitlines()
        fields = [line.split(": ", 1) for line in rest]
        assert {one[0] for one in fields} <= {"caught by", "model"}, f"{path}: {rest}"
        runs = [_RUN.match(text) for key, text in fields if key == "caught by"]
        assert runs and all(runs), f"{path}: {rest}"
        models = [text for key, text in fields if key == "model"]
        assert len(models) <= 1, path
        return cls(path.stem, broken, [Run(**run.groupdict()) for run in runs],
                   models[0] if models else "")

    def row(self) -> tuple[str, str, str]:
        return (self.broken.rstrip("."), ", ".join(map(str, self.runs)),
                f"`{self.model}`" if self.model else "-")


def mutants(root: Path) -> list[Mutant]:
    return [Mutant.read(path) for path in sorted((root / FOLDER).glob("*.patch"))]


def table(root: Path) -> dict[str, tuple[str, str, str]]:
    text = (root / PAGE).read_text().split("## Mutations", 1)[1].split("\n## ", 1)[0]
    return {row["name"]: (row["broken"], row["runs"], row["model"]) for row in _ROW.finditer(text)}


def compare(root: Path) -> list[str]:
    """What the table and the patches do not agree in."""
    rows, there = table(root), {mutant.name: mutant for mutant in mutants(root)}
    found = [f"{name} is in the table, and there is no patch" for name in rows if name not in there]
    found += [f"{name} is not in the table" for name in there if name not in rows]
    return found + [f"{name}: the table says {rows[name]}, the patch {mutant.row()}"
                    for name, mutant in there.items() if name in rows and rows[name] != mutant.row()]


def is_there(root: Path, run: Run) -> bool:
    if run.kind == "crash":
        return re.fullmatch(r"\d+\.\d+", run.what) is not None
    if run.kind == "test":
        file, _, test = run.what.partition("::")
        path = root / "tests/integration" / file
        return path.is_file() and f"def {test.partition('[')[0]}(" in path.read_text()
    program, test = run.what.split()
    path = root / "tests/unit/ledger" / f"test_{program}.c"
    return path.is_file() and re.search(rf"^Test\(\w+, {test}\b", path.read_text(), re.M) is not None


def is_vague(run: Run) -> bool:
    """Its pattern is met by something else too: by no number, by a stop for any reason."""
    said = words(run.pattern)
    return re.search(r"[*\[]", said) is not None or said.endswith("stopped without need")


MUTANTS = mutants(ROOT)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies_and_what_catches_it_is_there(mutant: Mutant) -> None:
    patch = ROOT / FOLDER / f"{mutant.name}.patch"
    done = subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    changed = re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.M)
    assert changed and all(one.startswith("src/") for one in changed), changed
    assert [str(run) for run in mutant.runs if not is_there(ROOT, run)] == []
    assert [str(run) for run in mutant.runs if is_vague(run)] == []


def test_the_table_has_each_mutant_as_its_patch_describes_it() -> None:
    found = compare(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_each_mutation_of_the_model_is_one_of_the_program_too() -> None:
    model = _MODEL.findall((ROOT / "scripts/model.sh").read_text())
    assert len(model) > 10 and sorted(m.model for m in MUTANTS if m.model) == sorted(model)


def ask_script(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["sh", "scripts/mutants.sh", *arguments], cwd=ROOT, capture_output=True,
                          text=True, timeout=20, check=False)


def test_the_script_knows_the_mutants_and_no_others() -> None:
    listed = ask_script("--list").stdout.splitlines()
    assert [line.split(None, 1) for line in listed] == [[m.name, m.broken] for m in MUTANTS]
    assert ask_script("--help").returncode == 0 and ask_script("--all").returncode == 2
    unknown = ask_script("no-such-mutant")
    assert unknown.returncode == 1 and "there is no mutant no-such-mutant" in unknown.stderr


# ---- the comparator ----

CATCHER = "caught by: crash 1.7 | doubled [1-9][0-9]*:\n"
PATCH = f"A step is left out.\n{CATCHER}model: no-step\n--- a/src/x.c\n+++ b/src/x.c\n"
ROW = "| `no-step` | A step is left out | `--only 1.7`: doubled | `no-step` |\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / "tests/crash").mkdir()
    (tmp_path / FOLDER / "no-step.patch").write_text(PATCH)
    (tmp_path / PAGE).write_text(f"# x\n\n## Mutations\ntext\n\n{ROW}\n## Code\n")
    return tmp_path


def test_a_table_that_agrees_has_no_findings(tree: Path) -> None:
    assert compare(tree) == []


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    (PAGE, ROW, "", "no-step is not in the table"),
    (PAGE, "`no-step` | A", "`other` | A", "there is no patch"),
    (PAGE, "1.7", "1.8", "the table says"),
    (PAGE, "left out |", "taken |", "the table says"),
    (f"{FOLDER}/no-step.patch", "model: no-step\n", "", "the table says"),
    (f"{FOLDER}/no-step.patch", "--- a", "caught by: unit ledger_x y | FAIL\n--- a", "the table says"),
])
def test_what_does_not_agree_is_found(tree: Path, file: str, old: str, new: str, says: str) -> None:
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert any(says in finding for finding in compare(tree)), compare(tree)


@pytest.mark.parametrize(("pattern", "says", "vague"), [
    ("lost [1-9][0-9]*:", "lost", False), ("x is [0-9][0-9]*", "x is", False),
    ("stopped without need: .*the topic", "stopped without need: the topic", False),
    ("lost [0-9]*", "lost [0-9]*", True), ("stopped without need", "stopped without need", True)])
def test_a_pattern_that_is_met_by_something_else_too_is_found(pattern: str, says: str, vague: bool) -> None:
    run = Run("crash", "1.7", pattern)
    assert (words(pattern), is_vague(run)) == (says, vague)


def test_a_patch_that_says_not_what_catches_it_is_none(tree: Path) -> None:
    (tree / FOLDER / "no-step.patch").write_text(PATCH.replace(CATCHER, ""))
    with pytest.raises(AssertionError):
        mutants(tree)
