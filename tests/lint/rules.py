"""The house's rules that a program can check. Each returns its findings as `file:line: text`."""

import re
import shlex
import subprocess
from pathlib import Path

from sources import functions, includes, sources, without_comments

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# What the C library and POSIX bring; anything else needs a row in layers.txt.
LIBC = set("""
assert ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings time wchar
dirent fcntl getopt netdb poll pthread sched semaphore sysexits unistd
arm_neon arpa/inet emmintrin immintrin linux/futex linux/perf_event netinet/in netinet/tcp
sys/auxv sys/eventfd sys/ioctl sys/mman sys/prctl sys/random sys/resource sys/select sys/signalfd
sys/socket sys/stat sys/syscall sys/time sys/timerfd sys/types sys/uio sys/un sys/utsname sys/wait
""".split())


class Layers:
    """tests/lint/layers.txt: what each folder may include."""

    def __init__(self, text: str):
        self.modules: dict[str, set[str]] = {}
        self.outside: dict[str, set[str]] = {}
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                folder, modules, outside = (part.strip() for part in line.split("|"))
                self.modules[folder] = set(modules.split())
                self.outside[folder] = set(outside.split())

    def folder_of(self, path: Path, root: Path) -> str | None:
        """The row that rules a file: by its folder under src, or by its public header's name."""
        relative = path.relative_to(root)
        if relative.parts[0] == "src":
            inner = "/".join(relative.parts[1:-1]) or "main"
            return inner if inner in self.modules else None
        module = module_of_header("/".join(relative.parts[1:]))
        rows = (row for row in self.modules if row.split("/")[-1] == module)
        return next(rows, None)


def module_of_header(header: str) -> str:
    """millrace/base/log.h → base, millrace/fold.h → fold, millrace/load_txn.h → load."""
    parts = header.split("/")
    name = parts[-1].removesuffix(".h").removesuffix(".def")
    return parts[1] if len(parts) > 2 else name.split("_")[0]


def check_layers(root: Path, layers: Layers) -> list[str]:
    findings = []
    for path in sources(root, "src", "include"):
        where = path.relative_to(root)
        row = layers.folder_of(path, root)
        if row is None:
            findings.append(f"{where}:1: its folder has no row in layers.txt")
            continue
        own = row.split("/")[-1]
        for include in includes(path.read_text()):
            problem = include_problem(path, root, include, own, layers, row)
            if problem:
                findings.append(f"{where}:{include.line}: {problem}")
    return findings


def include_problem(path, root, include, own, layers: Layers, row: str) -> str | None:
    header = include.header
    if include.system:
        if header.removesuffix(".h") in LIBC or header in layers.outside[row]:
            return None
        return f"<{header}> is not for {row}"
    if header.startswith("millrace/"):
        module = module_of_header(header)
        return None if module == own or module in layers.modules[row] else (
            f"{row} may not include {header}")
    if (path.parent / header).exists() and "/" not in header:
        return None
    if header.startswith(f"{row}/") and (root / "src" / header).exists():
        return None
    return f"\"{header}\" is not of this folder"


def check_names(root: Path) -> list[str]:
    """Public names are declared in include/millrace, mri_ names in a header of the folder, and a
    static of a .c file has neither prefix."""
    public = "\n".join(without_comments(p.read_text()) for p in sources(root, "include"))
    findings = []
    for path in sources(root, "src"):
        private = "\n".join(
            without_comments(p.read_text()) for p in sorted(path.parent.glob("*.h")))
        for function in functions(path.read_text()):
            if function.static and path.suffix == ".h":
                continue  # inlined into its folder, under either form of name
            problem = name_problem(function, public, private)
            if problem:
                findings.append(f"{path.relative_to(root)}:{function.line}: {problem}")
    return findings + foreign_mri_names(root)


def name_problem(function, public: str, private: str) -> str | None:
    name = function.name
    declared = re.compile(rf"\b{name}\s*\(")
    if function.static:
        return f"static {name} has a prefix" if re.match(r"mri?_", name) else None
    if name == "main":
        return None
    if name.startswith("mri_"):
        return None if declared.search(private) else f"{name} is not declared in a header of its folder"
    if name.startswith("mr_"):
        return None if declared.search(public) else f"{name} is not declared in include/millrace"
    return f"{name} is visible but begins with neither mr_ nor mri_"


