"""What the dashboard's page asks for every few seconds: a study with all its trials.

The dashboard's own view computes a quadratic front and serializes every trial each time. This one
takes its place, in front of it, and does both once per finished trial. It is the only module that
uses what of the dashboard is not public, so it checks that before anything else.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import optuna_dashboard
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial

from neuronas.errors import NeuronasError
from neuronas.service.gateway.exchange import Response, reason
from neuronas.service.gateway.front import front_trials
from neuronas.service.gateway.read_only_storage import ReadOnlyStorage

_VERSION = "0.21"
_PARAMETERS = {
    "serialize_frozen_trial": ["study_id", "trial", "study_system_attrs"],
    "serialize_study_detail": [
        "study",
        "best_trials",
        "trials",
        "intersection",
        "union",
        "union_user_attrs",
        "has_intermediate_values",
        "plotly_graph_objects",
        "skipped_trial_numbers",
    ],
    "update": ["self", "trials"],
    "get_plotly_graph_objects": ["system_attrs"],
}


@dataclass(frozen=True, slots=True)
class _Internals:
    """What of the dashboard is not public and used here."""

    serialize_frozen_trial: Callable[[int, FrozenTrial, Mapping[str, Any]], dict[str, Any]]
    serialize_study_detail: Callable[..., dict[str, Any]]
    get_plotly_graph_objects: Callable[[Mapping[str, Any]], dict[str, str]]
    properties: Callable[[], Any]


def _internals() -> _Internals:
    """Return what is used of the dashboard.

    Raises:
        NeuronasError: The dashboard is another one.
    """
    found = optuna_dashboard.__version__
    unknown = NeuronasError(
        f"optuna-dashboard {found} is installed, and this neuronas shows studies with "
        f"{_VERSION}: run 'pip install optuna-dashboard~={_VERSION}.0', or upgrade neuronas"
    )
    if not found.startswith(f"{_VERSION}."):
        raise unknown
    try:
        from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
        from optuna_dashboard._inmemory_cache import _CachedExtraStudyProperty
        from optuna_dashboard._serializer import serialize_frozen_trial, serialize_study_detail
    except ImportError:
        raise unknown from None
    used = (
        serialize_frozen_trial,
        serialize_study_detail,
        get_plotly_graph_objects,
        _CachedExtraStudyProperty.update,
    )
    for function in used:
        if list(inspect.signature(function).parameters) != _PARAMETERS.get(function.__name__):
            raise unknown
    return _Internals(
        serialize_frozen_trial,
        serialize_study_detail,
        get_plotly_graph_objects,
        _CachedExtraStudyProperty,
    )


@dataclass(slots=True)
class _Finished:
    """What is known of a study's finished trials, which never change.

    Attributes:
        attributes: System attributes of the study, of which a trial's notes are part.
        properties: The dashboard's summary of parameters and attributes.
        first: The trial by which a study of the same id is told from one that was deleted.
        serialized: JSON by trial number.
        front: The Pareto front.
    """

    attributes: Mapping[str, Any]
    properties: Any
    first: FrozenTrial | None = None
    serialized: dict[int, bytes] = field(default_factory=dict)
    front: list[FrozenTrial] = field(default_factory=list)

    def is_of(self, study: FrozenStudy, trials: Sequence[FrozenTrial]) -> bool:
        """Return whether this is about a study and these trials of it."""
        if self.attributes != study.system_attrs:
            return False
        if self.first is None:
            return True
        number = self.first.number
        return number < len(trials) and _identity(trials[number]) == _identity(self.first)


def _identity(trial: FrozenTrial) -> tuple[object, ...]:
    return trial._trial_id, trial.datetime_start, trial.datetime_complete  # noqa: SLF001


class StudyDetails:
    """Studies as the dashboard's page reads them.

    Args:
        storage: The storage.

    Raises:
        NeuronasError: The installed dashboard is another one.
    """

    def __init__(self, storage: ReadOnlyStorage) -> None:
        self._internals = _internals()
        self._storage = storage
        self._known: dict[int, _Finished] = {}
        self._lock = threading.Lock()

    def response(self, study_id: int, after: int) -> Response:
        """Return a study, its front, and its trials from the number ``after`` on."""
        study = self._study(study_id)
        if study is None:
            return reason(HTTPStatus.NOT_FOUND, f"study_id={study_id} is not found")
        with self._lock:
            trials = self._storage.get_all_trials(study_id, deepcopy=False)
            finished = self._updated(study, trials)
            body = [
                *self._beginning(study, finished),
                *self._list("best_trials", study, finished, finished.front),
                *self._list("trials", study, finished, trials[after:]),
                b"}",
            ]
        length = str(sum(len(part) for part in body))
        headers = {"Content-Type": "application/json", "Content-Length": length}
        return Response(HTTPStatus.OK, body, headers)

    def has_parameters(self, study_id: int) -> bool:
        """Return whether a study has a finished trial with a parameter."""
        study = self._study(study_id)
        if study is None:
            return False
        with self._lock:
            trials = self._storage.get_all_trials(study_id, deepcopy=False)
            return bool(self._updated(study, trials).properties.union_search_space)

    def _study(self, study_id: int) -> FrozenStudy | None:
        studies = self._storage.get_all_studies()
        return next((s for s in studies if s._study_id == study_id), None)  # noqa: SLF001

    def _updated(self, study: FrozenStudy, trials: Sequence[FrozenTrial]) -> _Finished:
        study_id = study._study_id  # noqa: SLF001 - studies have no public id
        known = self._known.get(study_id)
        if known is None or not known.is_of(study, trials):
            known = _Finished(study.system_attrs, self._internals.properties())
            self._known[study_id] = known
        new = [t for t in trials if t.state.is_finished() and t.number not in known.serialized]
        if new:
            known.first = known.first or new[0]
            known.properties.update(new)
            known.front = front_trials([*known.front, *new], study.directions)
            known.front.sort(key=lambda trial: trial.number)
            known.serialized.update((trial.number, self._serialized(study, trial)) for trial in new)
        return known

    def _serialized(self, study: FrozenStudy, trial: FrozenTrial) -> bytes:
        found = self._internals.serialize_frozen_trial(
            study._study_id,  # noqa: SLF001
            trial,
            study.system_attrs,
        )
        return json.dumps(found).encode()

    def _beginning(self, study: FrozenStudy, finished: _Finished) -> list[bytes]:
        """Return the answer up to its lists of trials."""
        properties = finished.properties
        found = self._internals.serialize_study_detail(
            study,
            [],
            [],
            properties.intersection_search_space,
            properties.union_search_space,
            properties.union_user_attrs,
            properties.has_intermediate_values,
            self._internals.get_plotly_graph_objects(study.system_attrs),
            [],
        )
        del found["best_trials"], found["trials"]
        return [json.dumps(found).encode()[:-1]]

    def _list(
        self, name: str, study: FrozenStudy, finished: _Finished, trials: Sequence[FrozenTrial]
    ) -> list[bytes]:
        """Return a list of trials as the next field of the answer."""
        parts: list[bytes] = []
        for trial in trials:
            known = finished.serialized.get(trial.number)
            parts += [b", ", known or self._serialized(study, trial)]
        return [f', "{name}": ['.encode(), *parts[1:], b"]"]
