"""Workers that do everything but train: what a database sustains, and how it bears faults."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna

from neuronas.architecture import Architecture, Signal
from neuronas.config import StudyConfig
from neuronas.hardware import estimate, workload_of
from neuronas.records import Evaluation, EvaluationKey, Provenance, Rung
from neuronas.searching import FeasibleRegion
from neuronas.searching.attributes import COST, MEASURED
from neuronas.searching.loop import SearchLoop
from neuronas.searching.objectives import directions, objective_values
from neuronas.searching.samplers import SAMPLERS, GatedSampler
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.spool import Spool
from neuronas.searching.survey import reference_point
from neuronas.storage import Ledger, Repository, open_study, optuna_storage

_RATE = 0.2
"""Spikes per neuron and time step that every layer is said to fire."""


@dataclass(frozen=True, slots=True)
class Idle:
    """An evaluator that sleeps; accuracy depends on the network alone.

    Attributes:
        study: Name of the study, whose trainings no other reuses.
        train_seconds: For how long it sleeps.
    """

    study: str
    train_seconds: float = 0.0

    def context(self) -> Mapping[str, object]:
        """Return what, besides the network, decides its accuracy."""
        return {"recipe": "none", "study": self.study}

    def evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None = None
    ) -> Evaluation:
        """Return a made-up evaluation."""
        del since  # nothing is ever paused
        time.sleep(self.train_seconds)
        return Evaluation(
            key=key,
            validation_accuracy=int(key.digest[:8], 16) / 16**8,
            test_accuracy=0.0,
            spike_rates=dict.fromkeys(_firing(architecture), _RATE),
            zero_inputs=None,
            train_seconds=self.train_seconds,
            peak_memory_bytes=None,
            weights_path=Path("none"),
            weights_sha256="0" * 64,
            provenance=Provenance("none", 1, "none", {}),
        )

    def train_to_rung(
        self, architecture: Architecture, key: EvaluationKey, epochs: int, since: Rung | None = None
    ) -> Rung:
        """Refuse: such a study has no rungs."""
        raise NotImplementedError

    def test_accuracy(self, architecture: Architecture, evaluation: Evaluation) -> float:
        """Return what the evaluation has."""
        del architecture
        return evaluation.test_accuracy or 0.0

    def forget(self, checkpoint: Path) -> None:
        """Do nothing: there are no files."""

    def sweep(self) -> None:
        """Do nothing: there are no files."""


def _firing(architecture: Architecture) -> list[str]:
    workload = workload_of(architecture)
    layers = workload.names(workload.neurons[:, 0] > 0)
    return ["input", *layers] if workload.signal[0, 0] == Signal.SPIKE else layers


def create_idle_study(url: str, config: StudyConfig) -> None:
    """Store a study for :func:`neuronas_client`, with the trials that its file asks for."""
    region = FeasibleRegion.of(config)
    source = generator(config.search.seed, Stream.SURVEY)
    accuracy = config.search.reference_accuracy
    reference = reference_point(region, source, config.objectives, accuracy)
    with Repository(url, create=True) as repository:
        repository.create_study(config, config.search.trials, reference)
    open_study(url, config.name, directions(config.objectives))


def neuronas_client(
    url: str, config: StudyConfig, train_seconds: float, ready: Callable[[], object]
) -> float:
    """Work on a study as a worker does; return when it told its last trial.

    Args:
        url: Storage URL.
        config: The study, from :func:`create_idle_study`.
        train_seconds: For how long each training sleeps.
        ready: Called when all is set up; it may wait for other clients.
    """
    told = [0.0]

    def report(
        message: str, *, trial: int | None = None, train_seconds: float | None = None
    ) -> None:
        del message, trial
        if train_seconds is not None:
            told[0] = time.monotonic()

    sampler = GatedSampler(FeasibleRegion.of(config), config.search.seed)
    with tempfile.TemporaryDirectory() as folder, Repository(url) as repository:
        shared = open_study(url, config.name, directions(config.objectives), sampler)
        shared.trials()
        with repository.joined(config.name) as worker:
            ledger = Ledger(repository, shared, worker)
            spool = Spool(Path(folder), repository, config.name, "")
            loop = SearchLoop(
                config, repository, ledger, sampler, Idle(config.name, train_seconds), spool, report
            )
            ready()
            loop.run()
    return told[0]


def optuna_client(
    url: str,
    config: StudyConfig,
    trials: int,
    train_seconds: float,
    ready: Callable[[], object],
) -> float:
    """Do the same with plain Optuna: ask, suggest, constraints, attributes, tell.

    Args:
        url: Storage URL.
        config: The study.
        trials: How many.
        train_seconds: For how long each training sleeps.
        ready: As for :func:`neuronas_client`.
    """
    region = FeasibleRegion.of(config)
    sampler = GatedSampler(region, config.search.seed, SAMPLERS["random"])
    study = optuna.create_study(
        storage=optuna_storage(url),
        study_name=config.name,
        directions=list(directions(config.objectives).values()),
        sampler=sampler,
        load_if_exists=True,
    )
    study.get_trials(deepcopy=False)
    ready()
    for _ in range(trials):
        trial = study.ask()
        genes = region.space.suggest(trial)
        network, chip = region.space.decode(genes)[0], region.chip_for(genes[0])
        assumed = estimate(network, chip=chip, spike_rate=config.hardware.spike_rate)
        trial.set_user_attr(COST, dict(assumed.quantities))
        time.sleep(train_seconds)
        measured = estimate(network, chip=chip, spike_rate=dict.fromkeys(_firing(network), _RATE))
        for name, violation in region.budget.violations_of(measured.quantities).items():
            trial.set_constraint(name, violation)
        trial.set_user_attr(MEASURED, dict(measured.quantities))
        values = objective_values(config.objectives, trial.number % 97 / 97, measured.quantities)
        study.tell(trial, list(values.values()))
    return time.monotonic()
