"""Reading C sources for the lint: includes, function definitions, comments taken out."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
_COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
# The house's form: return type on its own line, the name at the start of the next.
_DEFINITION = re.compile(
    r"^(?P<type>[A-Za-z_][^;{}#\n]*)\n(?P<name>[A-Za-z_]\w*)\((?P<rest>[^;{}]*)\)[^;{}]*\n\{", re.M)


@dataclass(frozen=True)
class Include:
    line: int
    system: bool
    header: str


@dataclass(frozen=True)
class Function:
    name: str
    static: bool
    line: int
    lines: int


def sources(root: Path, *folders: str) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        found += [p for p in sorted((root / folder).rglob("*")) if p.suffix in (".c", ".h")]
    return found


def includes(text: str) -> list[Include]:
    return [Include(text.count("\n", 0, m.start()) + 1, m[1] == "<", m[2])
            for m in _INCLUDE.finditer(text)]


def without_comments(text: str) -> str:
    """Comments and the insides of strings become blanks; lines keep their numbers."""

    def blank(match: re.Match) -> str:
        keep = match[0][0] if match[0][0] in "\"'" else " "
        inside = re.sub(r"[^\n]", " ", match[0])
        return keep + inside[1:-1] + keep if keep != " " else inside

    return _COMMENT.sub(blank, text)


def functions(text: str) -> list[Function]:
    """Definitions in the house's form, with their length in lines from type to closing brace."""
    code = without_comments(text)
    found = []
    for match in _DEFINITION.finditer(code):
        end = code.find("\n}", match.end())
        first = code.count("\n", 0, match.start()) + 1
        last = code.count("\n", 0, end) + 2
        static = bool(re.search(r"\bstatic\b", match["type"]))
        found.append(Function(match["name"], static, first, last - first + 1))
    return found
