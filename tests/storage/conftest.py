"""Fixtures of the storage tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the storage URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/neuronas.db"
