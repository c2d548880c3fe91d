"""The search loop with an instant evaluator: what is trained, counted, stored and told."""

from __future__ import annotations

import pytest

from neuronas.architecture import Architecture, deployment_digest, training_digest
from neuronas.errors import (
    RepeatedFailureError,
    StorageError,
)
from neuronas.hardware import estimate
from neuronas.records import CandidateState, Trial
from neuronas.searching import FeasibleRegion, enqueue_candidate, load_result
from neuronas.training.isolation import Limits, run_isolated
from tests.searching.fakes import (
    BUDGET,
    CHEAP,
    CHEAP_TOO,
    CHIP,
    TOO_DEAR,
    FakeEvaluator,
    failing,
    rows,
    run,
    study_config,
    trials_of,
)
from tests.searching.test_region import TINY, TINY_BUDGET, brute_force
from tests.training.test_isolation import allocate, crash

EVERY_SAMPLER = pytest.mark.parametrize("sampler", ["random", "tpe"])


def objectives_of(trial: Trial) -> dict[str, float]:
    return {
        "accuracy": trial.evaluation.validation_accuracy,
        "energy": trial.cost.energy_pj / 1e6,
    }


# Counting


@EVERY_SAMPLER
def test_as_many_networks_are_trained_as_asked_for_each_once(url, sampler):
    evaluator = FakeEvaluator()
    result = run(study_config(search={"sampler": sampler, "trials": 14}), url, evaluator)
    assert result.study.state == "finished"
    assert result.study.counts["trained"] == len(evaluator.trained) == 14
    assert len({key.digest for key in evaluator.calls}) == 14
    trials = trials_of(url)
    assert sorted(trials) == list(range(14))
    assert all(trial.newly_trained and trial.cost.fits for trial in trials.values())


def test_reused_pruned_and_failed_trials_do_not_count(url):
    config = study_config(search={"trials": 2})
    run(config, url)
    repeated = trials_of(url)[0].candidate.architecture
    for queued in (TOO_DEAR, repeated, CHEAP, CHEAP_TOO):
        enqueue_candidate("test", queued, storage=url)
    evaluator = FakeEvaluator(failing(2, 4))
    result = run(config, url, evaluator, trials=9)
    counts = result.study.counts
    assert (counts["trained"], counts["reused"]) == (9, 2)
    assert (counts["pruned"], counts["failed"]) == (1, 2)
    assert counts["complete"] == 11
    assert len(evaluator.trained) == 7
    assert result.study.target_trials == 9


def test_more_networks_may_be_asked_for_later_and_fewer_train_nothing(url):
    config = study_config()
    run(config, url, trials=5)
    more, fewer = FakeEvaluator(), FakeEvaluator()
    assert run(config, url, more, trials=12).study.counts["trained"] == 12
    assert len(more.calls) == 7
    finished = run(config, url, fewer, trials=3)
    assert (finished.study.state, finished.study.counts["trained"]) == ("finished", 12)
    assert fewer.calls == []


def test_a_finished_study_searched_again_gives_the_same_result(url):
    first = run(study_config(), url)
    evaluator = FakeEvaluator()
    again = run(study_config(), url, evaluator)
    assert again == first
    assert (evaluator.calls, evaluator.tested) == ([], [])


