"""The tree keeps the rules; and each rule finds what is planted, so that its silence means something."""

import subprocess
from pathlib import Path

import pytest

import rules
from sources import ROOT, functions

LAYERS = rules.Layers((ROOT / "tests" / "lint" / "layers.txt").read_text())


def findings_fail(findings: list[str]) -> None:
    assert not findings, "\n" + "\n".join(findings)


def plant(root: Path, **files: str) -> Path:
    for folder in ("src", "include/millrace", "tests/unit", "tests/support"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tests" / "meson.build").write_text("foreach folder : ['unit/base']\n")
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# ---- the tree ----


def test_includes_keep_the_layers() -> None:
    findings_fail(rules.check_layers(ROOT, LAYERS))


def test_names_say_where_a_function_may_be_called_from() -> None:
    findings_fail(rules.check_names(ROOT))


def test_files_and_functions_keep_their_size() -> None:
    findings_fail(rules.check_sizes(ROOT))


def test_banned_functions_are_not_called() -> None:
    findings_fail(rules.check_banned(ROOT))


def test_every_test_file_is_registered() -> None:
    findings_fail(rules.check_registration(ROOT))


def test_unit_tests_mirror_src() -> None:
    findings_fail(rules.check_unit_paths(ROOT))


def test_every_header_compiles_alone() -> None:
    findings_fail(rules.check_headers_alone(ROOT))


def test_shell_scripts_are_clean() -> None:
    scripts = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]
    result = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stdout


# ---- the rules ----


@pytest.mark.parametrize("line", [
    '#include "millrace/load.h"', '#include "millrace/load_txn.h"', "#include <curl/curl.h>",
    '#include "pipeline/load/load_priv.h"',
])
def test_a_stage_that_reaches_for_another_is_found(tmp_path: Path, line: str) -> None:
    root = plant(tmp_path, src__pipeline__fold__fold_dot_c=line + "\n",
                 src__pipeline__load__load_priv_dot_h="")
    assert len(rules.check_layers(root, LAYERS)) == 1


@pytest.mark.parametrize("line", [
    '#include "millrace/base/log.h"', "#include <stdint.h>", '#include "fold_priv.h"',
    '  #  include "millrace/fold.h"',
    '#include "millrace/fold_more.h"',
])
def test_a_stage_may_use_what_its_row_says(tmp_path: Path, line: str) -> None:
    root = plant(tmp_path, src__pipeline__fold__fold_dot_c=line + "\n",
                 src__pipeline__fold__fold_priv_dot_h="")
    assert rules.check_layers(root, LAYERS) == []


@pytest.mark.parametrize("code", [
    "static int\nmr_fold_x(void)\n{\n}\n",
    "int\nfold_x(void)\n{\n}\n",
    "int\nmr_fold_x(void)\n{\n}\n",
    "struct x *\nmri_fold_x(int a,\n           int b)\n{\n}\n",
])
def test_a_name_without_its_declaration_is_found(tmp_path: Path, code: str) -> None:
    root = plant(tmp_path, src__pipeline__fold__fold_dot_c=code)
    assert len(rules.check_names(root)) == 1


def test_a_declared_name_is_fine_and_a_foreign_mri_call_is_not(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        include__millrace__fold_dot_h="int\nmr_fold_x(void);\n",
        src__pipeline__fold__fold_priv_dot_h="int\nmri_fold_y(void);\n",
        src__pipeline__fold__fold_dot_c=(
            "int\nmr_fold_x(void)\n{\n    return mri_fold_y();\n}\n"
            "int\nmri_fold_y(void)\n{\n    return 1;\n}\n"))
    assert rules.check_names(root) == []
    plant(root, src__app__app_dot_c="static int\nuse(void)\n{\n    return mri_fold_y();\n}\n")
    assert len(rules.check_names(root)) == 1


def test_a_long_function_and_a_long_file_are_found(tmp_path: Path) -> None:
    body = "    x();\n" * 70
    root = plant(tmp_path, src__base__a_dot_c=f"static int\nlong_one(void)\n{{\n{body}}}\n",
                 src__base__b_dot_c="\n" * 601)
    assert len(rules.check_sizes(root)) == 2


def test_a_banned_call_is_found_but_not_in_a_comment(tmp_path: Path) -> None:
    root = plant(tmp_path, src__base__a_dot_c='/* strcpy(a, b) */ char *s = "strcpy(a, b)";\n')
    assert rules.check_banned(root) == []
    plant(root, src__base__b_dot_c="void\nf(void)\n{\n    strcpy(a, b);\n}\n")
    assert len(rules.check_banned(root)) == 1


def test_an_unregistered_test_file_is_found(tmp_path: Path) -> None:
    root = plant(tmp_path, tests__unit__base__test_a_dot_c="",
                 tests__unit__base__meson_dot_build="unit_tests += [['a', files('test_a.c'), []]]")
    assert rules.check_registration(root) == []
    plant(root, tests__unit__base__test_b_dot_c="")
    assert len(rules.check_registration(root)) == 1


def test_a_header_that_needs_another_is_found(tmp_path: Path) -> None:
    root = plant(tmp_path, include__millrace__fold_dot_h="uint64_t x;\n",
                 include__millrace__load_dot_h="#include <stdint.h>\nuint64_t x;\n")
    findings = rules.check_headers_alone(root)
    assert len(findings) == 1 and "fold.h" in findings[0]


def test_a_part_of_one_file_is_included_by_no_other(tmp_path: Path) -> None:
    part = "/* Included by a.c alone. */\nuint64_t x;\n"
    root = plant(tmp_path, src__base__parts_dot_h=part,
                 src__base__a_dot_c='#include "parts.h"\n')
    assert rules.check_headers_alone(root) == []
    plant(root, src__base__b_dot_c='#include "parts.h"\n')
    assert len(rules.check_headers_alone(root)) == 1


def test_functions_are_measured_from_type_to_brace() -> None:
    text = "static void\nf(int a)\n{\n    if (a) {\n    }\n}\n\nint\ng(void);\n"
    assert [(f.name, f.static, f.line, f.lines) for f in functions(text)] == [("f", True, 1, 6)]
