"""Costs at measured spike rates: what is told, what is on the front, what broke a budget."""

from __future__ import annotations

from contextlib import contextmanager

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from neuronas.errors import NeuronasError
from neuronas.hardware import estimate
from neuronas.records import CandidateState, Trial
from neuronas.report import status_json, status_table
from neuronas.searching import FeasibleRegion, GatedSampler, enqueue_candidate, load_result
from neuronas.searching.attributes import FEASIBLE_PROBABILITY
from neuronas.searching.history import History
from neuronas.storage import Ledger
from tests.searching.fakes import (
    CHIP,
    DiedError,
    FakeEvaluator,
    firing,
    raising,
    run,
    study_config,
    trials_of,
)
from tests.searching.test_recovery import dies

LIMIT = 150.0
"""Spikes: all that is proposed has fewer at the assumed rate, some at the measured one."""
SPIKES = {"objectives": ["accuracy", "spikes"], "budget": {"spikes": LIMIT}}
MEASURED = 0.25


def search(url: str, evaluator: FakeEvaluator | None = None, **changes: object):
    return run(study_config(**SPIKES | changes), url, evaluator or FakeEvaluator())


def measured_spikes(trial: Trial) -> float:
    network = trial.candidate.architecture
    rates = dict.fromkeys(firing(network), MEASURED)
    return estimate(network, chip=CHIP, spike_rate=rates).quantities["spikes"]


def theirs(url: str, name: str = "test") -> list[FrozenTrial]:
    return optuna.load_study(study_name=name, storage=url).trials


def told(url: str) -> list[tuple[object, ...]]:
    """Return what plain Optuna knows of every trial that was not cut off."""
    return [
        (t.state, t.values, t.constraints, t.user_attrs.get("measured"), t.params)
        for t in theirs(url)
        if t.state != TrialState.FAIL
    ]


@pytest.fixture
def searched(url):
    """Return the URL of a study in which some trained networks broke a budget when measured."""
    search(url)
    return url


def test_a_trained_networks_cost_is_told_and_stored_as_measured(searched):
    trials = trials_of(searched)
    assert len({trial.state for trial in trials.values()}) == 2
    for number, trial in trials.items():
        spikes = measured_spikes(trial)
        assert trial.measured_cost.quantities["spikes"] == spikes
        assert trial.cost.quantities["spikes"] == pytest.approx(spikes * 0.1 / MEASURED)
        assert trial.cost.fits
        seen = theirs(searched)[number]
        assert seen.user_attrs["cost"] == trial.cost.quantities
        assert seen.user_attrs["measured"] == {
            "cost": trial.measured_cost.quantities,
            "spike_rates": trial.evaluation.spike_rates,
            "accuracy": trial.evaluation.validation_accuracy,
        }
        assert seen.constraints == trial.measured_cost.constraints == {"spikes": spikes / LIMIT - 1}
        if trial.state == CandidateState.COMPLETE:
            assert seen.values == [trial.evaluation.validation_accuracy, spikes]


def test_what_breaks_a_budget_when_measured_is_pruned_counted_and_not_on_the_front(searched):
    trials, result = trials_of(searched), load_result(searched, "test")
    exceeded = {n: t for n, t in trials.items() if measured_spikes(t) > LIMIT}
    assert 0 < len(exceeded) < len(trials)
    for number, trial in exceeded.items():
        assert trial.state == CandidateState.EXCEEDED
        assert trial.newly_trained
        over = measured_spikes(trial) / LIMIT - 1
        assert trial.reason == f"over budget when measured: spikes +{over:.1%}"
        seen = theirs(searched)[number]
        assert (seen.state, seen.user_attrs["reason"]) == (TrialState.PRUNED, trial.reason)
    front = {trial.candidate.trial_number for trial in result.front}
    assert front
    assert not front & exceeded.keys()
    counts = result.study.counts
    assert (counts["trained"], counts["exceeded"]) == (8, len(exceeded))
    assert (counts["complete"], counts["pruned"]) == (8 - len(exceeded), 0)


def test_a_reused_evaluation_is_measured_against_the_other_studys_budget(searched):
    strict = {"name": "strict", "budget": {"spikes": 0.6 * LIMIT}}
    config = study_config(**SPIKES | strict | {"search": {"trials": 1}})
    for trial in trials_of(searched).values():
        run(config, searched)
        enqueue_candidate("strict", trial.candidate.architecture, storage=searched)
    counts = run(config, searched).study.counts
    reused = [t for t in trials_of(searched, "strict").values() if t.measured_cost]
    assert counts["reused"] > 0
    for trial in reused:
        within = measured_spikes(trial) <= 0.6 * LIMIT
        assert trial.state == ("complete" if within else "exceeded")


@pytest.mark.parametrize("method", ["complete", "exceed"])
def test_a_death_before_a_network_is_told_trains_it_again(url, tmp_path, method):
    undisturbed = f"sqlite:///{tmp_path}/undisturbed.db"
    search(undisturbed)
    with dies(1, method=method, of=Ledger), pytest.raises(DiedError):
        search(url)
    search(url)
    assert len(told(url)) == 8
    known = {str(row[4]): row for row in told(undisturbed)}
    again = [row for row in told(url) if str(row[4]) in known]
    assert len(again) > 1
    assert all(row == known[str(row[4])] for row in again)