def test_a_search_in_parts_is_the_search_in_one(url, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    run(study_config(search={"sampler": "tpe", "trials": 13}), other)
    for trials in (4, 11, 13):
        run(study_config(search={"sampler": "tpe"}), url, trials=trials)
    one, parts = trials_of(other), trials_of(url)
    assert [t.candidate for t in one.values()] == [t.candidate for t in parts.values()]
    assert [t.cost for t in one.values()] == [t.cost for t in parts.values()]
    assert load_result(url, "test").hypervolume == load_result(other, "test").hypervolume


@pytest.mark.parametrize(("sampler", "trials"), [("random", 5), ("tpe", 12)])
def test_equal_seeds_search_alike_and_others_do_not(tmp_path, sampler, trials):
    found = []
    for place, seed in enumerate((5, 5, 6)):
        url = f"sqlite:///{tmp_path}/{place}.db"
        search = {"sampler": sampler, "seed": seed, "trials": trials}
        result = run(study_config(search=search), url)
        found.append((result.study.drawn, result.hypervolume, trials_of(url)))
    assert found[0] == found[1]
    digests = [{t.candidate.training_digest for t in trials.values()} for _, _, trials in found]
    assert len(digests[0] & digests[2]) < trials


def test_what_was_drawn_and_turned_away_is_counted(url):
    result = run(study_config(search={"trials": 10}), url)
    study = result.study
    assert set(study.rejections) <= {"disconnected", *BUDGET}
    # Every genotype drawn was taken, or turned away for one reason or more.
    turned_away = study.drawn - 10
    assert max(study.rejections.values()) <= turned_away <= sum(study.rejections.values())


# Equal networks


def test_equal_networks_are_trained_once_in_one_study(url):
    config = study_config(search={"trials": 1})
    run(config, url)
    for queued in (CHEAP, CHEAP_TOO):
        enqueue_candidate("test", queued, storage=url)
    evaluator = FakeEvaluator()
    run(config, url, evaluator, trials=3)
    _, first, second, _ = trials_of(url).values()
    assert first.candidate.architecture == CHEAP
    assert second.candidate.architecture == CHEAP_TOO
    assert first.candidate.training_digest == second.candidate.training_digest
    assert (first.newly_trained, second.newly_trained) == (True, False)
    assert second.state == CandidateState.COMPLETE
    assert second.evaluation == first.evaluation
    assert [k.digest for k in evaluator.calls].count(first.candidate.training_digest) == 1


def test_equal_networks_are_trained_once_in_two_studies_of_one_database(url):
    tiny = {"space": TINY, "budget": TINY_BUDGET, "search": {"trials": 9}}
    first = run(study_config(**tiny), url)
    evaluator = FakeEvaluator()
    other = run(
        study_config(
            **tiny | {"name": "other", "budget": {"energy_uj": 9.0}, "search": {"trials": 99}}
        ),
        url,
        evaluator,
    )
    assert first.study.counts["trained"] == 9
    assert other.study.counts["reused"] == first.study.counts["trained"]
    assert other.study.counts["trained"] == len(evaluator.trained) > 0
    assert rows(url, "SELECT count(*) AS n FROM neuronas_evaluations") == [
        {"n": first.study.counts["trained"] + len(evaluator.trained)}
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"search": {"seed": 2, "trials": 9}},
        {"search": {"trials": 9}, "training": {"epochs": 3}},
    ],
    ids=["another seed", "other epochs"],
)
def test_another_training_of_an_equal_network_is_not_reused(url, changes):
    """Nine and nine of fifteen networks: three at least are in both."""
    run(study_config(space=TINY, budget=TINY_BUDGET, search={"trials": 9}), url)
    other = study_config(name="other", space=TINY, budget=TINY_BUDGET, **changes)
    assert run(other, url).study.counts["reused"] == 0


def test_other_data_or_settings_are_another_training(url):
    config = study_config(space=TINY, budget=TINY_BUDGET, search={"trials": 9})
    run(config, url)
    other = config.model_copy(update={"name": "other"})
    assert run(other, url, FakeEvaluator(batch_size=32)).study.counts["reused"] == 0


# What is stored


def test_a_trial_is_stored_with_everything_that_was_known(url):
    evaluator = FakeEvaluator()
    run(study_config(), url, evaluator)
    region = FeasibleRegion.of(study_config())
    for trial in trials_of(url).values():
        network, cost = trial.candidate.architecture, trial.cost
        assert region.space.encode(network).shape[0] == 1
        digest = training_digest(network, evaluator.context())
        assert trial.candidate.training_digest == trial.evaluation.key.digest == digest
        assert trial.candidate.deployment_digest == deployment_digest(digest, CHIP.to_json())
        expected = estimate(network, chip=CHIP).to_json()
        for name in ("energy_pj", "latency_ns", "area_um2", "num_pe", "layers", "memory_bits"):
            assert getattr(cost, name) == expected[name]
        quantities = cost.quantities
        assert list(cost.constraints) == ["area_mm2", "latency_ms", "energy_uj"]
        assert cost.constraints == {n: quantities[n] / BUDGET[n] - 1 for n in BUDGET}
        assert trial.evaluation.key.epochs == 10
        assert trial.candidate.retry_of is None


def test_a_candidate_over_budget_is_pruned_with_its_cost_and_never_trained(url):
    config = study_config(search={"trials": 1})
    run(config, url)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    evaluator = FakeEvaluator()
    run(config, url, evaluator, trials=2)
    pruned = trials_of(url)[1]
    assert pruned.state == CandidateState.PRUNED
    assert pruned.candidate.architecture == TOO_DEAR
    assert pruned.evaluation is None
    assert not pruned.newly_trained
    assert len(evaluator.calls) == 1
    assert pruned.candidate.training_digest not in {key.digest for key in evaluator.calls}
    assert all(violation > 0 for violation in pruned.cost.constraints.values())
    assert pruned.cost.energy_pj == estimate(TOO_DEAR, chip=CHIP).energy_pj
    assert pruned.reason.startswith("over budget: area_mm2 +")
    energy = estimate(TOO_DEAR, chip=CHIP).energy_pj / 1e6 / BUDGET["energy_uj"] - 1
    assert f"energy_uj +{energy:.1%}" in pruned.reason


