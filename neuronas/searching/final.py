"""Final training: networks of a study trained to completion, several times each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuronas.architecture import training_digest
from neuronas.errors import StorageError, TrainingFailedError
from neuronas.hardware import Estimate
from neuronas.records import Evaluation, EvaluationKey, StudyRecord, Trial
from neuronas.searching.api import study_trainer
from neuronas.searching.chips import candidate_estimate
from neuronas.searching.seeds import final_seed
from neuronas.storage import Repository, resolve_url, study_lock, translated_errors

if TYPE_CHECKING:
    from neuronas.training import Trainer


@dataclass(frozen=True, slots=True)
class FinalNetwork:
    """One network of a study, trained to completion with several seeds.

    Attributes:
        trial: The trial that proposed it, with what the search saw of it.
        evaluations: One per seed, with test accuracy.
        cost: Cost at the spike rates that these trainings measured, averaged over seeds.
    """

    trial: Trial
    evaluations: tuple[Evaluation, ...]
    cost: Estimate

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracy of each seed, in [0, 1]."""
        return [e.test_accuracy for e in self.evaluations if e.test_accuracy is not None]

    @property
    def mean(self) -> float:
        """Mean test accuracy."""
        return statistics.mean(self.test_accuracies)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the test accuracy over seeds; None of a single one."""
        found = self.test_accuracies
        return statistics.stdev(found) if len(found) > 1 else None


@dataclass(frozen=True, slots=True)
class FinalStep:
    """What is known after each training.

    Attributes:
        done, wanted: Trainings, of all networks and seeds.
        trial_number: The network.
        evaluation: How good it is.
        reused: Whether an earlier call trained it.
    """

    done: int
    wanted: int
    trial_number: int
    evaluation: Evaluation
    reused: bool


def train_final(
    name: str,
    *,
    epochs: int,
    seeds: int = 1,
    trials: Sequence[int] | None = None,
    storage: str | None = None,
    checkpoint_dir: str | Path | None = None,
    data_dir: str | Path | None = None,
    threads: int = 1,
    device: str | None = None,
    listener: Callable[[FinalStep], None] = lambda _: None,
) -> list[FinalNetwork]:
    """Train networks of a study on its whole training split, with seeds of their own.

    No seed is that of the search: the accuracy by which a network was chosen is the luckiest of
    many, these are not. Each training is stored as it ends, and a later call with the same epochs
    goes on with what is missing.

    Args:
        name: The study.
        epochs: Epochs of each training, with a complete schedule.
        seeds: Trainings of each network.
        trials: Numbers of trials; the Pareto front where None.
        storage: Storage URL.
        checkpoint_dir: Folder of weights; as for :func:`neuronas.search`.
        data_dir: Folder with the dataset's files, where it needs any.
        threads: Threads of torch.
        device: ``cpu`` or ``cuda``; CUDA where it is available when None.
        listener: Is told of each training.

    Returns:
        One per network, in the order of ``trials``, or by number.

    Raises:
        StorageError: There is no such study or trial, or a live process searches it.
        DatasetError: The dataset's files are not there.
        TrainingFailedError: A network cannot be trained for so long.
    """
    url = resolve_url(storage)
    with translated_errors(url), Repository(url) as repository, study_lock(url, name):
        study = repository.study(name)
        chosen = _chosen(repository, study, trials)
        whole = study.config.training.model_copy(update={"samples": None})
        config = study.config.model_copy(update={"training": whole})
        trainer = study_trainer(config, checkpoint_dir, data_dir, threads, device)
        wanted = len(chosen) * seeds
        found: dict[int, list[Evaluation]] = {}
        for trial in chosen:
            number = trial.candidate.trial_number
            for index in range(seeds):
                key = _key(trial, trainer, study, epochs, index)
                stored = repository.find_evaluation(key)
                evaluation = stored or _evaluated(trainer, trial, key)
                evaluation = _tested(repository, name, trainer, trial, evaluation)
                found.setdefault(number, []).append(evaluation)
                done = sum(map(len, found.values()))
                listener(FinalStep(done, wanted, number, evaluation, stored is not None))
    return [_final(study, trial, found[trial.candidate.trial_number]) for trial in chosen]


def _chosen(
    repository: Repository, study: StudyRecord, numbers: Sequence[int] | None
) -> list[Trial]:
    if numbers is None:
        front = repository.front(study.name)
        if not front:
            raise StorageError(
                f"study '{study.name}' has no front yet; search it first, or name a trial"
            )
        return front
    found = [repository.find_trial(study.name, number) for number in dict.fromkeys(numbers)]
    missing = [n for n, trial in zip(dict.fromkeys(numbers), found, strict=True) if trial is None]
    if missing:
        known = len(repository.trials(study.name))
        raise StorageError(f"study '{study.name}' has no trial {missing[0]}; it has {known} trials")
    return [trial for trial in found if trial is not None]


def _evaluated(trainer: Trainer, trial: Trial, key: EvaluationKey) -> Evaluation:
    try:
        return trainer.evaluate(trial.candidate.architecture, key)
    except TrainingFailedError as failure:
        failure.add_note(
            f"it is trial {trial.candidate.trial_number}; what was trained before is stored, name "
            "the other trials to train them"
        )
        raise


def _key(
    trial: Trial, trainer: Trainer, study: StudyRecord, epochs: int, index: int
) -> EvaluationKey:
    digest = training_digest(trial.candidate.architecture, trainer.context())
    return EvaluationKey(digest, epochs, final_seed(study.config.search.seed, digest, index))


def _tested(
    repository: Repository, study: str, trainer: Trainer, trial: Trial, evaluation: Evaluation
) -> Evaluation:
    """Return an evaluation with its test accuracy, stored."""
    repository.add_evaluation(study, evaluation)
    if evaluation.test_accuracy is None:
        accuracy = trainer.test_accuracy(trial.candidate.architecture, evaluation)
        repository.set_test_accuracy(evaluation.key, accuracy)
    stored = repository.find_evaluation(evaluation.key)
    assert stored is not None
    return stored


def _final(study: StudyRecord, trial: Trial, evaluations: Iterable[Evaluation]) -> FinalNetwork:
    kept = tuple(evaluations)
    names = kept[0].spike_rates
    rates = {name: statistics.mean(e.spike_rates[name] for e in kept) for name in names}
    cost = candidate_estimate(study.config, trial.candidate, spike_rate=rates)
    return FinalNetwork(trial, kept, cost)
