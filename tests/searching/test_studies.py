"""How searches end, what their fronts hold, and studies that are there already."""

from __future__ import annotations

from itertools import pairwise

import pytest

from neuronas.errors import (
    ConfigError,
    InfeasibleSpaceError,
    RepeatedFailureError,
    StorageError,
    TrainingFailedError,
)
from neuronas.records import CandidateState, Trial
from neuronas.searching import FeasibleRegion, api, enqueue_candidate, load_result
from tests.searching.fakes import (
    BUDGET,
    CHEAP,
    TOO_DEAR,
    FakeEvaluator,
    evaluated_by,
    failing,
    raising,
    rows,
    run,
    study_config,
    trials_of,
)
from tests.searching.test_objectives import better_or_equal
from tests.searching.test_region import TINY, TINY_BUDGET, brute_force
from tests.strategies import architecture

EVERY_SAMPLER = pytest.mark.parametrize("sampler", ["random", "tpe"])


def objectives_of(trial: Trial) -> dict[str, float]:
    return {
        "accuracy": trial.evaluation.validation_accuracy,
        "energy": trial.cost.energy_pj / 1e6,
    }


# Ends


@EVERY_SAMPLER
def test_a_space_without_another_network_ends_the_search(url, sampler):
    config = study_config(
        space=TINY, budget=TINY_BUDGET, search={"sampler": sampler, "trials": 1000}
    )
    networks = brute_force(FeasibleRegion.of(config))
    result = run(config, url)
    assert result.study.state == "exhausted"
    assert result.study.counts["trained"] == len(networks)
    assert all(trial.evaluation.test_accuracy is not None for trial in result.front)
    evaluator = FakeEvaluator()
    again = run(config, url, evaluator)
    assert (again, evaluator.calls) == (result, [])


def test_an_infeasible_space_stops_before_anything_is_stored_or_trained(url):
    evaluator = FakeEvaluator()
    with pytest.raises(InfeasibleSpaceError, match="energy_uj binds"):
        run(study_config(budget={"energy_uj": 1e-6}), url, evaluator)
    assert evaluator.calls == []
    with pytest.raises(StorageError, match="no database at"):
        load_result(url, "test")
    assert run(study_config(), url).study.state == "finished"


def test_test_accuracy_is_measured_for_the_finished_front_alone(url):
    during = []

    def before(number: int, _: object) -> None:
        during.append(len(evaluator.tested))

    evaluator = FakeEvaluator(before)
    result = run(study_config(search={"trials": 10}), url, evaluator)
    front = {trial.candidate.trial_number for trial in result.front}
    assert 0 < len(front) < 10
    assert during == [0] * 10
    for number, trial in trials_of(url).items():
        expected = trial.evaluation.validation_accuracy / 2 if number in front else None
        assert trial.evaluation.test_accuracy == expected
    assert sorted(evaluator.tested, key=str) == sorted(
        (trial.evaluation.key for trial in result.front), key=str
    )


def test_test_accuracy_is_not_measured_again_when_the_search_goes_on(url):
    evaluator = FakeEvaluator()
    run(study_config(), url, evaluator, trials=8)
    run(study_config(), url, evaluator, trials=12)
    assert len(evaluator.tested) == len(set(evaluator.tested))


# The front


@pytest.mark.parametrize("objectives", [["accuracy", "energy"], ["energy", "area", "accuracy"]])
def test_the_front_is_the_brute_force_front(url, objectives):
    result = run(study_config(objectives=objectives, search={"trials": 16}), url)
    costs = {"energy": "energy_uj", "area": "area_mm2"}

    def values(trial: Trial) -> dict[str, float]:
        return {
            name: trial.evaluation.validation_accuracy
            if name == "accuracy"
            else trial.cost.quantities[costs[name]]
            for name in objectives
        }

    points = {number: values(trial) for number, trial in trials_of(url).items()}
    expected = {
        number
        for number, point in points.items()
        if not any(better_or_equal(q, point) and q != point for q in points.values())
    }
    assert {trial.candidate.trial_number for trial in result.front} == expected


