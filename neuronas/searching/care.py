"""Care of stored studies: stopping them, and comparing what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.errors import ConfigError, StorageError
from neuronas.records import StudyRecord, Trial
from neuronas.searching.heartbeat import STOPPED
from neuronas.searching.loop import RUNNING
from neuronas.searching.objectives import ACCURACY, MAXIMIZED, gains, objective_values
from neuronas.searching.pareto import front_indices, hypervolume
from neuronas.storage import Repository


def stop_study(repository: Repository, name: str) -> int:
    """Let the workers of a study drain; return how many there are.

    None begins another network; what trains pauses at the end of its epoch. The study goes on
    with ``neuronas resume``.

    Raises:
        StorageError: There is no such study, or it is not running.
    """
    study = repository.study(name)
    if study.state != RUNNING:
        raise StorageError(f"study '{name}' is {study.state}; only a running one can be stopped")
    repository.update_study(name, state=STOPPED)
    return sum(worker.alive for worker in repository.workers(name))


@dataclass(frozen=True, slots=True)
class Compared:
    """One of several studies with the same objectives.

    Attributes:
        study: The study.
        front: Trials on its front, by number.
        hypervolume: Of its front, from a reference that is common to all, in [0, 1].
        on_common_front: Those of its front that no other study's network is better than.
    """

    study: StudyRecord
    front: list[Trial]
    hypervolume: float
    on_common_front: list[int]


def compare_studies(repository: Repository, names: Sequence[str]) -> list[Compared]:
    """Return studies side by side.

    Hypervolumes are measured from the worst of their references, so that they can be compared.

    Raises:
        StorageError: There is no such study.
        ConfigError: Their objectives or datasets differ.
    """
    studies = [repository.study(name) for name in names]
    first = studies[0].config
    for study in studies[1:]:
        config = study.config
        for key, found, wanted in (
            ("objectives", set(config.objectives), set(first.objectives)),
            ("dataset", config.dataset, first.dataset),
        ):
            if found != wanted:
                raise ConfigError(
                    f"study '{study.name}' has {key} {_words(found)}, '{studies[0].name}' has "
                    f"{_words(wanted)}; only studies with the same can be compared"
                )
    reference: dict[str, float] = {
        name: (min if name in MAXIMIZED else max)(study.reference[name] for study in studies)
        for name in first.objectives
    }
    fronts = [repository.front(study.name) for study in studies]
    points = [_points(front, list(first.objectives), reference) for front in fronts]
    everything = np.concatenate(points)
    # What several found is on the front of each.
    best = set(map(tuple, everything[front_indices(everything)].tolist()))
    box = 1 - reference.get(ACCURACY, 0.0)
    return [
        Compared(
            study,
            front,
            hypervolume(own) / box,
            [
                trial.candidate.trial_number
                for trial, point in zip(front, own.tolist(), strict=True)
                if tuple(point) in best
            ],
        )
        for study, front, own in zip(studies, fronts, points, strict=True)
    ]


def _points(
    front: Sequence[Trial], objectives: list[str], reference: dict[str, float]
) -> NDArray[np.float64]:
    """Return the gains of a front's networks, shape ``(N, M)``."""
    rows = []
    for trial in front:
        assert trial.evaluation is not None
        accuracy, cost = trial.evaluation.validation_accuracy, trial.known_cost.quantities
        rows.append(gains(objective_values(objectives, accuracy, cost), reference))
    return np.array(rows, dtype=np.float64).reshape(-1, len(objectives))


def _words(found: object) -> str:
    return ", ".join(sorted(found)) if isinstance(found, set) else str(found)