def test_a_study_may_name_the_sampler_that_knows_costs_and_it_learns_from_what_broke_a_budget(url):
    search(url, search={"sampler": "hardware-aware", "trials": 8})
    exceeded = {n for n, t in trials_of(url).items() if t.state == CandidateState.EXCEEDED}
    assert exceeded
    config = study_config(**SPIKES)
    history = History(FeasibleRegion.of(config).space, config.objectives)
    history.read(optuna.load_study(study_name="test", storage=url).trials, number=-1)
    accuracies = [t.evaluation.validation_accuracy for t in trials_of(url).values()]
    assert [trained.accuracy for trained in history.trained] == accuracies
    assert all(trained.rates for trained in history.trained)
    stated = [t.user_attrs.get(FEASIBLE_PROBABILITY) for t in theirs(url)]
    assert any(probability is not None for probability in stated)


# What samplers state


@contextmanager
def stating(probability: object, numbers: range = range(1000)):
    """Let the sampler state a probability of some trials."""
    real = GatedSampler._propose

    def propose(self, study, trials, trial):
        if trial.number in numbers:
            trial.set_user_attr(FEASIBLE_PROBABILITY, probability)
        return real(self, study, trials, trial)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatedSampler, "_propose", propose)
        yield


def shown(url: str) -> str:
    result = load_result(url, "test")
    table = status_table(result.study, "finished", result.hypervolume, len(result.front), 0)
    (row,) = [r for r in table.rows if r["quantity"] == "over budget when measured"]
    return row["value"]


def test_what_broke_a_budget_is_shown_against_what_was_stated(url):
    with stating(0.75):
        result = search(url)
    assert {t.candidate.feasible_probability for t in trials_of(url).values()} == {0.75}
    assert {t.user_attrs[FEASIBLE_PROBABILITY] for t in theirs(url)} == {0.75}
    exceeded = result.study.counts["exceeded"]
    assert shown(url) == f"{exceeded} of 8 (expected 2.0)"
    found = status_json(result.study, "finished", 0.0, 1, 0)["measured"]
    stated = {"networks": 8, "exceeded": exceeded, "expected": 2.0}
    assert found == {"networks": 8, "exceeded": exceeded, "stated": stated}


def test_networks_of_which_nothing_was_stated_are_left_out_of_what_was_expected(url):
    with stating(0.5, range(6)):
        exceeded = search(url).study.counts["exceeded"]
    trials = trials_of(url)
    of_six = sum(trials[number].state == CandidateState.EXCEEDED for number in range(6))
    assert shown(url) == (f"{exceeded} of 8; {of_six} of the 6 stated (expected 3.0)")


def test_without_a_statement_nothing_is_expected(searched):
    exceeded = load_result(searched, "test").study.counts["exceeded"]
    assert shown(searched) == f"{exceeded} of 8"


def test_a_retried_candidate_keeps_what_was_stated_of_it(url):
    with stating(0.5), pytest.raises(DiedError):
        search(url, FakeEvaluator(raising(DiedError(), 3)))
    search(url)
    trials = trials_of(url)
    assert trials[2].state == CandidateState.INTERRUPTED
    assert (trials[3].candidate.retry_of, trials[3].candidate.feasible_probability) == (2, 0.5)


@pytest.mark.parametrize("wrong", [1.5, "likely"])
def test_a_statement_that_is_no_probability_is_refused(url, wrong):
    with stating(wrong), pytest.raises(NeuronasError, match=r"allowed: a number in \[0, 1\]"):
        search(url)


# One objective


@pytest.mark.parametrize("objective", ["accuracy", "throughput", "edp"])
def test_one_objective_is_searched_gone_on_with_and_shown(url, objective):
    seen = []
    config = study_config(objectives=[objective], search={"sampler": "tpe"})
    run(config, url, trials=6, listener=seen.append)
    result = run(config, url, trials=12, listener=seen.append)
    quantity = {"throughput": "throughput_per_s", "edp": "edp_uj_ms"}.get(objective)

    def value(trial: Trial) -> float:
        if quantity is None:
            return trial.evaluation.validation_accuracy
        return trial.known_cost.quantities[quantity]

    values = [value(trial) for trial in trials_of(url).values()]
    (best,) = result.front
    assert value(best) == (min(values) if objective == "edp" else max(values))
    assert 0 < result.hypervolume < 1
    assert seen[-1].best == {objective: value(best)}
    study = optuna.load_study(study_name="test", storage=url)
    maximized = objective != "edp"
    assert study.direction == (StudyDirection.MAXIMIZE if maximized else StudyDirection.MINIMIZE)
    assert study.metric_names == [objective]
    assert study.best_value == value(best)
    assert [trial.value for trial in study.trials] == values


@pytest.mark.parametrize("sampler", ["random", "nsga2", "nsga3", "gp"])
def test_every_sampler_can_search_for_one_objective_under_budgets(url, sampler):
    search(url, objectives=["accuracy"], search={"sampler": sampler, "trials": 13})
    assert load_result(url, "test").study.counts["trained"] == 13
