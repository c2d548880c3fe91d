"""The bridge to Optuna's own storage: what plain Optuna and optuna-dashboard see of a study."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import optuna
import sqlalchemy as sa
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from neuronas.errors import LeaseLostError, StorageError
from neuronas.storage.database import create_engine, engine_options
from neuronas.storage.faults import translated_errors
from neuronas.storage.joining import joined, together
from neuronas.storage.lock import creation_lock
from neuronas.storage.patience import patient
from neuronas.storage.schema import optuna_revision
from neuronas.storage.trial_rows import QuickStorage
from neuronas.storage.urls import driver_url, shown_url

RETRY_OF = "retry_of"
FEASIBLE_PROBABILITY = "feasible_probability"
"""User attributes, of which ``neuronas.searching.attributes`` tells; these are written here."""

RUNGS = "rungs"
"""Validation accuracy at each rung at which training paused, by its epochs, which are text."""

_VALUES = "enqueued"
_INSTEAD_OF = "instead_of"
_ASKED_FOR = "asked_for"


@dataclass(frozen=True, slots=True)
class Handle:
    """A trial that was begun.

    Attributes:
        number: Its number in the study.
        id: Optuna's id of it.
        is_trained: Whether a network like it may be trained already.
    """

    number: int
    id: int
    is_trained: bool = True


@dataclass(frozen=True, slots=True)
class SharedStudy:
    """Optuna's study, whose trials are written in one transaction with our tables.

    Optuna commits after each parameter, attribute and constraint; within :meth:`joined`, it only
    takes part in a transaction of ours, so that a trial is there as a whole or not at all.

    Attributes:
        url: Storage URL.
        study: Optuna's study, for its samplers.
        rows: Optuna's storage, beneath the study's cache.
        cached: That cache.
        patience_seconds: For how long to wait for the database while it is away.
    """

    url: str
    study: Study
    rows: RDBStorage
    cached: BaseStorage
    patience_seconds: float = 0.0

    @contextmanager
    def joined(self, connection: sa.Connection) -> Iterator[None]:
        """Let all that this thread writes to Optuna's tables be part of a transaction.

        Whatever breaks inside must end the transaction. Optuna's cache may then show a running
        trial that is not there, until the next one takes its number.
        """
        with joined(self.rows, connection):
            yield

    @patient
    def trials(self) -> list[FrozenTrial]:
        """Return all trials, by number; they are not to be changed."""
        with translated_errors(self.url):
            return self.study.get_trials(deepcopy=False)

    # Within a transaction

    def ask(self) -> Trial:
        """Return a trial that waits, else a new one, as Optuna does."""
        return self.study.ask()

    def taken(self, waiting: FrozenTrial) -> Trial | None:
        """Return a trial that waited, and runs now; None if somebody else has taken it."""
        handle = self.handle(waiting.number)
        try:
            if not self.rows.set_trial_state_values(handle.id, TrialState.RUNNING):
                return None
        except optuna.exceptions.UpdateFinishedTrialError:
            return None
        return Trial(self.study, handle.id)

    def create(self) -> int:
        """Return the id of a new trial that runs."""
        return self.cached.create_new_trial(self._id)

    def describe(
        self,
        handle: Handle,
        values: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        attributes: Mapping[str, Any],
        *,
        again: bool,
    ) -> None:
        """Give a trial its parameters and user attributes.

        Args:
            handle: The trial.
            values: Of the parameters.
            distributions: Of the parameters.
            attributes: User attributes.
            again: Whether that was tried before, and may have come to pass.

        Raises:
            LeaseLostError: It was ended by somebody else.
        """
        if again and self.rows.get_trial(handle.id).params:
            return
        with self._unfinished(handle), together(self.rows):
            for name, distribution in distributions.items():
                chosen = distribution.to_internal_repr(values[name])
                # The cache knows each parameter's distribution, which is looked up otherwise.
                self.cached.set_trial_param(handle.id, name, chosen, distribution)
            self.set_attributes(handle, attributes)

    @staticmethod
    def number_of(trial_id: int) -> sa.ScalarSelect[int]:
        """Return the query of a trial's number, which Optuna tells by six statements."""
        trials = sa.table("trials", sa.column("trial_id"), sa.column("number", sa.Integer))
        return sa.select(trials.c.number).where(trials.c.trial_id == trial_id).scalar_subquery()

    def handle(self, number: int) -> Handle:
        """Return a trial by its number."""
        found = self.rows.get_trial_id_from_study_id_trial_number(self._id, number)
        return Handle(number, found)

    def frozen(self, handle: Handle) -> FrozenTrial:
        """Return a trial as it is stored."""
        return self.rows.get_trial(handle.id)

    def set_attributes(self, handle: Handle, attributes: Mapping[str, Any]) -> None:
        """Write user attributes of a trial."""
        for name, value in attributes.items():
            self.rows.set_trial_user_attr(handle.id, name, value)

    def finish(
        self,
        handle: Handle,
        state: TrialState,
        values: Sequence[float] | None = None,
        *,
        constraints: Mapping[str, float] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """End a trial.

        Args:
            handle: The trial.
            state: Its end.
            values: Of the objectives, if it is complete.
            constraints: All of them, always in one order: Optuna's Gaussian-process sampler reads
                them by position. Feasible is at most 0.
            attributes: User attributes.

        Raises:
            LeaseLostError: It was ended by somebody else.
        """
        marked = create_trial(state=TrialState.FAIL, constraints=dict(constraints or {}))
        with self._unfinished(handle), together(self.rows):
            for key, value in marked.system_attrs.items():
                self.rows.set_trial_system_attr(handle.id, key, value)
            self.set_attributes(handle, attributes or {})
            self.rows.set_trial_state_values(handle.id, state, values)

    @contextmanager
    def _unfinished(self, handle: Handle) -> Iterator[None]:
        try:
            yield
        except optuna.exceptions.UpdateFinishedTrialError:
            raise LeaseLostError(
                f"trial {handle.number} of '{self.study.study_name}' is not this worker's any "
                "more: somebody else has ended it"
            ) from None

    def delete(self) -> None:
        """Delete the study with all its trials."""
        self.rows.delete_study(self._id)

    def enqueue_again(
        self,
        frozen: FrozenTrial,
        *,
        retry_of: int | None,
        kept: Mapping[str, Any],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Queue the candidate of a trial that was cut off.

        Args:
            frozen: The trial.
            retry_of: Number of the trial that the new one counts as a retry of.
            kept: User attributes that the new trial has, too.
            values: Its parameters, where they are known; else what Optuna knows of them.
        """
        values = dict(values or chosen_values(frozen))
        attributes: dict[str, Any] = {**kept, _VALUES: values, _INSTEAD_OF: frozen.number}
        if is_asked_for(frozen.user_attrs):
            attributes[_ASKED_FOR] = True
        if retry_of is not None:
            attributes[RETRY_OF] = retry_of
        # By a study of its own: the cache of this one would show what a rollback takes back.
        study = optuna.load_study(study_name=self.study.study_name, storage=self.rows)
        study.enqueue_trial(dict(values), user_attrs=attributes)

    @property
    def _id(self) -> int:
        # Optuna's own handle; to look it up by name takes a statement per trial.
        return self.study._study_id  # noqa: SLF001


def handle_of(trial: Trial) -> Handle:
    """Return what a trial that was asked for is told by."""
    return Handle(trial.number, trial._trial_id)  # noqa: SLF001 - Optuna shows it nowhere else


def open_study(
    url: str,
    name: str,
    directions: Mapping[str, Literal["minimize", "maximize"]],
    sampler: BaseSampler | None = None,
    *,
    patience_seconds: float = 0.0,
) -> SharedStudy:
    """Return the Optuna study ``name``, created if it is not there.

    Args:
        url: Storage URL.
        name: Study name.
        directions: ``maximize`` or ``minimize`` per objective.
        sampler: Sampler of new trials; Optuna's own is never used by default.
        patience_seconds: For how long to wait for the database while it is away.
    """
    rows = _created_storage(url)
    cached = optuna.storages.get_storage(rows)
    study = optuna.create_study(
        storage=cached,
        study_name=name,
        directions=list(directions.values()),
        sampler=sampler,
        load_if_exists=True,
    )
    if study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(directions))
    return SharedStudy(url, study, rows, cached, patience_seconds)


def _created_storage(url: str) -> RDBStorage:
    with creation_lock(url) if _optunas_revision(url) is None else nullcontext():
        return _storage(url)


def _storage(url: str) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = _optunas_revision(url)
    # Optuna checks its schema holding one connection while it waits for another: many processes
    # that start at once would wait for each other before a pooler.
    storage = QuickStorage(
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


def set_constraints(trial: Trial, violations: Mapping[str, float]) -> None:
    """Write every constraint of a trial, always all and in one order; feasible is at most 0."""
    for name, violation in violations.items():
        trial.set_constraint(name, violation)


def enqueue(study: Study, values: Mapping[str, Any]) -> None:
    """Queue one candidate, by the values of its searched parameters."""
    study.enqueue_trial(dict(values), user_attrs={_VALUES: dict(values)})


def is_enqueued(trial: FrozenTrial) -> bool:
    """Return whether a trial's parameters were given with it."""
    return _VALUES in trial.user_attrs


def is_asked_for(attributes: Mapping[str, Any]) -> bool:
    """Return whether somebody enqueued a trial, of which these are the user attributes.

    Also one that takes the place of such a trial was, but no other that was cut off.
    """
    return _VALUES in attributes and (_INSTEAD_OF not in attributes or _ASKED_FOR in attributes)


def is_retry(attributes: Mapping[str, Any]) -> bool:
    """Return whether a trial takes the place of one that was cut off and nobody asked for."""
    return _INSTEAD_OF in attributes and _ASKED_FOR not in attributes


def next_waiting(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the trial that is to be taken up next: the first that somebody asked for, else any.

    Args:
        trials: All trials of a study, by number.
    """
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    asked = (trial for trial in waiting if not is_retry(trial.user_attrs))
    return next(asked, waiting[0] if waiting else None)


def chosen_values(trial: FrozenTrial) -> dict[str, Any]:
    """Return what is known of a trial's parameters: an enqueued one's all, others' as suggested."""
    values: dict[str, Any] = trial.user_attrs.get(_VALUES, trial.params)
    return values


def existing_study(url: str, name: str) -> SharedStudy | None:
    """Return the Optuna study ``name`` if it is there; a search may have died before it was."""
    rows = _created_storage(url)
    cached = optuna.storages.get_storage(rows)
    try:
        study = optuna.load_study(study_name=name, storage=cached)
    except KeyError:
        return None
    return SharedStudy(url, study, rows, cached)


def queued(url: str, name: str) -> int:
    """Return how many enqueued candidates of a study wait to be taken."""
    with translated_errors(url):
        rows = _storage(url)
        try:
            study_id = rows.get_study_id_from_name(name)
        except KeyError:  # the search died before Optuna knew of its study
            return 0
        return len(rows.get_all_trials(study_id, deepcopy=False, states=(TrialState.WAITING,)))


def optuna_storage(url: str) -> optuna.storages.RDBStorage:
    """Return Optuna's own storage of a database that has its tables."""
    with translated_errors(url):
        return _storage(url)
