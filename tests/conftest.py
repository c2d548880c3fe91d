"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile(
    "neuronas", deadline=None, derandomize="CI" in os.environ, max_examples=50
)
settings.load_profile("neuronas")

_REPOSITORY = Path(__file__).resolve().parents[1]
_VARIABLE = "NEURONAS_REFERENCE_DATA"


@pytest.fixture(scope="session")
def reference_data() -> Callable[[str], Path]:
    """Return the path of a file of the reference data; the test is skipped without it."""
    folder = Path(os.environ.get(_VARIABLE) or _REPOSITORY.parent / "shared" / "data").resolve()

    def path_of(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"no {name} in {folder}; set {_VARIABLE} to the reference data's folder")
        return path

    return path_of