def foreign_mri_names(root: Path) -> list[str]:
    """An mri_ name stays inside the folder that declares it."""
    home: dict[str, Path] = {}
    for path in sources(root, "src"):
        if path.suffix == ".h":
            for name in re.findall(r"\b(mri_\w+)\s*\(", without_comments(path.read_text())):
                home.setdefault(name, path.parent)
    findings = []
    for path in sources(root, "src"):
        code = without_comments(path.read_text())
        for match in re.finditer(r"\b(mri_\w+)\s*\(", code):
            if home.get(match[1], path.parent) != path.parent:
                line = code.count("\n", 0, match.start()) + 1
                findings.append(f"{path.relative_to(root)}:{line}: {match[1]} belongs to "
                                f"{home[match[1]].relative_to(root)}")
    return findings


def check_sizes(root: Path) -> list[str]:
    findings = []
    for path in sources(root, "src", "include", "tests/support"):
        text = path.read_text()
        where = path.relative_to(root)
        if text.count("\n") > FILE_LINES_MAX:
            findings.append(f"{where}:1: {text.count(chr(10))} lines, {FILE_LINES_MAX} at most")
        findings += [f"{where}:{f.line}: {f.name} has {f.lines} lines, {FUNCTION_LINES_MAX} at most"
                     for f in functions(text) if f.lines > FUNCTION_LINES_MAX]
    return findings


BANNED = {
    r"\b(?:strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(": "unbounded or stateful",
    r"\batomic_thread_fence\s*\(": "TSan does not model fences: order the operation itself",
    r"\b__asm__\b|\basm\s+volatile\b": "no assembly: C11 atomics only",
    r"\b__sync_\w+\s*\(|\b__atomic_\w+\s*\(": "C11 atomics only",
    r"\batoi\s*\(|\batol\s*\(|\batof\s*\(": "cannot report an error",
    r"\balloca\s*\(": "stack use stays bounded",
}


def check_banned(root: Path) -> list[str]:
    findings = []
    for path in sources(root, "src", "include"):
        code = without_comments(path.read_text())
        for pattern, reason in BANNED.items():
            for match in re.finditer(pattern, code):
                line = code.count("\n", 0, match.start()) + 1
                findings.append(f"{path.relative_to(root)}:{line}: {match[0].strip()}: {reason}")
    return findings


def check_registration(root: Path) -> list[str]:
    """Every test program's source is named in its folder's meson.build, and every such folder in
    tests/meson.build: a test that is not built passes for ever."""
    tests = root / "tests"
    listed = (tests / "meson.build").read_text()
    findings = []
    for path in sources(root, "tests/unit", "tests/stress", "tests/fuzz", "tests/bench"):
        if path.suffix != ".c":
            continue
        folder = path.parent
        build = folder / "meson.build"
        where = path.relative_to(root)
        if not build.exists() or f"'{path.name}'" not in build.read_text():
            findings.append(f"{where}:1: not named in {build.relative_to(root)}")
        elif f"'{folder.relative_to(tests)}'" not in listed:
            findings.append(f"{build.relative_to(root)}:1: not visited by tests/meson.build")
    return findings


def check_unit_paths(root: Path) -> list[str]:
    """tests/unit mirrors src."""
    unit = root / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in sources(root, "tests/unit")}
    return [f"tests/unit/{folder}:1: there is no src/{folder}"
            for folder in sorted(folders) if not (root / "src" / folder).is_dir()]


def compile_flags() -> list[str]:
    packages = ["libxxhash", "yaml-0.1", "jansson", "rdkafka", "libcurl", "libmariadb",
                "libmicrohttpd"]
    result = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True,
                            check=True)
    return shlex.split(result.stdout)


def only_includer(path: Path) -> str | None:
    """A header may be a part of one file, and then says so: `Included by scan.c alone`."""
    match = re.search(r"Included by (\w+\.c) alone", path.read_text()[:1000])
    return match[1] if match else None


def check_headers_alone(root: Path) -> list[str]:
    """Every header compiles as the only include of a file, or is a part of the one file it names."""
    flags = compile_flags()
    findings = []
    for path in sources(root, "include", "src"):
        if path.suffix != ".h":
            continue
        if owner := only_includer(path):
            users = [p.name for p in sources(root, "src") if path.name in
                     (include.header.split("/")[-1] for include in includes(p.read_text()))]
            if users != [owner]:
                findings.append(f"{path.relative_to(root)}:1: included by {', '.join(users)}")
            continue
        result = subprocess.run(
            ["gcc", "-std=gnu17", "-D_GNU_SOURCE", '-DMR_VERSION="0"', "-fsyntax-only",
             f"-I{root / 'include'}", f"-I{root / 'src'}", *flags, "-x", "c", "-"],
            input=f'#include "{path}"\n', capture_output=True, text=True, check=False)
        if result.returncode != 0:
            first = next((row for row in result.stderr.splitlines() if "error" in row), "?")
            findings.append(f"{path.relative_to(root)}:1: does not compile alone: {first}")
    return findings
