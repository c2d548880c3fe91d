"""What a study that asks a changed question takes over from the one that it follows."""

from __future__ import annotations

from collections.abc import Mapping

from neuronas.architecture import training_digest
from neuronas.config import StudyConfig
from neuronas.errors import GenotypeError
from neuronas.records import EvaluationKey
from neuronas.searching.objectives import directions
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import training_seed
from neuronas.storage import Repository, enqueue, open_study


def inherit(
    config: StudyConfig,
    parent: str,
    repository: Repository,
    region: FeasibleRegion,
    context: Mapping[str, object],
) -> int:
    """Queue the trained networks of another study that fit a new one; return how many.

    They are taken up first and nothing of them is trained again: a network that this study would
    train otherwise, for other epochs or on other data, is left out.

    Args:
        config: The new study, stored already.
        parent: Name of the study that it follows.
        repository: Our tables.
        region: The new study's space, budget and chip.
        context: What, besides the network, decides its accuracy in the new study.
    """
    shared = open_study(repository.url, config.name, directions(config.objectives))
    queued = 0
    for trial in repository.trials(parent):
        if trial.evaluation is None:
            continue
        candidate = trial.candidate
        digest = training_digest(candidate.architecture, context)
        seed = training_seed(config.search.seed, digest)
        if trial.evaluation.key != EvaluationKey(digest, config.training.epochs, seed):
            continue
        try:
            genes = region.space.encode(candidate.architecture, candidate.chip)
        except GenotypeError:
            continue
        if region.assess(genes).feasible[0]:
            enqueue(shared.study, region.space.values(genes[0]))
            queued += 1
    return queued
