"""Fixtures of the training's tests: digits, trainers, one trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from neuronas.config import TrainingConfig
from neuronas.records import Evaluation, EvaluationKey
from neuronas.training import Dataset, Trainer, load_dataset
from tests.training.examples import TINY, Trained

MakeTrainer = Callable[..., Trainer]


@pytest.fixture(scope="package", autouse=True)
def _torch() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # not just once per process: tests must not depend on their order
    yield
    torch.set_warn_always(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture(scope="session")
def few_digits() -> Dataset:
    return load_dataset("digits", samples=128)


@pytest.fixture
def make_trainer(tmp_path, few_digits) -> MakeTrainer:
    """Return what makes a trainer on 128 digits for one epoch, changed as asked."""

    def make(**changes: object) -> Trainer:
        settings = TrainingConfig(epochs=1, batch_size=32)
        return replace(Trainer(few_digits, settings, tmp_path, "study", threads=1), **changes)

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory, digits) -> Trained:
    """Return a network trained for a few epochs on all digits; not to be changed."""
    settings = TrainingConfig(epochs=6)
    trainer = Trainer(digits, settings, tmp_path_factory.mktemp("weights"), "study", threads=1)
    evaluation: Evaluation = trainer.evaluate(TINY, EvaluationKey("ab" * 32, 6, 7))
    return Trained(trainer, evaluation)
