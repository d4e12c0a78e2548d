"""A release build has nothing of the race points; the campaign's build has."""

import subprocess

from harness.paths import MILLRACE, ROOT


def test_a_release_build_knows_no_way_to_end_it_at_a_point() -> None:
    """MILLRACE_BIN here is the build that is shipped."""
    assert MILLRACE.exists(), f"{MILLRACE} is not built"
    text = MILLRACE.read_bytes()
    assert b"MILLRACE_AT" not in text and b"race point" not in text


def test_a_build_without_race_points_is_refused_by_the_campaign() -> None:
    result = subprocess.run(["sh", "scripts/crash.sh", "--plan"], cwd=ROOT, capture_output=True,
                            text=True, timeout=60, check=False,
                            env={"PATH": "/usr/bin:/bin", "MILLRACE_BIN": str(MILLRACE)})
    assert result.returncode == 1
    assert "no race points" in result.stderr and "HINT" in result.stderr
