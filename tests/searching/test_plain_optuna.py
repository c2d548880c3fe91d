"""What plain Optuna and unmodified optuna-dashboard see of our studies."""

from __future__ import annotations

import json
import warnings
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from neuronas.hardware import estimate
from neuronas.searching import enqueue_candidate, load_result
from tests.searching.fakes import (
    BUDGET,
    CHIP,
    TOO_DEAR,
    FakeEvaluator,
    failing,
    run,
    study_config,
    trials_of,
    without_fsync,
)

PRUNED, FAILED = 3, 5


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a study with complete trials, one pruned and one failed; to be read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('searched')}/neuronas.db"
    config = study_config(search={"sampler": "tpe"})
    with without_fsync():
        run(config, url, trials=3)
        enqueue_candidate("test", TOO_DEAR, storage=url)
        run(config, url, FakeEvaluator(failing(2)), trials=12)
    return url


def seen_by_optuna(url: str) -> optuna.Study:
    return optuna.load_study(study_name="test", storage=url)


def test_optuna_sees_every_trial_in_its_state(searched):
    states = {trial.number: trial.state for trial in seen_by_optuna(searched).trials}
    assert states == dict.fromkeys(range(14), TrialState.COMPLETE) | {
        PRUNED: TrialState.PRUNED,
        FAILED: TrialState.FAIL,
    }


def test_optuna_sees_the_objectives_by_name_and_direction(searched):
    study = seen_by_optuna(searched)
    assert study.metric_names == ["accuracy", "energy"]
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    for number, trial in trials_of(searched).items():
        if trial.evaluation is not None:
            assert study.trials[number].values == [
                trial.evaluation.validation_accuracy,
                trial.cost.energy_pj / 1e6,
            ]


def test_optuna_sees_an_over_budget_candidate_pruned_with_its_named_constraints(searched):
    pruned = seen_by_optuna(searched).trials[PRUNED]
    assert pruned.state == TrialState.PRUNED
    assert pruned.values is None
    assert set(pruned.constraints) == set(BUDGET)
    assert all(violation > 0 for violation in pruned.constraints.values())
    cost = estimate(TOO_DEAR, chip=CHIP)
    assert pruned.constraints["energy_uj"] == cost.energy_pj / 1e6 / BUDGET["energy_uj"] - 1
    assert pruned.user_attrs["cost"]["energy_uj"] == cost.energy_pj / 1e6
    assert pruned.user_attrs["reason"].startswith("over budget: ")


def test_optuna_sees_all_constraints_of_every_trial_in_one_order(searched):
    """Optuna's Gaussian-process sampler reads them by position, whatever that order is."""
    ours, theirs = trials_of(searched), seen_by_optuna(searched).trials
    for trial in theirs:
        stored = ours[trial.number].cost.constraints
        assert trial.constraints == stored
        assert list(stored) == list(BUDGET)
        assert (max(stored.values()) <= 0) == (trial.number != PRUNED)
    assert len({tuple(trial.constraints) for trial in theirs}) == 1


def test_optuna_sees_why_a_candidate_failed(searched):
    failed = seen_by_optuna(searched).trials[FAILED]
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == "non-finite: training 2"


def test_optunas_best_trials_are_our_front(searched):
    best = {trial.number for trial in seen_by_optuna(searched).best_trials}
    front = {trial.candidate.trial_number for trial in load_result(searched, "test").front}
    assert best == front
    assert len(front) > 1


def test_optuna_can_go_on_asking_with_a_sampler_of_its_own(url):
    """Our database is an ordinary Optuna database."""
    run(study_config(), url, trials=2)
    study = optuna.load_study(
        study_name="test", storage=url, sampler=optuna.samplers.NSGAIISampler(seed=0)
    )
    study.optimize(lambda trial: (0.5, float(trial.number)), n_trials=1)
    assert study.trials[-1].state == TrialState.COMPLETE


def get(application: object, path: str) -> object:
    """Return the JSON that a WSGI application answers."""
    environment: dict[str, object] = {}
    setup_testing_defaults(environment)
    environment |= {"PATH_INFO": path, "QUERY_STRING": "after=0"}
    status = []
    body = b"".join(application(environment, lambda line, *_: status.append(line)))
    assert status == ["200 OK"]
    return json.loads(body)


def test_unmodified_optuna_dashboard_serves_the_study(searched):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever the dashboard's own code warns of
        import optuna_dashboard

        application = optuna_dashboard.wsgi(searched)
        (summary,) = get(application, "/api/studies")["study_summaries"]
        detail = get(application, f"/api/studies/{summary['study_id']}")
    assert summary["study_name"] == "test"
    assert summary["directions"] == ["maximize", "minimize"]
    assert [trial["state"] for trial in detail["trials"]].count("Complete") == 12
    assert detail["trials"][PRUNED]["state"] == "Pruned"
    assert detail["trials"][FAILED]["state"] == "Fail"
    assert detail["objective_names"] == ["accuracy", "energy"]
    front = {trial.candidate.trial_number for trial in load_result(searched, "test").front}
    assert {trial["number"] for trial in detail["best_trials"]} == front
