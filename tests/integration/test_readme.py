"""The README says what the program says."""

import re
import subprocess
import sys

from harness.paths import MILLRACE, ROOT


def test_generated_tables_of_the_readme_are_up_to_date():
    run = subprocess.run(
        [sys.executable, ROOT / "scripts/readme.py", MILLRACE, "--check"],
        capture_output=True, text=True, timeout=30,
    )
    assert run.returncode == 0, run.stderr


def test_the_sample_of_the_readme_is_a_right_configuration(tmp_path):
    readme = (ROOT / "README.md").read_text()
    sample = re.search(r"<!-- sample -->\n```yaml\n(.*?)```", readme, re.S)[1]
    assert len(sample.splitlines()) <= 20
    path = tmp_path / "orders.yaml"
    path.write_text(sample)
    run = subprocess.run(
        [MILLRACE, "check", path], cwd=ROOT, env={"SR_PASSWORD": "secret-of-the-test"},
        capture_output=True, text=True, timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert "secret-of-the-test" not in run.stdout + run.stderr


def test_every_command_of_the_readme_has_help_and_its_flags():
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^\| `(\w+)((?: \S+)*?)` \| ", readme, re.M)
    names = {name for name, _ in commands}
    assert {"run", "check", "ddl", "verify", "version"} <= names
    for name, arguments in commands:
        if name not in {"run", "check", "ddl", "verify", "version"}:
            continue
        text = subprocess.run([MILLRACE, name, "--help"], check=True, capture_output=True,
                              text=True, timeout=30).stdout
        for flag in re.findall(r"--\w+", arguments):
            assert flag in text, (name, flag)
