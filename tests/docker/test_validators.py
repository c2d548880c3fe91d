"""What hadolint, kubernetes-validate and docker-compose say of the files."""

from __future__ import annotations

import subprocess

import pytest

from tests.docker.files import FOLDER, MANIFESTS, program


def said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_hadolint_finds_nothing():
    assert said(program("hadolint"), str(FOLDER / "Dockerfile")) == ""


def test_kubernetes_knows_all_that_manifests_say():
    said(program("kubernetes-validate"), "--strict", *map(str, MANIFESTS))


@pytest.mark.parametrize("names", [("compose.yaml",), ("compose.yaml", "compose.gpu.yaml")])
def test_compose_takes_the_file(names):
    files = [f"--file={FOLDER / name}" for name in names]
    said(program("docker-compose"), *files, "config", "--quiet")
