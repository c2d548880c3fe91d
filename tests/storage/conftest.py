"""Fixtures of the storage tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the storage URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/neuronas.db"


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Return the storage URL of a database that is not there yet."""
    return sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest) -> str:
    """Return the storage URL of an empty database, of each kind in turn."""
    kinds = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return request.getfixturevalue(kinds[request.param])
