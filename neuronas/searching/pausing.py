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
from neuronas.records import CandidateState, Evaluation, EvaluationKey, Rung, Trial
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
        """Return the evaluation of a network trained to its end: from its start, or a rung."""

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
    """The rungs of one study, as this process knows them: it alone works on the study.

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
        """Read the study's trainings that ever paused, and remove what none needs any more."""
        self.clean_up()
        shown = self.repository.rung_accuracies(self.config.name)
        trials = self.repository.trials(self.config.name) if shown else []
        self._contenders = {
            trial.candidate.trial_number: self._contender(trial, accuracies)
            for trial in trials
            if trial.state != CandidateState.INTERRUPTED
            and (accuracies := shown.get(trial.candidate.trial_number))
        }

    def digest_of(self, architecture: Architecture) -> str:
        """Return the digest of a network's training."""
        return training_digest(architecture, self.evaluator.context())

    def key_of(self, digest: str) -> EvaluationKey:
        """Return the training with a digest, as this study does it."""
        seed = training_seed(self.config.search.seed, digest)
        return EvaluationKey(digest, self.config.training.epochs, seed)

    def may_go_on(self, number: int, key: EvaluationKey) -> bool:
        """Return whether a trial's training paused that is this very one."""
        if number not in self._contenders:
            return False
        rung = self.repository.last_rung(self.config.name, number)
        return rung is not None and rung.key == key

    def put_back(self, stored: Trial, *, died: bool) -> dict[str, float]:
        """Let a trial's training pause where it did last; return its attribute ``rungs``.

        Args:
            stored: The trial, maybe paused already.
            died: Whether the process that went on with it died of it.
        """
        number = stored.candidate.trial_number
        if stored.state != CandidateState.PAUSED:
            self.repository.put_back_candidate(self.config.name, number, died=died)
        known = self._contenders[number] = replace(self._contenders[number], paused=True)
        return as_attribute(known.accuracies)

    def clean_up(self) -> None:
        """Remove the files from which no training goes on."""
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
        self, number: int, network: Architecture, key: EvaluationKey, *, at_once: bool
    ) -> Rung | Evaluation:
        """Train a trial's network to its next rung, or to its end behind the last.

        Args:
            number: Of the trial.
            network: Its network.
            key: Its training.
            at_once: Whether to train it to its end whatever the rungs are.

        Raises:
            TrainingFailedError: It cannot be trained.
            StorageError: What it comes to cannot be written.
        """
        known = self._contenders.get(number)
        if known is None:
            stop = None if at_once else self._rung_behind(0)
            return self._trained(network, key, stop, None)
        self._contenders[number] = replace(known, paused=False)
        since = self.repository.take_up_candidate(self.config.name, number)
        stop = self._rung_behind(known.reached)
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
        if since is None:
            return self.evaluator.evaluate(network, key)
        return self.evaluator.evaluate(network, key, since)

    def pause(self, number: int, rung: Rung) -> dict[str, float]:
        """Store that a trial's training pauses; return its attribute ``rungs``."""
        self.repository.pause_candidate(self.config.name, number, rung)
        known = self._contenders.get(number)
        before = {} if known is None else known.accuracies
        accuracies = {**before, rung.epochs: rung.validation_accuracy}
        if known is None:
            stored = self.repository.find_trial(self.config.name, number)
            assert stored is not None
            known = self._contender(stored, accuracies)
        self._contenders[number] = replace(known, accuracies=accuracies, paused=True)
        self.clean_up()
        return as_attribute(accuracies)

    def end(self, number: int, accuracy: float | None) -> None:
        """Take note that a trial has ended, with an accuracy if it was trained to its end."""
        known = self._contenders.get(number)
        if known is not None:
            self._contenders[number] = replace(known, final=accuracy, paused=False)
            self.clean_up()

    @property
    def _costs(self) -> list[ObjectiveName]:
        return [name for name in self.config.objectives if name != ACCURACY]

    def _contender(self, trial: Trial, accuracies: Mapping[int, float]) -> Contender:
        reference = self.repository.study(self.config.name).reference
        assumed = trial.cost.quantities
        return Contender(
            number=trial.candidate.trial_number,
            accuracies=accuracies,
            final=trial.evaluation.validation_accuracy if trial.evaluation else None,
            costs=gains(objective_values(self._costs, 0.0, assumed), reference),
            parameters=assumed["parameters"],
            paused=trial.state == CandidateState.PAUSED,
        )


def as_attribute(accuracies: Mapping[int, float]) -> dict[str, float]:
    """Return the accuracy at each rung as Optuna's users find it: JSON's keys are text."""
    return {str(epochs): accuracy for epochs, accuracy in accuracies.items()}
