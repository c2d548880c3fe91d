"""Searches that score untrained networks first, and train the best of them first."""

from __future__ import annotations

import math

import pytest

from neuronas.architecture import training_digest
from neuronas.errors import ConfigError, TrainingFailedError
from neuronas.records import CandidateState
from neuronas.searching import enqueue_candidate
from tests.searching.fakes import (
    CHEAP,
    DiedError,
    FakeEvaluator,
    raising,
    rows,
    run,
    study_config,
    trials_of,
)
from tests.searching.test_region import TINY, TINY_BUDGET, brute_force, region_of

SPACE = {"channels": [2, 4], "time_steps": 1}


def config_of(sampler: str, candidates: int = 12, **changes: object):
    search = {"sampler": sampler, "candidates": candidates} | changes.pop("search", {})
    return study_config(**({"space": SPACE} | changes), search=search)


def proposed(url: str) -> list[str]:
    return [t.candidate.training_digest for t in trials_of(url).values()]


def scores(url: str) -> list[float]:
    """Return the scores of the trials, by number."""
    fake = FakeEvaluator()
    trials = trials_of(url).values()
    return [fake.untrained_score(trial.candidate.architecture, 0) for trial in trials]


@pytest.mark.parametrize("sampler", ["snasnet", "spikenas", "neuronas-v1"])
def test_the_best_of_the_scored_networks_are_trained_best_first(url, sampler):
    evaluator = FakeEvaluator()
    budget = {"parameters": 900.0}
    run(config_of(sampler, 12, budget=budget), url, evaluator, trials=5)
    assert len(evaluator.scored) == 12
    found = scores(url)
    assert found == sorted(found, reverse=True)
    everything = sorted(
        (FakeEvaluator().untrained_score(n, 0) for n in evaluator.scored), reverse=True
    )
    assert found == everything[: len(found)]
    assert len(evaluator.trained) == 5


def test_what_breaks_a_budget_that_the_method_ignores_ends_pruned_with_its_cost(url):
    result = run(config_of("snasnet", 40, budget={"energy_uj": 0.15}), url, trials=2)
    trials = trials_of(url).values()
    pruned = [trial for trial in trials if trial.state == CandidateState.PRUNED]
    assert result.study.counts["trained"] == 2
    assert pruned
    for trial in pruned:
        assert trial.cost.constraints["energy_uj"] > 0
        assert "over budget: energy_uj" in trial.reason


@pytest.mark.parametrize("sampler", ["snasnet", "spikenas"])
def test_what_has_no_room_on_the_chip_is_not_trained(url, sampler):
    chip = {"base": "rram-32nm", "settings": {"tiles": 4}}
    space = {"channels": [2, 8], "time_steps": 1}
    config = config_of(sampler, 8, space=space, hardware={"chip": chip}, budget={})
    evaluator = FakeEvaluator()
    run(config, url, evaluator, trials=3)
    region = region_of(space=space, hardware={"chip": chip}, budget={})
    for trial in trials_of(url).values():
        genes = region.space.encode(trial.candidate.architecture, trial.candidate.chip)
        fits = bool(region.assess(genes).fits[0])
        assert fits == (trial.state == CandidateState.COMPLETE)
        assert fits or trial.reason == "does not fit the chip"
    assert {trial.state for trial in trials_of(url).values()} >= {CandidateState.PRUNED}


def test_networks_without_a_score_come_last(url):
    run(config_of("neuronas-v1", 1000, space=TINY, budget=TINY_BUDGET), url, trials=1000)
    found = scores(url)
    silent = [score == -math.inf for score in found]
    assert True in silent
    assert silent == sorted(silent)


def test_a_search_ends_when_every_scored_network_was_proposed(url):
    evaluator, said = FakeEvaluator(), []
    config = config_of("neuronas-v1", 1000, space=TINY, budget=TINY_BUDGET)
    fitting = brute_force(region_of(space=TINY, budget=TINY_BUDGET))
    result = run(config, url, evaluator, trials=1000, listener=lambda p: said.append(p.message))
    assert result.study.state == "exhausted"
    assert len(evaluator.trained) == len(fitting)
    assert "larger search.candidates" in said[-1]
    assert any(message.startswith("scored") for message in said)