def test_the_front_remembers_who_entered_when_and_left_for_whom(url):
    result = run(study_config(search={"trials": 16}), url)
    trials = trials_of(url)
    history = rows(url, "SELECT * FROM neuronas_front ORDER BY id")
    entered = [row["trial_number"] for row in history]
    assert entered == sorted(entered)
    assert len(set(entered)) == len(entered)

    volumes = [row["hypervolume"] for row in history]
    assert all(later > earlier for earlier, later in pairwise(volumes))
    assert result.hypervolume == volumes[-1]

    gone = [row for row in history if row["left_at"] is not None]
    assert gone
    for row in gone:
        better, worse = trials[row["left_for"]], trials[row["trial_number"]]
        assert better_or_equal(objectives_of(better), objectives_of(worse))
        assert row["left_for"] > row["trial_number"]
        assert row["entered_at"] <= row["left_at"]
    standing = {row["trial_number"] for row in history if row["left_at"] is None}
    assert standing == {trial.candidate.trial_number for trial in result.front}


def test_the_first_trial_always_enters_the_front(url):
    result = run(study_config(search={"trials": 1}), url)
    assert [trial.candidate.trial_number for trial in result.front] == [0]


# Studies that are there already


def test_another_question_under_the_same_name_is_refused(url):
    run(study_config(), url)
    evaluator = FakeEvaluator()
    changed = study_config(budget=BUDGET | {"energy_uj": 0.3}, objectives=["accuracy", "area"])
    with pytest.raises(ConfigError) as caught:
        run(changed, url, evaluator)
    message = str(caught.value)
    assert "study 'test' is stored with another question" in message
    assert "budget.energy_uj: stored 0.25, file 0.3" in message
    assert 'objectives: stored ["accuracy", "energy"], file ["accuracy", "area"]' in message
    assert "--accept-changes" in message
    assert "another 'name'" in message
    assert evaluator.calls == []


def test_an_accepted_question_goes_on_as_a_study_of_its_own_and_reuses_networks(url):
    first = run(study_config(), url)
    evaluator = FakeEvaluator()
    wider = study_config(budget=BUDGET | {"energy_uj": 0.3})
    second = run(wider, url, evaluator, accept_changes=True)
    assert second.study.name == "test-2"
    assert second.study.counts["trained"] == 8
    assert second.study.counts["reused"] > 0
    assert load_result(url, "test") == first

    again = run(wider, url, evaluator, trials=9, accept_changes=True)
    assert (again.study.name, again.study.counts["trained"]) == ("test-2", 9)
    third = run(study_config(objectives=["accuracy", "area"]), url, accept_changes=True)
    assert third.study.name == "test-3"
    same = run(study_config(), url, FakeEvaluator(), accept_changes=True)
    assert (same.study.name, same.front) == ("test", first.front)


def test_hypervolume_is_a_share_of_what_lies_above_the_reference_accuracy(url):
    result = run(study_config(objectives=["accuracy"], search={"reference_accuracy": 0.25}), url)
    (best,) = result.front
    above = best.evaluation.validation_accuracy - 0.25
    assert above > 0
    assert result.hypervolume == pytest.approx(above / 0.75)
    assert result.study.reference == {"accuracy": 0.25}


def test_another_reference_accuracy_is_another_question(url):
    run(study_config(), url)
    changed = study_config(search={"reference_accuracy": 0.5})
    with pytest.raises(ConfigError, match=r"search\.reference_accuracy: stored 0\.0, file 0\.5"):
        run(changed, url)
    result = run(changed, url, accept_changes=True)
    assert (result.study.name, result.study.reference["accuracy"]) == ("test-2", 0.5)


