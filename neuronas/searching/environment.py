"""What the workers of a study must have alike, so that their results are of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from neuronas.errors import EnvironmentMismatchError
from neuronas.records import StudyRecord

PACKAGES = ("neuronas", "torch", "snntorch", "optuna")


def environment_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this process has.

    Args:
        context: What, besides the network, decides its accuracy; as evaluators tell it.
    """
    versions = {name: _minor(version(name)) for name in PACKAGES}
    return {"versions": versions, "data": context.get("data"), "torch": version("torch")}


def other_build(study: StudyRecord, found: Mapping[str, Any]) -> str | None:
    """Return a warning where torch is another build than the first worker's, such as CUDA's."""
    known = study.environment.get("torch", found["torch"])
    if known == found["torch"]:
        return None
    return f"torch is {found['torch']} here and {known} elsewhere: accuracies may differ slightly"


def require_same_environment(study: StudyRecord, found: Mapping[str, Any]) -> None:
    """Raise unless this process has what the study's workers have.

    Args:
        study: The study.
        found: What this process has, from :func:`environment_of`.

    Raises:
        EnvironmentMismatchError: Something differs; the message names it.
    """
    known, here = study.environment, found["versions"]
    differences = [
        f"{name} {wanted} there, {here.get(name)} here"
        for name, wanted in known.get("versions", {}).items()
        if here.get(name) != wanted
    ]
    if known.get("data") != found["data"]:
        differences.append(f"data '{known.get('data')}' there, '{found['data']}' here")
    if known and differences:
        raise EnvironmentMismatchError(
            f"study '{study.name}' is searched with something else than this machine has: "
            f"{'; '.join(differences)}. Install the same, or stop all workers and let it go on "
            f"with what is here: neuronas resume {study.name}"
        )


def _minor(full: str) -> str:
    """Return major and minor of a version; what differs behind them, such as a build, may."""
    return ".".join(full.partition("+")[0].split(".")[:2])
