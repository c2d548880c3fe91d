"""What each operation of a search space is worth: random networks with and without it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuronas import interrupts
from neuronas.architecture import Architecture, training_digest
from neuronas.config import OPERATIONS, ZEROIZE, StudyConfig
from neuronas.errors import ConfigError, RepeatedFailureError, TrainingFailedError
from neuronas.records import Evaluation, EvaluationKey
from neuronas.searching.advice import advice
from neuronas.searching.api import study_trainer
from neuronas.searching.assessment import Ints
from neuronas.searching.candidates import FAILURES_IN_A_ROW
from neuronas.searching.changes import (
    Change,
    Sample,
    change_of_mean,
    relative_change_of_mean,
)
from neuronas.searching.coupling import Arm, draw_arms
from neuronas.searching.heartbeat import working_alone
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import training_seed
from neuronas.searching.stored import require_stored
from neuronas.storage import Repository, resolve_url, translated_errors

if TYPE_CHECKING:
    from neuronas.training import Trainer


@dataclass(frozen=True, slots=True)
class Ablated:
    """A space without one operation, or the whole space.

    Attributes:
        removed: The operation; None for the whole space.
        drawn: Random networks whose cost was estimated.
        fit_share: Share of them that fit, in [0, 1].
        networks: Networks that were to be trained.
        differing: How many of them are not the whole space's at their place.
        failed: How many could not be trained, with any seed; they have no accuracy.
        accuracy: Mean validation accuracy of the others, in [0, 1]; None where there is none.
        accuracy_change: By how much it lies above the whole space's; None for the whole space, and
            where fewer than two networks have an accuracy.
        costs: Mean of those that fit, in the units of budgets, by quantity.
        cost_changes: By which share each lies above the whole space's.
    """

    removed: str | None
    drawn: int
    fit_share: float
    networks: int
    differing: int
    failed: int
    accuracy: float | None
    accuracy_change: Change | None
    costs: Mapping[str, float]
    cost_changes: Mapping[str, Change | None]


@dataclass(frozen=True, slots=True)
class AblationStep:
    """What is known after each training.

    Attributes:
        done, wanted: Trainings, of all networks and seeds.
        removed: Operation without which the network was drawn first; None for the whole space.
        accuracy: Validation accuracy; None where it could not be trained.
        reused: Whether an earlier call or search trained it.
        failure: Why it could not be trained.
    """

    done: int
    wanted: int
    removed: str | None
    accuracy: float | None
    reused: bool
    failure: str | None = None


def ablate(
    config: StudyConfig,
    *,
    networks: int = 16,
    seeds: int = 1,
    storage: str | None = None,
    checkpoint_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    threads: int = 1,
    device: str | None = None,
    listener: Callable[[AblationStep], None] = lambda _: None,
) -> list[Ablated]:
    """Remove one operation of a study's space at a time; return what that changes.

    Of the whole space and of each reduced one, random networks that fit the budget are trained as
    in the study's search. Networks of two spaces pair up, see :mod:`neuronas.searching.coupling`.
    Each training is stored as it ends, for the search too; a later call goes on with what is
    missing, and with more networks or seeds trains those that are new. What could not be trained is
    tried again.

    Args:
        config: The study; it is stored if it is not yet.
        networks: Networks of each space, at least two.
        seeds: Trainings of each; the first has the seed of the search.
        storage: Storage URL; as for :func:`neuronas.search`.
        checkpoint_dir: Folder of weights; likewise.
        data_dir: Folder with the dataset's files, where it needs any.
        threads: Threads of torch.
        device: ``cpu`` or ``cuda``; CUDA where it is available when None.
        listener: Is told of each training.

    Returns:
        The whole space, then each space without one operation. An operation without which nothing
        would connect is not removed.

    Raises:
        ConfigError: No operation can be removed, or the study is stored with other content.
        InfeasibleSpaceError: Too few networks fit the budget.
        DatasetError: The dataset's files are not there.
        StorageError: The database cannot be used, or a live process works on this study.
        RepeatedFailureError: Five trainings failed in a row.
    """
    removable = _removable(config)
    url = resolve_url(storage, config.storage)
    region = FeasibleRegion.of(config)
    arms = draw_arms(region, removable, config.search.seed, networks)
    with (
        translated_errors(url),
        Repository(url, create=True) as repository,
    ):
        trainer = study_trainer(config, checkpoint_dir, data_dir, threads, device)
        require_stored(config, repository, region)
        trainings = _Trainings(config, repository, trainer, region, seeds, listener)
        with working_alone(repository, config.name, "ablate"):
            trainings.run(arms)
        return [trainings.judged(arm, arms[0]) for arm in arms]


def _removable(config: StudyConfig) -> list[str]:
    """Return the operations without which others are left that connect."""
    names = config.space.operations
    connecting = [name for name in names if name != OPERATIONS[ZEROIZE].name]
    found = [name for name in names if set(connecting) - {name}]
    if not found or len(names) == 1:
        raise ConfigError(
            f"space.operations: found {', '.join(names)}; an ablation removes one operation at a "
            "time, and one that connects must be left: allowed are two or more"
        )
    return found


@dataclass(slots=True)
class _Trainings:
    """All trainings of one call, equal networks once."""

    config: StudyConfig
    repository: Repository
    trainer: Trainer
    region: FeasibleRegion
    seeds: int
    listener: Callable[[AblationStep], None]
    _accuracies: dict[EvaluationKey, float] = field(default_factory=dict)
    _failures: list[TrainingFailedError] = field(default_factory=list)

    def run(self, arms: list[Arm]) -> None:
        """Train what is not stored, network after network, so that all arms grow together."""
        wanted: dict[EvaluationKey, tuple[Architecture, str | None]] = {}
        for row in range(max(len(arm.genes) for arm in arms)):
            for arm in arms:
                for genes in arm.genes[row : row + 1]:
                    network = self._network(genes)
                    for key in self._keys(network):
                        wanted.setdefault(key, (network, arm.removed))
        for number, (key, (network, removed)) in enumerate(wanted.items(), 1):
            interrupts.check()
            stored = self.repository.find_evaluation(key)
            found = stored or self._trained(key, network)
            if isinstance(found, TrainingFailedError):
                accuracy, failure = None, str(found)
            else:
                accuracy, failure = found.validation_accuracy, None
                self._accuracies[key] = accuracy
            self.listener(
                AblationStep(number, len(wanted), removed, accuracy, stored is not None, failure)
            )

    def _network(self, genes: Ints) -> Architecture:
        return self.region.space.decode(genes[None])[0]

    def _keys(self, network: Architecture) -> list[EvaluationKey]:
        """Return the trainings of a network, one per seed."""
        digest = training_digest(network, self.trainer.context())
        epochs, seed = self.config.training.epochs, self.config.search.seed
        return [
            EvaluationKey(digest, epochs, training_seed(seed, digest, index))
            for index in range(self.seeds)
        ]

    def _trained(
        self, key: EvaluationKey, network: Architecture
    ) -> Evaluation | TrainingFailedError:
        try:
            evaluation = self.trainer.evaluate(network, key)
        except TrainingFailedError as failure:
            self._failures.append(failure)
            if len(self._failures) >= FAILURES_IN_A_ROW:
                causes = "\n".join(f"  {why}" for why in self._failures)
                raise RepeatedFailureError(
                    f"{FAILURES_IN_A_ROW} trainings failed in a row:\n{causes}\n"
                    f"{advice(why.reason for why in self._failures)}"
                ) from None
            return failure
        self._failures.clear()
        self.repository.add_evaluation(self.config.name, evaluation)
        return evaluation

    def judged(self, arm: Arm, whole: Arm) -> Ablated:
        """Return what an arm shows, beside the whole space."""
        accuracies = self._accuracies_of(arm)
        trained = len(accuracies.values)
        pairs = dict(zip(whole.places.tolist(), whole.keys, strict=False))
        equal = sum(
            pairs.get(place) == key
            for place, key in zip(arm.places.tolist(), arm.keys, strict=False)
        )
        change, cost_changes = None, dict[str, Change | None]()
        if arm.removed is not None:
            change = change_of_mean(self._accuracies_of(whole), accuracies)
            cost_changes = {
                name: relative_change_of_mean(cost, arm.costs[name])
                for name, cost in whole.costs.items()
            }
        return Ablated(
            removed=arm.removed,
            drawn=arm.drawn,
            fit_share=len(arm.places) / arm.drawn,
            networks=len(arm.genes),
            differing=len(arm.genes) - equal,
            failed=len(arm.genes) - trained,
            accuracy=accuracies.mean if trained else None,
            accuracy_change=change,
            costs={name: cost.mean for name, cost in arm.costs.items() if len(cost.values)},
            cost_changes=cost_changes,
        )

    def _accuracies_of(self, arm: Arm) -> Sample:
        """Return the accuracies of an arm's networks, means over seeds, where there are any."""
        accuracies, places = [], []
        for genes, place in zip(arm.genes, arm.places, strict=False):
            keys = self._keys(self._network(genes))
            found = [self._accuracies[key] for key in keys if key in self._accuracies]
            if found:
                accuracies.append(statistics.mean(found))
                places.append(place)
        return Sample(np.array(accuracies), np.array(places, dtype=np.int64))
