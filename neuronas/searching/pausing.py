"""Trainings of one study that pause at rungs: what goes on, from where, and to which rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from neuronas.architecture import Architecture, training_digest
from neuronas.config import ObjectiveName, StudyConfig
from neuronas.errors import CheckpointError
from neuronas.records import (
    CandidateState,
    Evaluation,
    EvaluationKey,
    InRungs,
    Rung,
    TrainingPausedError,
)
from neuronas.searching.objectives import ACCURACY, gains, objective_values
from neuronas.searching.rungs import Contender, Front, epochs_per_training, to_train_on
from neuronas.searching.seeds import training_seed
from neuronas.storage import Repository

_PATIENCE = 2
"""Times the planned epochs after which a search has found what it can."""


class Evaluator(Protocol):
    """Whatever says how good a network is; :class:`neuronas.training.Trainer` is one."""

    def context(self) -> Mapping[str, object]:
        """Return what, besides the network, decides its accuracy."""

    def evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None = None
    ) -> Evaluation:
        """Return the evaluation of a network trained to its end: from its start, or a rung.

        Raises:
            TrainingPausedError: This process is drained.
        """

    def train_to_rung(
        self, architecture: Architecture, key: EvaluationKey, epochs: int, since: Rung | None = None
    ) -> Rung:
        """Return where the training of a network is behind some epochs."""

    def test_accuracy(self, architecture: Architecture, evaluation: Evaluation) -> float:
        """Return the accuracy of a trained network on the test split."""

    def forget(self, checkpoint: Path) -> None:
        """Remove the state of a paused training."""

    def sweep(self) -> None:
        """Remove what killed processes left half-written."""


@dataclass(slots=True)
class Pausing:
    """The rungs of one study, as this process last read them.

    Attributes:
        config: The study.
        repository: Our tables.
        evaluator: Trains networks.
        report: Is told what people should know.
    """

    config: StudyConfig
    repository: Repository
    evaluator: Evaluator
    report: Callable[[str], None]
    _contenders: dict[int, Contender] = field(default_factory=dict)

    def load(self) -> None:
        """Read the study's trainings that ever paused, whoever trained them."""
        begun = self.repository.in_rungs(self.config.name)
        self._contenders = {
            number: self._contender(number, known)
            for number, known in begun.items()
            if known.state != CandidateState.INTERRUPTED
        }

    def digest_of(self, architecture: Architecture) -> str:
        """Return the digest of a network's training."""
        return training_digest(architecture, self.evaluator.context())

    def key_of(self, digest: str) -> EvaluationKey:
        """Return the training with a digest, as this study does it."""
        seed = training_seed(self.config.search.seed, digest)
        return EvaluationKey(digest, self.config.training.epochs, seed)

    def is_changed(self, number: int) -> bool:
        """Return whether a paused trial's training would be another one by now."""
        stored = self.repository.find_trial(self.config.name, number)
        rung = self.repository.last_rung(self.config.name, number)
        if stored is None or rung is None:
            return True
        return rung.key != self.key_of(self.digest_of(stored.candidate.architecture))

    def clean_up(self) -> None:
        """Remove the files from which no training goes on, if any paused that is known of."""
        if self._contenders:
            self.repository.remove_checkpoints(self.config.name, self.evaluator.forget)

    @property
    def paused(self) -> list[Contender]:
        """The trainings that wait to go on."""
        return [c for c in self._contenders.values() if c.paused]

    def to_train_on(self, *, beyond_share: bool = False) -> int | None:
        """Return the trial whose training goes on, or None; see ``rungs.to_train_on``."""
        if not self.paused:
            return None
        reference = self.repository.study(self.config.name).reference
        points = [
            gains({name: point.objectives[name] for name in (ACCURACY, *self._costs)}, reference)
            for point in self.repository.front_points(self.config.name)
        ]
        return to_train_on(
            list(self._contenders.values()),
            Front(np.array(points).reshape(-1, len(self.config.objectives)), reference[ACCURACY]),
            self.config.search.rungs,
            beyond_share=beyond_share,
        )

    def is_in_vain(self) -> bool:
        """Return whether a search takes far more epochs than so many trainings should.

        Nothing goes on where nothing could enter the front, so a search that has found the best
        would begin trainings for ever.
        """
        rungs, epochs = self.config.search.rungs, self.config.training.epochs
        if not rungs:
            return False
        study = self.repository.study(self.config.name)
        paused = sum(c.reached for c in self._contenders.values() if c.final is None)
        planned = study.target_trials * epochs_per_training(rungs, epochs)
        return study.counts["trained"] * epochs + paused >= _PATIENCE * planned

    def train(
        self,
        number: int,
        network: Architecture,
        key: EvaluationKey,
        since: Rung | None = None,
        *,
        at_once: bool = False,
    ) -> Rung | Evaluation:
        """Train a trial's network to its next rung, or to its end behind the last.

        Args:
            number: Of the trial.
            network: Its network.
            key: Its training.
            since: Where that paused, if that is kept.
            at_once: Whether to train it to its end whatever the rungs are.

        Raises:
            TrainingFailedError: It cannot be trained.
            StorageError: What it comes to cannot be written.
        """
        reached = self._contenders[number].reached if number in self._contenders else 0
        stop = None if at_once else self._rung_behind(reached)
        try:
            return self._trained(network, key, stop, since)
        except CheckpointError as error:
            self.report(f"trial {number} is trained from its start: {error}")
            return self._trained(network, key, stop, None)

    def _rung_behind(self, reached: int) -> int | None:
        return min((rung for rung in self.config.search.rungs if rung > reached), default=None)

    def _trained(
        self, network: Architecture, key: EvaluationKey, stop: int | None, since: Rung | None
    ) -> Rung | Evaluation:
        if stop is not None:
            return self.evaluator.train_to_rung(network, key, stop, since)
        try:
            if since is None:
                return self.evaluator.evaluate(network, key)
            return self.evaluator.evaluate(network, key, since)
        except TrainingPausedError as paused:
            return paused.rung

    @property
    def _costs(self) -> list[ObjectiveName]:
        return [name for name in self.config.objectives if name != ACCURACY]

    def _contender(self, number: int, begun: InRungs) -> Contender:
        known = self._contenders.get(number) or self._first_seen(number)
        return replace(
            known,
            accuracies=begun.accuracies,
            final=begun.final,
            paused=begun.state == CandidateState.PAUSED,
        )

    def _first_seen(self, number: int) -> Contender:
        """Return a trial's training with what of it never changes."""
        trial = self.repository.find_trial(self.config.name, number)
        assert trial is not None
        reference = self.repository.study(self.config.name).reference
        assumed = trial.cost.quantities
        return Contender(
            number=number,
            accuracies={},
            final=None,
            costs=gains(objective_values(self._costs, 0.0, assumed), reference),
            parameters=assumed["parameters"],
            paused=False,
        )
