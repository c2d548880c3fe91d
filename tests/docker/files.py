"""The files under ``docker/``, and the programs that check them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.postgres import absent

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
BASE = FOLDER / "k8s" / "base"
MANIFESTS = [BASE / name for name in ("study.yaml", "volumes.yaml", "workers.yaml")]


def loaded(path: Path) -> Any:
    """Return the first document of a YAML file."""
    return next(iter(yaml.safe_load_all(path.read_text(encoding="utf-8"))))


def program(name: str) -> str:
    """Return a program of the system or of this environment; skip without it, which CI forbids."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        absent(name)
    return str(found)
