"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

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
