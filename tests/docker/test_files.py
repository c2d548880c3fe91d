"""What images, manifests and scripts say agrees with the program, and tells no secret."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from neuronas import __version__
from neuronas.cli.worker import worker
from neuronas.errors import EnvironmentMismatchError
from neuronas.service.worker import UNAVAILABLE
from tests.docker.files import BASE, FOLDER, ROOT, loaded

MARGIN_SECONDS = 30
DRAIN_SECONDS = inspect.signature(worker).parameters["drain_seconds"].default
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
COMPOSE = loaded(FOLDER / "compose.yaml")
WORKERS, STUDY = loaded(BASE / "workers.yaml")["spec"], loaded(BASE / "study.yaml")["spec"]

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.name)
def test_yaml_loads(path):
    assert all(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@every_file
def test_no_file_holds_a_password_or_an_address(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"\w://[^\s/@]*:(?!\$)[^\s/@]+@", text)
    assert not re.findall(r"(?i)password\s*[:=]\s*\S", text)
    assert not re.findall(r"https?://(?!127\.0\.0\.1|localhost)\S*", text)


def images() -> list[str]:
    named = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            named += re.findall(r"\bimage: (\S+)", text)
        elif path.name == "Dockerfile":
            stages = re.findall(r"(?m)^FROM \S+ AS (\S+)", text)
            named += [name for name in re.findall(r"(?m)^FROM (\S+)", text) if name not in stages]
    return named


def test_images_are_pinned():
    assert len(images()) > 5
    for image in images():
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+", image), image


def test_our_images_are_of_this_version():
    tags = {image for image in images() if image.startswith("neuronas:")}
    assert tags == {f"neuronas:{__version__}-{target}" for target in ("cpu", "cuda")}
    overlay = loaded(FOLDER / "k8s" / "gpu" / "kustomization.yaml")
    assert overlay["images"] == [{"name": "neuronas", "newTag": f"{__version__}-cuda"}]


def test_the_image_has_the_torch_of_the_makefile():
    pins = [
        set(re.findall(r"torch==\S+", path.read_text(encoding="utf-8")))
        for path in (FOLDER / "Dockerfile", ROOT / "Makefile")
    ]
    assert pins[0] == pins[1]
    assert len(pins[0]) == 1


def test_the_context_has_what_the_image_copies():
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (FOLDER / "Dockerfile").read_text())
    names = {name for line in copied for name in line.split()}
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert names == kept
    assert all((ROOT / name).exists() for name in names)


def test_workers_have_the_time_to_drain():
    pod = WORKERS["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= DRAIN_SECONDS + MARGIN_SECONDS
    minutes = re.fullmatch(r"(\d+)m", COMPOSE["services"]["worker"]["stop_grace_period"])
    assert int(minutes[1]) * 60 >= DRAIN_SECONDS + MARGIN_SECONDS
    script = (FOLDER / "slurm" / "workers.sbatch").read_text()
    warned = re.search(r"--signal=B:USR1@(\d+)", script)
    assert int(warned[1]) >= DRAIN_SECONDS + MARGIN_SECONDS


def test_kubernetes_is_told_what_exit_codes_mean():
    actions = {
        code: rule["action"]
        for rule in WORKERS["podFailurePolicy"]["rules"]
        for code in rule.get("onExitCodes", {}).get("values", [])
    }
    assert actions == {UNAVAILABLE: "Ignore", EnvironmentMismatchError.exit_code: "FailJob"}
    assert WORKERS["podFailurePolicy"]["rules"][0]["onPodConditions"] == [
        {"type": "DisruptionTarget"}
    ]


def test_kubernetes_runs_an_indexed_job_as_nobody_in_particular():
    assert WORKERS["completionMode"] == "Indexed"
    assert WORKERS["parallelism"] == WORKERS["completions"]
    for pod in (WORKERS["template"]["spec"], STUDY["template"]["spec"]):
        user = pod["securityContext"]
        assert user["runAsNonRoot"]
        assert user["fsGroup"] == user["runAsGroup"]
        secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
        assert [secret["defaultMode"] for secret in secrets] == [0o400]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert set(container["resources"]) == {"requests", "limits"}


def test_compose_waits_for_a_database_that_forgets_nobody():
    database = COMPOSE["services"]["database"]
    assert any("idle_in_transaction_session_timeout" in word for word in database["command"])
    assert "healthcheck" in database
    for name in ("gateway", "search", "worker"):
        waits_for = COMPOSE["services"][name]["depends_on"]
        assert waits_for["database"]["condition"] == "service_healthy"
        assert Path(COMPOSE["services"][name]["environment"]["NEURONAS_STORAGE_FILE"]).is_absolute()
