"""A search without training: an evaluator that answers at once, and how to search with it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Engine, event

from neuronas.architecture import Architecture, Signal
from neuronas.config import StudyConfig, validate
from neuronas.errors import CheckpointError, TrainingFailedError
from neuronas.hardware import Chip, estimate, workload_of
from neuronas.records import Evaluation, EvaluationKey, Provenance, Rung, StudyRecord
from neuronas.searching import SearchResult, api
from neuronas.storage import Repository
from tests.strategies import architecture

Before = Callable[[int, Architecture], None]

SPACE = {"channels": [2, 4, 8], "time_steps": [1, 2]}
BUDGET = {"area_mm2": 0.8, "latency_ms": 0.2, "energy_uj": 0.25}

HARDWARE = {"model": "spikesim", "chip": "spikesim-65nm-rram"}
CHIP = Chip.of(HARDWARE["chip"])

TOO_DEAR = architecture(
    cell_a="0333 0033 0003 0000", cell_b="0333 0033 0003 0000", channels=8, time_steps=2
)
"""In ``SPACE``, beyond the energy and area of ``BUDGET``."""
CHEAP = architecture(cell_a="0001 0000 0000 0000", channels=2, time_steps=1)
"""In ``SPACE`` and within ``BUDGET``."""
CHEAP_TOO = architecture(
    cell_a="0331 0000 0000 0000", cell_b="0331 0000 0000 0000", channels=2, time_steps=1
)
"""The same network as ``CHEAP``, from another genotype."""


class DiedError(BaseException):
    """Stands for ``kill -9``: no handler of ours may see it and clean up."""


class FakeEvaluator:
    """Answers at once; accuracy depends on the key alone, in steps of 1/1000.

    Args:
        before: Is called before each training with its number, from 1, and may raise.
        spike_rate: What every layer's neurons are measured to fire.
        context: Part of the training digest.
    """

    def __init__(
        self, before: Before | None = None, *, spike_rate: float = 0.25, **context: object
    ) -> None:
        self._before, self._spike_rate = before, spike_rate
        self._context = {"recipe": "fake"} | context
        self.calls: list[EvaluationKey] = []
        self.trained: list[EvaluationKey] = []
        self.rungs: list[tuple[EvaluationKey, int]] = []
        self.forgotten: list[Path] = []
        self.epochs = self.sweeps = 0
        self.tested: list[EvaluationKey] = []
        self.quantized: list[tuple[Architecture, Evaluation]] = []
        self.scored: list[Architecture] = []

    def context(self) -> Mapping[str, object]:
        return self._context

    def evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None = None
    ) -> Evaluation:
        self._begin(architecture, key, since)
        self.trained.append(key)
        self.epochs += key.epochs - (since.epochs if since else 0)
        rates = dict.fromkeys(firing(architecture), self._spike_rate)
        return replace(evaluation(key), spike_rates=rates)

    def train_to_rung(
        self, architecture: Architecture, key: EvaluationKey, epochs: int, since: Rung | None = None
    ) -> Rung:
        self._begin(architecture, key, since)
        self.rungs.append((key, epochs))
        self.epochs += epochs - (since.epochs if since else 0)
        return rung(key, epochs)

    def _begin(self, architecture: Architecture, key: EvaluationKey, since: Rung | None) -> None:
        self.calls.append(key)
        if since is not None and since.checkpoint_path in self.forgotten:
            raise CheckpointError("forgotten")
        if self._before is not None:
            self._before(len(self.calls), architecture)

    def forget(self, checkpoint: Path) -> None:
        self.forgotten.append(checkpoint)

    def sweep(self) -> None:
        self.sweeps += 1

    def test_accuracy(self, architecture: Architecture, evaluation: Evaluation) -> float:
        self.tested.append(evaluation.key)
        return evaluation.validation_accuracy / 2

    def quantized_accuracy(self, architecture: Architecture, twin: Evaluation) -> float:
        self.quantized.append((architecture, twin))
        return twin.validation_accuracy / 4

    def scoring_context(self) -> Mapping[str, object]:
        return self._context

    def untrained_score(self, architecture: Architecture, seed: int) -> float:
        """Prefer many parameters; cells with a convolution 1x1 are silent."""
        self.scored.append(architecture)
        cost = estimate(architecture, chip=CHIP)
        return -math.inf if "conv1x1" in architecture.canonical().cell_a else cost.parameters


def firing(architecture: Architecture) -> list[str]:
    """Return what of a network fires: its layers, and an image that is coded by spikes."""
    workload = workload_of(architecture)
    layers = workload.names(workload.neurons[:, 0] > 0)
    return ["input", *layers] if workload.signal[0, 0] == Signal.SPIKE else layers


def evaluation(key: EvaluationKey) -> Evaluation:
    """Return the evaluation that a fake training gives."""
    return Evaluation(
        key=key,
        validation_accuracy=(hash_of(key) % 1000) / 1000,
        test_accuracy=None,
        spike_rates={"cell_a.lif0": 0.25},
        zero_inputs={"cell_a.lif0": 0.5},
        train_seconds=2.0,
        peak_memory_bytes=1_000_000,
        weights_path=Path("test") / f"{key.digest[:16]}.safetensors",
        weights_sha256="0" * 64,
        provenance=Provenance("cpu", 1, "digits, fake", {"neuronas": "0"}),
    )


def rung(key: EvaluationKey, epochs: int) -> Rung:
    """Return the rung that a fake training finishes: a fifth below what it comes to."""
    return Rung(
        key=key,
        epochs=epochs,
        validation_accuracy=evaluation(key).validation_accuracy * 0.8,
        train_seconds=2.0 * epochs / key.epochs,
        peak_memory_bytes=None,
        checkpoint_path=Path("test") / f"{key.digest[:16]}-r{epochs}.checkpoint",
        checkpoint_sha256="0" * 64,
    )


def hash_of(key: EvaluationKey) -> int:
    """Return a number that is spread evenly and equal for equal keys."""
    return (int(key.digest[:12], 16) * 31 + key.seed) * 31 + key.epochs


def failing(*numbers: int, reason: str = "non-finite") -> Before:
    """Fail the trainings with these numbers."""

    def before(number: int, _: Architecture) -> None:
        if number in numbers:
            raise TrainingFailedError(reason, f"training {number}")

    return before


def raising(error: BaseException, *numbers: int) -> Before:
    """Raise ``error`` in the trainings with these numbers."""

    def before(number: int, _: Architecture) -> None:
        if number in numbers:
            raise error

    return before


def study_config(**changes: object) -> StudyConfig:
    """Return a small study, changed as asked; ``search`` is merged, other sections replaced."""
    content: dict[str, object] = {
        "name": "test",
        "dataset": "digits",
        "space": SPACE,
        "hardware": HARDWARE,
        "budget": BUDGET,
        "search": {"sampler": "random", "trials": 8, "seed": 1} | changes.pop("search", {}),
    }
    return validate(StudyConfig, content | changes, source=None)


@contextmanager
def evaluated_by(evaluator: FakeEvaluator) -> Iterator[None]:
    """Let every search train with this evaluator."""
    with patch("neuronas.training.Trainer", SimpleNamespace(of=lambda *_, **__: evaluator)):
        yield


def run(
    config: StudyConfig, url: str, evaluator: FakeEvaluator | None = None, **options: object
) -> SearchResult:
    """Search a study with a fake evaluator."""
    with evaluated_by(evaluator or FakeEvaluator()):
        return api.search(config, storage=url, **options)


def load_study_record(url: str, name: str = "test") -> StudyRecord:
    """Return a stored study; one that is not there is stored first."""
    with Repository(url, create=True) as repository:
        if repository.find_study(name) is None:
            repository.create_study(study_config(name=name), 8, {"accuracy": 0.0, "energy": 1.0})
        return repository.study(name)


def trials_of(url: str, name: str = "test"):
    """Return the stored trials of a study, by number."""
    with Repository(url) as repository:
        return {trial.candidate.trial_number: trial for trial in repository.trials(name)}


def rows(url: str, query: str, *values: object) -> list[dict[str, object]]:
    """Return the rows of a query with ``?`` for values, as a plain driver sees them."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, row_factory=dict_row) as server:
            return server.execute(query.replace("?", "%s"), values).fetchall()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


@contextmanager
def without_fsync() -> Iterator[None]:
    """Let no commit wait for the disk: processes die in these tests, machines do not."""

    def configure(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", configure)
    try:
        yield
    finally:
        event.remove(Engine, "connect", configure)
