"""Networks that other studies trained, which a sampler may learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuronas.architecture import SearchSpace, training_digest
from neuronas.config import StudyConfig
from neuronas.errors import ConfigError, GenotypeError
from neuronas.records import EvaluationKey, StudyRecord
from neuronas.searching.history import Trained
from neuronas.storage import Repository

_DECIDES_ACCURACY = ("dataset", "training.")
_BUT = ("training.memory_limit_mb", "training.isolate", "training.wall_seconds")
"""What a training may take changes no accuracy."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What is known from other studies.

    Attributes:
        networks: Trained networks of theirs, each training once.
        left_out: How many trained networks are not in the space, or were trained otherwise.
    """

    networks: list[Trained]
    left_out: int

    @property
    def message(self) -> str:
        """What people are told of it."""
        message = f"{len(self.networks)} networks of other studies are learned from"
        if self.left_out:
            message += (
                f", {self.left_out} are not: outside this study's space, or trained otherwise"
            )
        return message


def taken_over(
    config: StudyConfig,
    repository: Repository,
    space: SearchSpace,
    context: Mapping[str, object],
) -> TakenOver:
    """Return what a study may learn from the studies of its ``search.warm_start``.

    A study's settings may have changed on its way, so each network's training is compared, too.

    Args:
        config: The study.
        repository: Our tables.
        space: The study's space.
        context: What, besides the network, decides its accuracy.

    Raises:
        ConfigError: There is no such study, it is the study itself, or it was trained otherwise.
    """
    networks: dict[EvaluationKey, Trained] = {}
    left_out: set[EvaluationKey] = set()
    for name in config.search.warm_start:
        _require_alike(config, _source(config, name, repository))
        for trial in repository.trials(name):
            evaluation, network = trial.evaluation, trial.candidate.architecture
            if evaluation is None or evaluation.key in networks:
                continue
            key = evaluation.key
            alike = key.epochs == config.training.epochs
            try:
                genes = space.encode(network)[0]
            except GenotypeError:
                alike = False
            if alike and key.digest == training_digest(network, context):
                rates = evaluation.spike_rates
                networks[key] = Trained(genes, evaluation.validation_accuracy, rates)
            else:
                left_out.add(key)
    return TakenOver([*networks.values()], len(left_out - networks.keys()))


def _source(config: StudyConfig, name: str, repository: Repository) -> StudyRecord:
    if name == config.name:
        raise ConfigError(
            f"search.warm_start: '{name}' is the study itself, which learns from its own networks "
            "anyway; leave it out"
        )
    found = repository.find_study(name)
    if found is None:
        others = [study.name for study in repository.studies() if study.name != config.name]
        raise ConfigError(
            f"search.warm_start: no study '{name}' in {repository.url}; studies there: "
            f"{', '.join(others) or 'none'}; search it first, or leave it out"
        )
    return found


def _require_alike(config: StudyConfig, source: StudyRecord) -> None:
    different = [
        line
        for line in config.differences(source.config)
        if line.startswith(_DECIDES_ACCURACY) and not line.startswith(_BUT)
    ]
    if different:
        raise ConfigError(
            [
                f"search.warm_start: networks of study '{source.name}' were trained otherwise:",
                *different,
                "their accuracies say nothing of this study's; leave it out, or train as it did",
            ]
        )
