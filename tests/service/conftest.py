"""Fixtures of the gateway's tests: a study, and the gateway that shows it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from neuronas.service.gateway import Authentication, Gateway
from tests.searching.fakes import without_fsync
from tests.service.large import large_study
from tests.service.requests import TOKEN


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the storage URL of a database with a study of 60 trials, ``large``."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    url = f"sqlite:///{folder}/neuronas.db"
    with without_fsync(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        large_study(url, "large", 60)
    return url


@pytest.fixture(scope="package")
def gateway(url: str) -> Iterator[Gateway]:
    """Return the gateway of ``url``, which nobody locks out."""
    application = Gateway(url, Authentication(TOKEN))
    yield application
    application.close()
