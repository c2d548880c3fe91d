"""Final training: networks of a study trained to completion, several times each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuronas import interrupts
from neuronas.architecture import Architecture, training_digest
from neuronas.errors import StorageError, TrainingFailedError
from neuronas.hardware import Estimate
from neuronas.records import Evaluation, EvaluationKey, StudyRecord, Trial
from neuronas.searching.api import study_trainer
from neuronas.searching.chips import candidate_estimate
from neuronas.searching.heartbeat import working_alone
from neuronas.searching.seeds import final_seed
from neuronas.storage import Repository, resolve_url, translated_errors

if TYPE_CHECKING:
    from neuronas.training import Trainer


@dataclass(frozen=True, slots=True)
class Twin:
    """A network trained with weights of 32 bits, and quantized afterwards.

    Attributes:
        evaluation: Of the network with weights of 32 bits, with test accuracy.
        quantized_accuracy: Test accuracy once its weights have the bits of the study's network,
            in [0, 1].
    """

    evaluation: Evaluation
    quantized_accuracy: float


@dataclass(frozen=True, slots=True)
class FinalNetwork:
    """One network of a study, trained to completion with several seeds.

    Attributes:
        trial: The trial that proposed it, with what the search saw of it.
        evaluations: One per seed, with test accuracy.
        cost: Cost at the spike rates that these trainings measured, averaged over seeds.
        twins: One per seed, for comparison; empty where none was asked for.
    """

    trial: Trial
    evaluations: tuple[Evaluation, ...]
    cost: Estimate
    twins: tuple[Twin, ...] = ()

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracy of each seed, in [0, 1]."""
        return _tests(self.evaluations)

    @property
    def full_precision_accuracies(self) -> list[float]:
        """Test accuracy of each twin with weights of 32 bits, in [0, 1]."""
        return _tests(twin.evaluation for twin in self.twins)

    @property
    def post_training_accuracies(self) -> list[float]:
        """Test accuracy of each twin after its weights were quantized, in [0, 1]."""
        return [twin.quantized_accuracy for twin in self.twins]


def _tests(evaluations: Iterable[Evaluation]) -> list[float]:
    return [e.test_accuracy for e in evaluations if e.test_accuracy is not None]


@dataclass(frozen=True, slots=True)
class FinalStep:
    """What is known after each training.

    Attributes:
        done, wanted: Trainings, of all networks and seeds.
        trial_number: The network.
        evaluation: How good it is.
        reused: Whether an earlier call trained it.
        twin: Whether it was trained with weights of 32 bits, for comparison.
    """

    done: int
    wanted: int
    trial_number: int
    evaluation: Evaluation
    reused: bool
    twin: bool


def train_final(
    name: str,
    *,
    epochs: int,
    seeds: int = 1,
    trials: Sequence[int] | None = None,
    post_training: bool = False,
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
        post_training: Train each network under each seed with weights of 32 bits too, and quantize
            it afterwards. What is measured then is not stored, but the weights are: a later call
            quantizes them again.
        storage: Storage URL.
        checkpoint_dir: Folder of weights; as for :func:`neuronas.search`.
        data_dir: Folder with the dataset's files, where it needs any.
        threads: Threads of torch.
        device: ``cpu`` or ``cuda``; CUDA where it is available when None.
        listener: Is told of each training.

    Returns:
        One per network, in the order of ``trials``, or by number.

    Raises:
        StorageError: There is no such study or trial, a live process searches it, or weights that
            are to be tested are absent or damaged.
        DatasetError: The dataset's files are not there.
        TrainingFailedError: A network cannot be trained for so long.
    """
    url = resolve_url(storage)
    with translated_errors(url), Repository(url) as repository:
        study = repository.study(name)
        chosen = _chosen(repository, study, trials)
        whole = study.config.training.model_copy(update={"samples": None})
        config = study.config.model_copy(update={"training": whole})
        trainer = study_trainer(config, checkpoint_dir, data_dir, threads, device)
        wanted = len(chosen) * seeds * (2 if post_training else 1)
        trainings = _Trainings(repository, study, trainer, epochs, wanted, listener)
        with working_alone(repository, name, "final"):
            return [
                trainings.network(trial, seeds, post_training=post_training) for trial in chosen
            ]


@dataclass(slots=True)
class _Trainings:
    """All trainings of one call: those that are stored are reused, others stored as they end."""

    repository: Repository
    study: StudyRecord
    trainer: Trainer
    epochs: int
    wanted: int
    listener: Callable[[FinalStep], None]
    done: int = 0

    def network(self, trial: Trial, seeds: int, *, post_training: bool) -> FinalNetwork:
        """Return a trial's network, trained with each seed."""
        network = trial.candidate.architecture
        digest = training_digest(network, self.trainer.context())
        kept: list[Evaluation] = []
        twins: list[Twin] = []
        for index in range(seeds):
            seed = final_seed(self.study.config.search.seed, digest, index)
            key = EvaluationKey(digest, self.epochs, seed)
            kept.append(self._training(trial, network, key))
            if post_training:
                twins.append(self._twin(trial, kept[-1]))
        cost = _measured_cost(self.study, trial, kept)
        return FinalNetwork(trial, tuple(kept), cost, tuple(twins))

    def _twin(self, trial: Trial, evaluation: Evaluation) -> Twin:
        """Return the network with weights of 32 bits, trained with the seed of ``evaluation``.

        A network whose weights have 32 bits is its own twin.
        """
        network = trial.candidate.architecture
        full = network.full_precision()
        digest = training_digest(full, self.trainer.context())
        key = EvaluationKey(digest, self.epochs, evaluation.key.seed)
        found = self._training(trial, full, key, twin=True)
        (accuracy,) = _tests([found])
        if key != evaluation.key:
            accuracy = self.trainer.quantized_accuracy(network, found)
        return Twin(found, accuracy)

    def _training(
        self, trial: Trial, network: Architecture, key: EvaluationKey, *, twin: bool = False
    ) -> Evaluation:
        """Return the stored evaluation of one training, with test accuracy."""
        interrupts.check()
        number = trial.candidate.trial_number
        stored = self.repository.find_evaluation(key)
        evaluation = stored or self._evaluated(number, network, key, twin=twin)
        self.repository.add_evaluation(self.study.name, evaluation)
        if evaluation.test_accuracy is None:
            accuracy = self.trainer.test_accuracy(network, evaluation)
            self.repository.set_test_accuracy(key, accuracy)
        kept = self.repository.find_evaluation(key)
        assert kept is not None
        self.done += 1
        reused = stored is not None
        self.listener(FinalStep(self.done, self.wanted, number, kept, reused, twin))
        return kept

    def _evaluated(
        self, number: int, network: Architecture, key: EvaluationKey, *, twin: bool
    ) -> Evaluation:
        try:
            return self.trainer.evaluate(network, key)
        except TrainingFailedError as failure:
            which = f"trial {number} with weights of 32 bits" if twin else f"trial {number}"
            failure.add_note(
                f"it is {which}; what was trained before is stored, name the other trials to "
                "train them"
            )
            raise


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


def _measured_cost(study: StudyRecord, trial: Trial, evaluations: Sequence[Evaluation]) -> Estimate:
    names = evaluations[0].spike_rates
    rates = {name: statistics.mean(e.spike_rates[name] for e in evaluations) for name in names}
    return candidate_estimate(study.config, trial.candidate, spike_rate=rates)
