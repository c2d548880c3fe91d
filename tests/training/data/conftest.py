"""Fixtures of the datasets' tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuronas.config import DATASETS
from tests.training.data.layouts import Sized


@pytest.fixture
def sized(monkeypatch) -> Sized:
    """Return what makes small sizes the official ones of a dataset."""

    def make(name: str, train: int, validation: int, test: int, **changed: object) -> None:
        info = replace(
            DATASETS[name],
            train_samples=train,
            validation_samples=validation,
            test_samples=test,
            **changed,
        )
        monkeypatch.setitem(DATASETS, name, info)

    return make
