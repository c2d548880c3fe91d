"""The bridge to Optuna's own storage: what plain Optuna and optuna-dashboard see of a study."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from neuronas.errors import StorageError
from neuronas.storage.database import BUSY_TIMEOUT_SECONDS

RETRY_OF = "retry_of"


def open_optuna_study(
    url: str,
    name: str,
    directions: Mapping[str, Literal["minimize", "maximize"]],
    sampler: BaseSampler | None = None,
    *,
    new: bool = False,
) -> Study:
    """Return the Optuna study ``name``, created if it is not there.

    Args:
        url: Storage URL.
        name: Study name.
        directions: ``maximize`` or ``minimize`` per objective.
        sampler: Sampler of new trials; Optuna's own is never used by default.
        new: Whether it must not be there yet.

    Raises:
        StorageError: ``new``, but this database has an Optuna study of that name.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        url, engine_kwargs={"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS}}
    )
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=list(directions.values()),
            sampler=sampler,
            load_if_exists=not new,
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise StorageError(
            f"{url} has an Optuna study '{name}' that neuronas did not make; give the study file "
            "another 'name', or use another database"
        ) from None
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(directions))
    return study


def set_constraints(trial: optuna.Trial, violations: Mapping[str, float]) -> None:
    """Write every constraint of a trial, always all and in one order.

    Feasible is at most 0. Optuna's Gaussian-process sampler reads constraints by position, so
    their order must never differ between trials.
    """
    for name, violation in violations.items():
        trial.set_constraint(name, violation)


def enqueue(study: Study, values: Mapping[str, Any], *, retry_of: int | None = None) -> None:
    """Queue one candidate, by the values of its searched parameters."""
    attributes = None if retry_of is None else {RETRY_OF: retry_of}
    study.enqueue_trial(dict(values), user_attrs=attributes)


def unfinished_trials(study: Study) -> Sequence[FrozenTrial]:
    """Return the trials that Optuna believes to be running."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def is_waiting(study: Study) -> bool:
    """Return whether an enqueued candidate waits to be taken."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))
