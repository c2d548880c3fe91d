"""Taking up trials that no worker holds though Optuna believes them to be running."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from optuna.trial import FrozenTrial, TrialState

from neuronas.architecture import SearchSpace
from neuronas.records import CandidateState, Trial
from neuronas.searching.attributes import FEASIBLE_PROBABILITY
from neuronas.searching.objectives import objective_values
from neuronas.storage import RETRY_OF, Repository, SharedStudy, chosen_values

_UNFINISHED = (CandidateState.RUNNING, CandidateState.PAUSED)


def catch_up(
    shared: SharedStudy,
    repository: Repository,
    space: SearchSpace,
    objectives: Sequence[str],
    orphaned_seconds: float,
) -> None:
    """End the trials that run in Optuna's tables only.

    Those that ended in ours were cut off by a death between two transactions, of a version that
    had two; others were begun by a program that is not ours, and may be taken for dead after a
    while.

    Args:
        shared: Optuna's study.
        repository: Our tables.
        space: The search space.
        objectives: Of the study.
        orphaned_seconds: Age from which a trial that we do not know is taken for dead.
    """
    # Optuna stores the local time of whoever began a trial.
    oldest = datetime.now() - timedelta(seconds=orphaned_seconds)  # noqa: DTZ005
    for frozen in shared.trials():
        if frozen.state != TrialState.RUNNING:
            continue
        stored = repository.find_trial(shared.study.study_name, frozen.number)
        if stored is not None and stored.state not in _UNFINISHED:
            _tell_again(shared, repository, stored, objectives)
        elif stored is None and (frozen.datetime_start is None or frozen.datetime_start < oldest):
            _queue_again(shared, repository, frozen, space)


def _tell_again(
    shared: SharedStudy, repository: Repository, stored: Trial, objectives: Sequence[str]
) -> None:
    values, state = None, TrialState.FAIL
    if stored.state == CandidateState.COMPLETE and stored.evaluation is not None:
        accuracy = stored.evaluation.validation_accuracy
        told = objective_values(objectives, accuracy, stored.known_cost.quantities)
        values, state = list(told.values()), TrialState.COMPLETE
    elif stored.state in (CandidateState.PRUNED, CandidateState.EXCEEDED):
        state = TrialState.PRUNED
    with repository.writing(shared):
        handle = shared.handle(stored.candidate.trial_number)
        shared.finish(handle, state, values)


def _queue_again(
    shared: SharedStudy, repository: Repository, frozen: FrozenTrial, space: SearchSpace
) -> None:
    with repository.writing(shared):
        if {p.name for p in space.searched} <= chosen_values(frozen).keys():
            kept = {n: v for n, v in frozen.user_attrs.items() if n == FEASIBLE_PROBABILITY}
            shared.enqueue_again(frozen, retry_of=frozen.user_attrs.get(RETRY_OF), kept=kept)
        shared.finish(shared.handle(frozen.number), TrialState.FAIL)
