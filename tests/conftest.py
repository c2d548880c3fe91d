"""Fixtures that every room's tests share."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import settings

from tests import postgres

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs us in the background lets us and our children ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "neuronas", deadline=None, derandomize="CI" in os.environ, max_examples=50
)
settings.load_profile("neuronas")

_REPOSITORY = Path(__file__).resolve().parents[1]
_VARIABLE = "NEURONAS_REFERENCE_DATA"


@pytest.fixture(scope="session", autouse=True)
def _no_folders_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decode datasets into a folder of the tests, and find none where the user has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURONAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("NEURONAS_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _quick_python() -> None:
    """Look for garbage rarely, and not among what is kept: each training asks for it twice."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _migrations_are_read_once() -> Iterator[None]:
    """Read Optuna's migrations once per process of the tests, not for every database."""
    read = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in known:
            known[place] = read(config)
        return known[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session", autouse=True)
def _folder_of_this_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a folder that no other process of the tests has, for what is named by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """Run a PostgreSQL server of this process's own; the test is skipped where there is none."""
    with postgres.folder() as folder, postgres.server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return count()


@pytest.fixture(scope="session")
def _pgbouncer(postgres_server: postgres.Server) -> Iterator[int]:
    with (
        postgres.folder() as folder,
        postgres.pgbouncer(postgres_server, folder, connections=4) as port,
    ):
        yield port


@pytest.fixture
def postgres_url(postgres_server: postgres.Server, _numbers: Iterator[int]) -> Iterator[str]:
    """Return the storage URL, with a password, of an empty PostgreSQL database."""
    with postgres.database(postgres_server, f"test{next(_numbers)}") as url:
        yield url


@pytest.fixture
def pgbouncer_url(postgres_server: postgres.Server, postgres_url: str, _pgbouncer: int) -> str:
    """Return the URL of an empty database through a pgbouncer with four connections to it."""
    return postgres_url.replace(f":{postgres_server.port}/", f":{_pgbouncer}/")