def test_other_settings_are_refused_until_accepted(url):
    run(study_config(), url)
    evaluator = FakeEvaluator()
    changed = study_config(training={"epochs": 20}, search={"trials": 10})
    with pytest.raises(ConfigError) as caught:
        run(changed, url, evaluator)
    assert "training.epochs: stored 10, file 20" in str(caught.value)
    assert "--accept-changes" in str(caught.value)
    assert "trials" not in str(caught.value)
    assert evaluator.calls == []

    result = run(changed, url, evaluator, accept_changes=True)
    assert result.study.counts["trained"] == 10
    assert {key.epochs for key in evaluator.trained} == {20}
    assert result.study.config.training.epochs == 20
    run(changed, url, evaluator)  # is now the stored one


def test_only_trials_and_storage_may_change_freely(url):
    run(study_config(), url)
    changed = study_config(search={"trials": 9}, storage="sqlite:///elsewhere.db")
    assert run(changed, url).study.counts["trained"] == 9


def test_resume_goes_on_to_the_number_asked_for_before(url, monkeypatch):
    evaluator = FakeEvaluator(failing(*range(4, 9)))
    with pytest.raises(RepeatedFailureError):
        run(study_config(), url, evaluator, trials=11)
    other = FakeEvaluator()
    monkeypatch.setattr(api, "study_trainer", lambda *_: other)
    result = api.resume("test", storage=url)
    assert (result.study.target_trials, result.study.counts["trained"]) == (11, 11)
    assert api.resume("test", storage=url, trials=12).study.counts["trained"] == 12


def test_resuming_an_unknown_study_names_the_known_ones(url):
    run(study_config(name="one"), url, trials=1)
    run(study_config(name="two"), url, trials=1)
    with pytest.raises(StorageError, match=r"no study 'three' in .*; studies there: one, two"):
        api.resume("three", storage=url)


def test_two_studies_of_one_database_do_not_mix(url):
    run(study_config(name="one"), url)
    before = trials_of(url, "one"), load_result(url, "one")
    run(study_config(name="two", search={"seed": 9}), url)
    assert (trials_of(url, "one"), load_result(url, "one")) == before


# Enqueueing


def test_an_enqueued_network_is_taken_up_next_and_as_it_is(url):
    run(study_config(), url, trials=3)
    enqueue_candidate("test", CHEAP, storage=url)
    run(study_config(), url, trials=4)
    assert trials_of(url)[3].candidate.architecture == CHEAP


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        (architecture(channels=5), "channels: found 5; the study allows 2, 4, 8"),
        (CHEAP.model_copy(update={"classes": 3}), "the study's dataset has"),
        (
            architecture(cell_a="0000 0000 0000 0000", cell_b="0000 0000 0000 0000", channels=4),
            "no path from input to output",
        ),
    ],
    ids=["outside the space", "other data", "disconnected"],
)
def test_a_network_outside_the_study_is_not_queued(url, network, problem):
    run(study_config(), url, trials=1)
    with pytest.raises(ConfigError, match=problem):
        enqueue_candidate("test", network, storage=url)
    run(study_config(), url, trials=2)
    assert len(trials_of(url)) == 2


def test_queueing_into_an_unknown_study_names_the_known_ones(url):
    run(study_config(), url, trials=1)
    with pytest.raises(StorageError, match=r"no study 'tset'.*studies there: test"):
        enqueue_candidate("tset", CHEAP, storage=url)


def test_an_enqueued_network_runs_although_the_space_is_exhausted(url):
    config = study_config(space=TINY, budget=TINY_BUDGET, search={"trials": 1000})
    run(config, url)
    large = architecture(cell_a="0222 0022 0002 0000", cell_b="0222 0022 0002 0000", channels=4)
    enqueue_candidate("test", large, storage=url)
    result = run(config, url)
    assert result.study.state == "exhausted"
    assert result.study.counts["pruned"] == 1


# Progress


