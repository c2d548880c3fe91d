"""Optuna's storage as the dashboard may see it: nothing is written, constraints are translated."""

from __future__ import annotations

import copy
import sys
from collections.abc import Container, Sequence
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, get_storage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from neuronas.errors import StorageError
from neuronas.storage import optuna_storage, translated_errors

DASHBOARDS_CONSTRAINTS = "constraints"
"""System attribute with a list of violations, the only form that the dashboard reads."""
SHOWN_CONSTRAINTS = "constraints (feasible: at most 0)"
"""User attribute with the violations by name."""
_LARGEST = sys.float_info.max
"""JSON, which the dashboard sends, knows no infinity."""
_PREFIX = f"{DASHBOARDS_CONSTRAINTS}:"


class ReadOnlyStorage(BaseStorage):
    """A database's Optuna storage, for reading; finished trials are read from it once.

    Args:
        url: Storage URL of a database that has Optuna's tables.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._source = optuna_storage(url)
        self._storage = get_storage(self._source)
        self._first: dict[int, FrozenTrial] = {}
        self._twins: dict[int, tuple[FrozenTrial, FrozenTrial]] = {}

    def close(self) -> None:
        """Close all connections."""
        self._source.remove_session()
        self._source.engine.dispose()

    # Studies

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study."""
        with translated_errors(self._url):
            return self._storage.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        with translated_errors(self._url):
            return self._storage.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study's objectives."""
        with translated_errors(self._url):
            return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        with translated_errors(self._url):
            return self._storage.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes of a study."""
        with translated_errors(self._url):
            return self._storage.get_study_system_attrs(study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies, oldest first."""
        with translated_errors(self._url):
            return sorted(self._storage.get_all_studies(), key=lambda s: s._study_id)  # noqa: SLF001

    # Trials

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial."""
        with translated_errors(self._url):
            return translated(self._storage.get_trial(trial_id))

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study, by number."""
        with translated_errors(self._url):
            self._forget_a_study_that_was_replaced(study_id)
            trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        if trials and study_id not in self._first:
            self._first[study_id] = trials[0]
        return [self._translated(trial) for trial in trials]

    def _translated(self, trial: FrozenTrial) -> FrozenTrial:
        """Return a trial translated, a finished one once."""
        known = self._twins.get(trial._trial_id)  # noqa: SLF001
        if known is not None and known[0] is trial:
            return known[1]
        twin = translated(trial)
        if trial.state.is_finished():
            self._twins[trial._trial_id] = trial, twin  # noqa: SLF001
        return twin

    def _forget_a_study_that_was_replaced(self, study_id: int) -> None:
        """Read everything anew if a study was deleted: SQLite gives its ids to the next one."""
        first = self._first.get(study_id)
        if first is None:
            return
        try:
            now = self._source.get_trial(first._trial_id)  # noqa: SLF001 - trials have no public id
        except KeyError:
            now = None
        if now is None or now.datetime_start != first.datetime_start:
            self._storage = get_storage(self._source)
            self._first, self._twins = {}, {}

    # Nothing is written

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Refuse."""
        _refuse()

    def delete_study(self, study_id: int) -> None:
        """Refuse."""
        _refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse."""
        _refuse()

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse."""
        _refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Refuse."""
        _refuse()

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Refuse."""
        _refuse()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Refuse."""
        _refuse()

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Refuse."""
        _refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse."""
        _refuse()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse."""
        _refuse()


def translated(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial with its constraints as the dashboard reads them, ordered by name.

    It draws them and never tells their names and values, so they are a user attribute, too.
    """
    constraints = trial.constraints
    if not constraints:
        return trial
    twin = copy.copy(trial)
    attributes = trial._system_attrs  # noqa: SLF001 - what the dashboard reads
    kept = {name: attributes[name] for name in attributes if not name.startswith(_PREFIX)}
    violations = {
        name: max(-_LARGEST, min(constraints[name], _LARGEST)) for name in sorted(constraints)
    }
    kept[DASHBOARDS_CONSTRAINTS] = [*violations.values()]
    twin._system_attrs = kept  # noqa: SLF001
    twin.user_attrs = {**trial.user_attrs, SHOWN_CONSTRAINTS: violations}
    return twin


def _refuse() -> NoReturn:
    raise StorageError("studies can only be read here")
