"""Fixtures of the search tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.searching.fakes import without_fsync


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the storage URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/neuronas.db"


@pytest.fixture(autouse=True)
def _fast_commits() -> Iterator[None]:
    with without_fsync():
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest) -> str:
    """Return the storage URL of an empty database, of each kind in turn."""
    kinds = {"sqlite": "url", "postgresql": "postgres_url"}
    return request.getfixturevalue(kinds[request.param])
