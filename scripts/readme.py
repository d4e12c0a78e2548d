#!/usr/bin/env python3
"""Writes the generated tables of README.md: options, metrics, exit codes.

usage: readme.py MILLRACE [--check]

MILLRACE is the built program. --check changes nothing and fails when the file is out of date.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RC_DEF = ROOT / "include/millrace/base/rc.def"


def listing(program, option):
    return subprocess.run([program, option], check=True, capture_output=True, text=True).stdout


def exit_codes():
    """One row an exit code: the texts of all result codes that end with it."""
    rows = {}
    pattern = r'X\((\w+), (\d+), "([^"]*)",\s*"([^"]*)"\)'
    for _, code, text, hint in re.findall(pattern, RC_DEF.read_text()):
        rows.setdefault(int(code), []).append((text, hint))
    lines = ["| code | meaning | what to do |", "| --: | --- | --- |"]
    for code in sorted(rows):
        texts = "; ".join(text for text, _ in rows[code])
        hints = "; ".join(hint for _, hint in rows[code] if hint)
        lines.append(f"| {code} | {texts} | {hints} |")
    return "\n".join(lines) + "\n"


def replace(text, name, content):
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    changed, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.S)
    if count != 1:
        sys.exit(f"README.md: {count} blocks named {name}, expected 1")
    return changed


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    before = README.read_text()
    after = replace(before, "options", listing(sys.argv[1], "--list-options"))
    after = replace(after, "metrics", listing(sys.argv[1], "--list-metrics"))
    after = replace(after, "exit-codes", exit_codes())
    if sys.argv[2:] == ["--check"]:
        if after != before:
            sys.exit("README.md: a generated table is out of date: run scripts/readme.py")
        return
    README.write_text(after)


if __name__ == "__main__":
    main()
