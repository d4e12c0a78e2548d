"""Dockerfile and docker-compose.yml, as far as can be told without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.paths import MILLRACE, ROOT

HADOLINT = Path(sys.executable).parent / "hadolint"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_dockerfile_passes_hadolint() -> None:
    if not HADOLINT.exists():
        pytest.skip("hadolint is not available for this machine: the Dockerfile was NOT checked")
    # Versions of Debian packages are those of the release: pinning each would break with every fix.
    result = subprocess.run([HADOLINT, "--ignore", "DL3008", "--format", "json",
                             ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (result.returncode, json.loads(result.stdout)) == (0, [])


def test_compose_accepts_the_file() -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed: docker-compose.yml was NOT checked")
    result = subprocess.run(["docker-compose", "config"], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr
    assert set(yaml.safe_load(result.stdout)["services"]) == set(COMPOSE["services"])


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_the_image_runs_without_privileges() -> None:
    user = re.search(r"^USER (\d+)", DOCKERFILE, re.M)
    assert user and int(user[1]) > 0
    assert "HEALTHCHECK" in DOCKERFILE


def test_the_images_packages_match_what_the_program_is_linked_with() -> None:
    """Every library that the built program asks for comes from a package that the image installs."""
    needed = set(re.findall(r"NEEDED\s+(\S+)", subprocess.run(
        ["objdump", "-p", MILLRACE], capture_output=True, text=True, check=True).stdout))
    runtime = DOCKERFILE.split("FROM debian:bookworm-slim\n")[1]
    packages = set(re.findall(r"^\s+(lib[\w.+-]+) \\$", runtime, re.M)) | {"libc6", "libgcc-s1"}
    for library in needed - {"ld-linux-x86-64.so.2"}:
        found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True,
                               check=False).stdout
        owners = {line.split(":")[0] for line in found.splitlines()}
        assert owners & packages, f"{library} comes from {owners or 'nowhere'}"


def test_the_compose_environment_names_every_variable_of_its_pipeline() -> None:
    pipeline = (ROOT / "schemas" / "pipelines" / "orders_demo.yaml").read_text()
    variables = set(re.findall(r"\$\{(\w+)\}", pipeline))
    assert variables and variables == set(COMPOSE["services"]["millrace"]["environment"])


def test_the_containers_pipeline_is_accepted_with_its_environment() -> None:
    environment = COMPOSE["services"]["millrace"]["environment"]
    result = subprocess.run(
        [MILLRACE, "check", COMPOSE["services"]["millrace"]["command"][1]], cwd=ROOT,
        env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_scrapes_the_port_that_millrace_listens_on() -> None:
    listen = COMPOSE["services"]["millrace"]["environment"]["STATUS_LISTEN"]
    targets = yaml.safe_load((ROOT / "scripts" / "prometheus.yml").read_text())
    port = listen.rpartition(":")[2]
    assert targets["scrape_configs"][0]["static_configs"][0]["targets"] == [f"starrocks:{port}"]
    assert f"127.0.0.1:{port}/livez" in DOCKERFILE
