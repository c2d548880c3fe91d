"""Fixtures of the storage tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuronas.storage import Ledger
from tests import postgres
from tests.searching.fakes import without_fsync
from tests.storage import fakes


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


# Creating all tables takes a second, copying a database with them a tenth.


@pytest.fixture(scope="session")
def _sqlite_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "neuronas.db"
    fakes.make_study(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_study(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres.database(postgres_server, "study") as url:
        fakes.make_study(url)
        yield "study"


@pytest.fixture
def _sqlite_study_url(tmp_path: Path, _sqlite_study: Path) -> str:
    return f"sqlite:///{shutil.copy(_sqlite_study, tmp_path)}"


@pytest.fixture
def _postgresql_study_url(
    postgres_server: postgres.Server, _numbers: Iterator[int], _postgres_study: str
) -> Iterator[str]:
    name = f"test{next(_numbers)}"
    with postgres.database(postgres_server, name, _postgres_study) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def study_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the storage URL of a database with study ``test``, of each kind in turn."""
    with without_fsync():
        yield request.getfixturevalue(f"_{request.param}_study_url")


@pytest.fixture
def ledger(study_url: str) -> Iterator[Ledger]:
    """Join study ``test``, of eight networks."""
    with fakes.joined(study_url) as ledger:
        yield ledger