def test_what_the_checks_turned_away_is_counted_once(url):
    config = config_of("neuronas-v1", 4, space=TINY, budget=TINY_BUDGET)
    run(config, url, trials=1)
    region = region_of(space=TINY, budget=TINY_BUDGET)
    result = run(config, url, trials=3)
    assert result.study.drawn == region.space.size
    assert result.study.rejected == region.space.size - 4
    assert sum(result.study.rejections.values()) == result.study.rejected


def test_a_restart_goes_on_in_the_same_order_and_scores_nothing_again(url, tmp_path):
    whole = f"sqlite:///{tmp_path}/whole.db"
    run(config_of("neuronas-v1"), whole, trials=6)
    run(config_of("neuronas-v1"), url, trials=2)
    again = FakeEvaluator()
    run(config_of("neuronas-v1"), url, again, trials=6)
    assert again.scored == []
    assert proposed(url) == proposed(whole)


class _Stopping(FakeEvaluator):
    """Is stopped by the user while it scores."""

    def untrained_score(self, architecture, seed):
        if len(self.scored) == 5:
            raise KeyboardInterrupt
        return super().untrained_score(architecture, seed)


def test_scoring_goes_on_where_it_was_stopped(url):
    with pytest.raises(KeyboardInterrupt):
        run(config_of("snasnet"), url, _Stopping(), trials=2)
    again = FakeEvaluator()
    run(config_of("snasnet"), url, again, trials=2)
    assert len(again.scored) == 12 - 5


def test_a_death_in_training_takes_the_same_network_up_again(url):
    evaluator = FakeEvaluator(raising(DiedError(), 2))
    with pytest.raises(DiedError):
        run(config_of("neuronas-v1"), url, evaluator, trials=3)
    died = evaluator.calls[-1]
    again = FakeEvaluator()
    run(config_of("neuronas-v1"), url, again, trials=3)
    assert again.calls[0] == died


def test_studies_of_one_database_share_scores(url):
    first, second = FakeEvaluator(), FakeEvaluator()
    budget = {"parameters": 1e6}
    config = config_of("spikenas", 50, space=TINY, budget=budget)
    run(config, url, first, trials=1)
    other = config_of("neuronas-v1", 50, space=TINY, budget=budget, name="other")
    run(other, url, second, trials=1)
    assert len(first.scored) == len(rows(url, "SELECT * FROM neuronas_scores"))
    assert second.scored == []


def test_an_enqueued_network_is_trained_and_not_proposed_again(url):
    config = config_of("neuronas-v1", 1000, space=SPACE, budget={})
    run(config, url, trials=1)
    enqueue_candidate("test", CHEAP, storage=url)
    run(config, url, trials=3)
    found = proposed(url)
    assert found[1] == training_digest(CHEAP, FakeEvaluator().context())
    assert len(set(found)) == len(found)


class _TooLarge(FakeEvaluator):
    def untrained_score(self, architecture, seed):
        raise TrainingFailedError("too large", "scoring takes 9 MB, 1 MB is left")


def test_what_does_not_fit_into_memory_names_the_network(url):
    with pytest.raises(TrainingFailedError, match="9 MB") as failure:
        run(config_of("snasnet"), url, _TooLarge())
    assert "while scoring cells" in failure.value.__notes__[0]


def test_only_samplers_that_score_take_candidates():
    with pytest.raises(ConfigError, match=r"search\.candidates: sampler 'tpe' scores no untrained"):
        study_config(search={"sampler": "tpe", "candidates": 5})
    with pytest.raises(ConfigError, match=r"search\.candidates"):
        study_config(search={"sampler": "snasnet", "candidates": 0})
    assert study_config(search={"sampler": "snasnet"}).search.candidates is None
