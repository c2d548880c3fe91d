"""Fixtures of the long faults."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.slurm_lab import SlurmLab, missing, running_lab


@pytest.fixture(scope="session")
def _slurm_cluster() -> Iterator[SlurmLab]:
    why = missing()
    if why is not None:
        if "CI" in os.environ:
            pytest.fail(f"{why}; CI must have it")
        pytest.skip(why)
    # Not pytest's own folder: the path of a socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="slurm-lab-"))
    folder.chmod(0o755)
    try:
        with running_lab(folder) as lab:
            yield lab
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm_lab(_slurm_cluster: SlurmLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmLab]:
    """Return a cluster with nothing running on it; Slurm's commands of this process reach it."""
    for name, value in _slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield _slurm_cluster
    _slurm_cluster.cancel_all()
