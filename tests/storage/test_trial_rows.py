"""Reading all trials of a study at once: what plain Optuna reads, sooner."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from neuronas.storage.database import engine_options
from neuronas.storage.trial_rows import QuickStorage
from neuronas.storage.urls import driver_url


@pytest.fixture
def storages(any_url):
    """Return Optuna's storage and ours of one database."""
    options = {"engine_kwargs": engine_options(any_url)}
    opened = [kind(driver_url(any_url), **options) for kind in (RDBStorage, QuickStorage)]
    yield opened
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


def fill(study: optuna.Study) -> None:
    """Add trials of every state, value, distribution and attribute."""
    parameters = {
        "z": (3, IntDistribution(1, 9, step=2)),
        "a": (0.25, FloatDistribution(0.01, 1.0, log=True)),
        "cell": (None, CategoricalDistribution([None, "skip", 2, True])),
    }
    given = {
        "params": {name: value for name, (value, _) in parameters.items()},
        "distributions": {name: kind for name, (_, kind) in parameters.items()},
        "user_attrs": {"text": "é", "nested": {"b": [1, 2.5, None]}},
        "constraints": {"energy": -0.5, "area": 0.25},
    }
    study.add_trial(create_trial(values=[1.0, -2.5], **given))
    study.add_trial(create_trial(values=[math.inf, -math.inf], **given))
    study.add_trial(create_trial(state=TrialState.PRUNED))
    study.add_trial(
        create_trial(state=TrialState.FAIL, intermediate_values={1: 0.5, 2: math.inf, 0: -math.inf})
    )
    study.enqueue_trial({"z": 5})
    study.add_trial(create_trial(state=TrialState.RUNNING))


def test_trials_are_those_that_plain_optuna_reads(storages):
    plain, quick = storages
    other = optuna.create_study(storage=plain, study_name="other", directions=["maximize"] * 2)
    study = optuna.create_study(storage=plain, study_name="test", directions=["maximize"] * 2)
    for one in (study, other, study):
        fill(one)
    theirs = plain.get_all_trials(study._study_id)
    ours = quick.get_all_trials(study._study_id)
    assert ours == theirs
    assert len(ours) == 12
    for own, known in zip(ours, theirs, strict=True):
        assert own._trial_id == known._trial_id
        for name in ("params", "distributions"):
            assert list(getattr(own, name)) == list(getattr(known, name))
        assert list(own.constraints) == ["energy", "area"][: len(known.constraints)]  # as written
    waiting = (TrialState.WAITING,)
    found = quick.get_all_trials(study._study_id, states=waiting)
    assert [trial.number for trial in found] == [4, 10]


def test_only_what_is_new_or_was_unfinished_is_read_again(storages):
    plain, quick = storages
    study = optuna.create_study(storage=plain, study_name="test", directions=["maximize"] * 2)
    fill(study)
    cached = optuna.load_study(study_name="test", storage=quick)
    finished, *_, running = cached.trials
    study.tell(running.number, [0.5, 0.5])
    fill(study)
    with plain.engine.begin() as connection:  # nobody does; it would be seen
        connection.exec_driver_sql("UPDATE trials SET datetime_start = NULL WHERE number = 0")
    assert cached.trials[0] == finished
    assert cached.trials[1:] == study.trials[1:]
    assert [trial.state for trial in cached.trials].count(TrialState.RUNNING) == 1


def test_a_report_that_is_no_number_is_read(storages):
    plain, quick = storages
    study = optuna.create_study(storage=plain)
    study.add_trial(create_trial(state=TrialState.FAIL, intermediate_values={0: math.nan}))
    (trial,) = quick.get_all_trials(study._study_id)
    assert math.isnan(trial.intermediate_values[0])


def test_a_study_without_trials_has_none_and_an_absent_one_is_an_error(storages):
    plain, quick = storages
    study = optuna.create_study(storage=plain)
    assert quick.get_all_trials(study._study_id) == []
    with pytest.raises(KeyError):
        quick.get_all_trials(study._study_id + 1)