def test_a_pruned_reason_names_only_the_budgets_that_are_broken(url):
    config = study_config(budget=BUDGET | {"area_mm2": 100.0}, search={"trials": 1})
    run(config, url)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    run(config, url, trials=2)
    assert "area" not in trials_of(url)[1].reason
    assert trials_of(url)[1].cost.constraints["area_mm2"] < 0


# Failures


@pytest.mark.parametrize("reason", ["non-finite", "at chance", "out of memory"])
def test_a_failed_candidate_ends_with_its_reason_and_the_search_goes_on(url, reason):
    result = run(study_config(), url, FakeEvaluator(failing(3, reason=reason)))
    failed = trials_of(url)[2]
    assert failed.state == CandidateState.FAILED
    assert failed.reason == f"{reason}: training 3"
    assert failed.evaluation is None
    assert failed.cost.fits
    assert result.study.counts["trained"] == 8
    assert result.study.counts["failed"] == 1
    assert result.study.failures == {reason: 1}


def test_a_native_crash_and_too_much_memory_end_their_candidates_and_not_the_worker(url, tmp_path):
    def before(number: int, _: Architecture) -> None:
        if number == 2:
            run_isolated(crash, limits=Limits())
        if number == 4:
            run_isolated(allocate, tmp_path / "pid", limits=Limits(memory_bytes=50_000_000))

    result = run(study_config(), url, FakeEvaluator(before))
    assert result.study.failures == {"crashed": 1, "out of memory": 1}
    assert result.study.counts["trained"] == 8


def test_a_failed_network_is_not_proposed_again(url):
    config = study_config(space=TINY, budget=TINY_BUDGET, search={"trials": 1000})
    evaluator = FakeEvaluator(failing(2, 5))
    result = run(config, url, evaluator)
    networks = brute_force(FeasibleRegion.of(config))
    assert result.study.state == "exhausted"
    assert len(evaluator.calls) == len({k.digest for k in evaluator.calls}) == len(networks)
    assert result.study.counts["trained"] == len(networks) - 2


def test_five_failures_in_a_row_stop_the_search_and_tell_all_reasons(url):
    with pytest.raises(RepeatedFailureError) as caught:
        run(study_config(), url, FakeEvaluator(failing(*range(3, 100))))
    message = str(caught.value)
    assert message.startswith("5 candidates failed in a row:\n")
    for number in range(2, 7):
        assert f"  trial {number}: non-finite: training {number + 1}\n" in message
    assert "learning_rate" in message
    assert "\nThen go on with: neuronas resume test;" in message
    assert {n: t.state.value for n, t in trials_of(url).items()} == dict.fromkeys(
        (0, 1), "complete"
    ) | dict.fromkeys(range(2, 7), "failed")


def test_after_repeated_failures_the_study_can_go_on(url):
    with pytest.raises(RepeatedFailureError):
        run(study_config(), url, FakeEvaluator(failing(*range(1, 100))))
    evaluator = FakeEvaluator()
    result = run(study_config(), url, evaluator)
    assert (result.study.state, result.study.counts["trained"]) == ("finished", 8)
    assert result.study.counts["failed"] == 5
    assert result.study.counts["interrupted"] == 0


def test_failures_with_successes_between_them_stop_nothing(url):
    numbers = [n for n in range(1, 40) if n % 5]
    result = run(study_config(search={"trials": 4}), url, FakeEvaluator(failing(*numbers)))
    assert result.study.counts["trained"] == 4
    assert result.study.counts["failed"] == 16


def test_an_error_that_is_no_candidates_fault_ends_the_search(url):
    def full(number: int, _: object) -> None:
        if number == 3:
            raise StorageError("weights cannot be written")

    with pytest.raises(StorageError, match="weights cannot be written"):
        run(study_config(), url, FakeEvaluator(full))
    assert sorted(t.evaluation is None for t in trials_of(url).values()) == [False, False, True]
    evaluator = FakeEvaluator()
    result = run(study_config(), url, evaluator)
    assert result.study.counts["trained"] == 8
    assert result.study.counts["failed"] == 0
    assert evaluator.calls[0].digest == trials_of(url)[2].candidate.training_digest


def test_a_folder_that_weights_cannot_be_written_to_is_told_of_before_any_training(url, tmp_path):
    (tmp_path / "file").write_text("")
    evaluator = FakeEvaluator()
    with pytest.raises(
        StorageError, match=r"file/own: weights cannot be written there \(Not a dir"
    ):
        run(study_config(), url, evaluator, checkpoint_dir=tmp_path / "file" / "own")
    assert evaluator.trained == []