def test_progress_is_told_after_every_trial(url):
    config = study_config(search={"trials": 3})
    run(config, url)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    told = []
    evaluator = FakeEvaluator(failing(2))
    result = run(config, url, evaluator, trials=7, listener=told.append)

    assert told[0].trained == 3
    assert told[0].seconds_left is None
    messages = [progress.message for progress in told if progress.message.startswith("trial")]
    assert messages[0].startswith("trial 3 pruned: over budget: area_mm2 +")
    assert messages[1].startswith("trial 4 trained: ")
    assert messages[2] == "trial 5 failed: non-finite: training 2"
    assert len(messages) == 6

    last = told[-1]
    assert (last.trained, last.target, last.reused) == (7, 7, 0)
    assert (last.pruned, last.failed) == (1, 1)
    assert last.front_size == len(result.front)
    assert last.hypervolume == result.hypervolume
    assert last.seconds_left == 0
    assert all(a.trained <= b.trained for a, b in pairwise(told))
    assert all(a.hypervolume <= b.hypervolume for a, b in pairwise(told))
    assert any(m.endswith(", enters the front") for m in messages)


def test_the_time_left_is_the_mean_training_times_what_is_left(url):
    told = []
    run(study_config(search={"trials": 4}), url, listener=told.append)
    left = [p.seconds_left for p in told if p.message.startswith("trial")]
    assert left == [6.0, 4.0, 2.0, 0.0]  # a fake training says that it took 2 s


def test_a_training_failure_has_its_reason_and_its_detail():
    error = TrainingFailedError("dead network", "no neuron fires")
    assert (error.reason, str(error)) == ("dead network", "dead network: no neuron fires")


def test_what_was_rejected_is_counted_once_through_stops_and_enqueued_networks(url):
    told = []
    stop = FakeEvaluator(raising(KeyboardInterrupt(), 4))
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, stop, listener=told.append)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    result = run(study_config(), url, listener=told.append)
    counts = [progress.rejected for progress in told]
    assert counts == sorted(counts)
    by_hand = [t for t in trials_of(url).values() if t.state == CandidateState.PRUNED]
    retried = [t for t in trials_of(url).values() if t.candidate.retry_of is not None]
    proposed = len(trials_of(url)) - len(by_hand) - len(retried)
    assert result.study.drawn - result.study.rejected == proposed


def test_resume_goes_on_to_fewer_than_the_file_asks_for_if_that_was_asked_for(url):
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, FakeEvaluator(raising(KeyboardInterrupt(), 3)), trials=4)
    with evaluated_by(FakeEvaluator()):
        result = api.resume("test", storage=url)
    assert result.study.counts["trained"] == 4


def test_a_study_that_goes_on_under_another_budget_takes_over_what_fits(url):
    run(study_config(), url)
    costs = sorted(t.cost.quantities["energy_uj"] for t in trials_of(url).values())
    tighter = BUDGET | {"energy_uj": costs[4]}
    evaluator = FakeEvaluator()
    child = run(study_config(budget=tighter), url, evaluator, trials=2, accept_changes=True)
    assert child.study.name == "test-2"
    assert child.study.counts["trained"] == 2
    kept = {
        t.candidate.training_digest
        for t in trials_of(url, "test-2").values()
        if t.state == CandidateState.COMPLETE and not t.newly_trained
    }
    assert kept == {
        t.candidate.training_digest
        for t in trials_of(url).values()
        if t.cost.quantities["energy_uj"] <= costs[4]
    }
    assert 5 <= len(kept) == child.study.counts["reused"] < 8


def test_nothing_is_taken_over_that_would_have_to_be_trained_again(url):
    run(study_config(), url)
    longer = study_config(budget=BUDGET | {"energy_uj": 0.3}, training={"epochs": 2})
    child = run(longer, url, trials=2, accept_changes=True)
    assert (child.study.counts["reused"], child.study.counts["trained"]) == (0, 2)
