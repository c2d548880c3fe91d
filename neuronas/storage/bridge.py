"""The bridge to Optuna's own storage: what plain Optuna and optuna-dashboard see of a study."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, TrialState

from neuronas.errors import StorageError
from neuronas.storage.database import create_engine, engine_options
from neuronas.storage.faults import translated_errors
from neuronas.storage.lock import creation_lock
from neuronas.storage.schema import optuna_revision
from neuronas.storage.urls import driver_url, shown_url

RETRY_OF = "retry_of"
_VALUES = "enqueued"
_INSTEAD_OF = "instead_of"
_ASKED_FOR = "asked_for"


class OpenTrial(Protocol):
    """A trial that is not finished; Optuna's own is one."""

    @property
    def number(self) -> int:
        """Its number in the study."""

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - Optuna's signature
        """Write a user attribute."""

    def set_constraint(self, key: str, value: float) -> None:
        """Write a constraint, unless it is written already; feasible is at most 0."""


@dataclass(frozen=True, slots=True)
class ReopenedTrial:
    """An unfinished trial that was asked for earlier, maybe by another process."""

    study: Study
    number: int

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - Optuna's signature
        """Write a user attribute."""
        self._storage.set_trial_user_attr(self._id, key, value)

    def set_constraint(self, key: str, value: float) -> None:
        """Write a constraint, unless it is written already; feasible is at most 0."""
        name = f"{_CONSTRAINTS_KEY}:{key}"
        if name not in self._storage.get_trial_system_attrs(self._id):
            self._storage.set_trial_system_attr(self._id, name, value)

    @property
    def _storage(self) -> BaseStorage:
        return self.study._storage  # noqa: SLF001 - Optuna writes to a trial that it made only

    @property
    def _id(self) -> int:
        study = self._storage.get_study_id_from_name(self.study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, self.number)


def open_optuna_study(
    url: str,
    name: str,
    directions: Mapping[str, Literal["minimize", "maximize"]],
    sampler: BaseSampler | None = None,
) -> Study:
    """Return the Optuna study ``name``, created if it is not there.

    Args:
        url: Storage URL.
        name: Study name.
        directions: ``maximize`` or ``minimize`` per objective.
        sampler: Sampler of new trials; Optuna's own is never used by default.
    """
    study = optuna.create_study(
        storage=_created_storage(url),
        study_name=name,
        directions=list(directions.values()),
        sampler=sampler,
        load_if_exists=True,
    )
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(directions))
    return study


def _created_storage(url: str) -> optuna.storages.RDBStorage:
    with creation_lock(url) if _optunas_revision(url) is None else nullcontext():
        return _storage(url)


def _storage(url: str) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = _optunas_revision(url)
    # Optuna checks its schema holding one connection while it waits for another: many processes
    # that start at once would wait for each other before a pooler.
    storage = optuna.storages.RDBStorage(
        driver_url(url),
        engine_kwargs=engine_options(url),
        skip_compatibility_check=True,
        skip_table_creation=found is not None,
    )
    weakref.finalize(storage, storage.engine.dispose)
    if found not in (None, storage.get_head_version()):
        raise StorageError(
            f"{shown_url(url)}: Optuna's tables have schema {found}, Optuna {optuna.__version__} "
            f"has {storage.get_head_version()}; if they are older, run 'neuronas db upgrade', else "
            "upgrade Optuna"
        )
    return storage


def _optunas_revision(url: str) -> str | None:
    engine = create_engine(url)
    try:
        return optuna_revision(engine)
    finally:
        engine.dispose()


def require_unused_name(url: str, name: str) -> None:
    """Raise StorageError if somebody else's Optuna study has this name."""
    if name in optuna.get_all_study_names(_created_storage(url)):
        raise StorageError(
            f"{shown_url(url)} has an Optuna study '{name}' that neuronas did not make; give the "
            "study file another 'name', or use another database"
        )


def set_constraints(trial: OpenTrial, violations: Mapping[str, float]) -> None:
    """Write every constraint of a trial, always all and in one order.

    Feasible is at most 0. Optuna's Gaussian-process sampler reads constraints by position, so
    their order must never differ between trials.
    """
    for name, violation in violations.items():
        trial.set_constraint(name, violation)


def enqueue(study: Study, values: Mapping[str, Any]) -> None:
    """Queue one candidate, by the values of its searched parameters."""
    study.enqueue_trial(dict(values), user_attrs={_VALUES: dict(values)})


def enqueue_again(
    study: Study,
    values: Mapping[str, Any],
    *,
    instead_of: int,
    retry_of: int | None,
    kept: Mapping[str, Any],
) -> None:
    """Queue a candidate whose trial was cut off, once however often this is called.

    Args:
        study: The study.
        values: The candidate, by the values of its searched parameters.
        instead_of: Number of the trial that was cut off.
        retry_of: Number of the trial that the new one counts as a retry of.
        kept: User attributes that the new trial has, too.
    """
    trials = study.get_trials(deepcopy=False)
    if any(trial.user_attrs.get(_INSTEAD_OF) == instead_of for trial in trials):
        return
    attributes: dict[str, Any] = {**kept, _VALUES: dict(values), _INSTEAD_OF: instead_of}
    if is_asked_for(trials[instead_of].user_attrs):
        attributes[_ASKED_FOR] = True
    if retry_of is not None:
        attributes[RETRY_OF] = retry_of
    study.enqueue_trial(dict(values), user_attrs=attributes)


def is_enqueued(trial: FrozenTrial) -> bool:
    """Return whether a trial's parameters were given with it."""
    return _VALUES in trial.user_attrs


def is_asked_for(attributes: Mapping[str, Any]) -> bool:
    """Return whether somebody enqueued a trial, of which these are the user attributes.

    Also one that takes the place of such a trial was, but no other that was cut off.
    """
    return _VALUES in attributes and (_INSTEAD_OF not in attributes or _ASKED_FOR in attributes)


def chosen_values(trial: FrozenTrial) -> dict[str, Any]:
    """Return what is known of a trial's parameters: an enqueued one's all, others' as suggested."""
    values: dict[str, Any] = trial.user_attrs.get(_VALUES, trial.params)
    return values


def unfinished_trials(study: Study) -> Sequence[FrozenTrial]:
    """Return the trials that Optuna believes to be running."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def is_waiting(study: Study) -> bool:
    """Return whether an enqueued candidate waits to be taken."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def queued(url: str, name: str) -> int:
    """Return how many enqueued candidates of a study wait to be taken."""
    with translated_errors(url):
        try:
            study = optuna.load_study(storage=_storage(url), study_name=name)
        except KeyError:  # the search died before Optuna knew of its study
            return 0
        return len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def optuna_storage(url: str) -> optuna.storages.RDBStorage:
    """Return Optuna's own storage of a database that has its tables."""
    with translated_errors(url):
        return _storage(url)
