"""What rungs foretell, and what the sampler makes of it."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from neuronas.searching.foretelling import Line, foretold, lines
from neuronas.searching.history import Begun, History, Trained
from neuronas.searching.judging import surrogate_of_accuracy
from neuronas.searching.population import Population
from neuronas.searching.question import Question
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.surrogate import Variances
from tests.searching.fakes import study_config

OBJECTIVES = ["accuracy", "energy"]
REFERENCE = {"accuracy": 0.0, "energy": 1e6}
GENES = np.zeros(1, dtype=np.int64)


def trained(shown: float, ended: float, rung: int = 2) -> Trained:
    return Trained(GENES, ended, {}, {rung: shown})


def test_of_many_networks_that_pause_only_the_last_are_taken_into_account():
    region = FeasibleRegion.of(study_config(space={"channels": [2, 4]}))
    study = optuna.create_study(directions=["maximize", "minimize"])
    for number in range(8):
        trial = study.ask()
        region.space.suggest(trial)
        if number != 1:
            trial.set_user_attr("rungs", {"2": number / 10})
    history = History(region.space, OBJECTIVES)
    history.read(study.get_trials(), number=-1)
    assert [begun.rungs for begun in history.in_flight(2)] == [{}, {2: 0.6}, {2: 0.7}]
    assert len(history.in_flight(100)) == 8


def test_a_rung_foretells_nothing_before_three_networks_went_on_from_it():
    two = [trained(0.5, 0.7), trained(0.6, 0.8)]
    assert lines(two) == {}
    assert foretold({2: 0.5}, lines(two)) is None
    assert foretold({}, lines([*two, trained(0.4, 0.6)])) is None


def test_few_networks_tell_a_mean_gain_and_more_of_them_a_slope():
    few = lines([trained(a, 0.6 + a / 2) for a in (0.2, 0.4, 0.6)])
    assert (few[2].slope, few[2].offset) == pytest.approx((1, 0.4))
    more = lines([trained(a, 0.6 + a / 2) for a in (0.2, 0.3, 0.4, 0.5, 0.6)])
    assert (more[2].slope, more[2].offset) == pytest.approx((0.5, 0.6))


def test_the_variance_of_what_is_foretold_is_that_of_what_was_gained():
    source = np.random.default_rng(0)
    shown = source.uniform(0.2, 0.6, 2000)
    ended = 0.3 + shown + source.normal(0, 0.02, 2000)
    line = lines([trained(a, b) for a, b in zip(shown, ended, strict=True)])[2]
    assert line.variance**0.5 == pytest.approx(0.02, rel=0.1)


def test_few_networks_that_happen_to_agree_do_not_make_a_rung_certain():
    line = lines([trained(a, a + 0.2) for a in (0.2, 0.4, 0.6)])[2]
    assert line.variance**0.5 > 0.01


def test_the_last_rung_that_tells_something_foretells():
    by = {2: Line(1, 0.2, 0.01), 4: Line(1, 0.1, 0.001)}
    assert foretold({2: 0.5, 4: 0.65}, by) == (pytest.approx(0.75), 0.001)
    assert foretold({2: 0.5, 8: 0.65}, by) == (pytest.approx(0.7), 0.01)
    assert foretold({2: 0.95}, by) == (1, 0.01)


def test_history_knows_what_waits_at_a_rung_and_what_stopped_there():
    region = FeasibleRegion.of(study_config())
    study = optuna.create_study(directions=["maximize", "minimize"])
    numbers = {}
    for name in ("whole", "waiting", "stopped", "begun", "failed"):
        trial = study.ask()
        region.space.suggest(trial)
        numbers[name] = trial
    for name in ("whole", "waiting", "stopped"):
        numbers[name].set_user_attr("rungs", {"1": 0.4, "2": 0.5})
    study.tell(numbers["whole"], [0.8, 10.0])
    study.tell(numbers["stopped"], state=TrialState.PRUNED)
    study.tell(numbers["failed"], state=TrialState.FAIL)
    history = History(region.space, OBJECTIVES)
    history.read(study.get_trials(deepcopy=False), -1)
    assert [(t.accuracy, t.rungs) for t in history.trained] == [(0.8, {1: 0.4, 2: 0.5})]
    assert [begun.rungs for begun in history.in_flight(9)] == [{}, {1: 0.4, 2: 0.5}]
    assert [begun.rungs for begun in history.stopped] == [{1: 0.4, 2: 0.5}]
    numbers["waiting"].set_user_attr("rungs", {"1": 0.4, "2": 0.5, "4": 0.6})
    history.read(study.get_trials(deepcopy=False), -1)
    assert history.in_flight(9)[-1].rungs == {1: 0.4, 2: 0.5, 4: 0.6}


def test_accuracy_is_expected_higher_where_it_was_higher_at_a_rung_and_surer_than_before():
    region = FeasibleRegion.of(study_config())
    population = Population(Question(region, OBJECTIVES, REFERENCE), 0)
    genes = list(region.pool(generator(0, Stream.SURVEY, 2), 7).genes)
    known = [Trained(g, 0.5 + i / 100, {}, {1: 0.3 + i / 100}) for i, g in enumerate(genes[:6])]
    seen = population.seen(genes)
    last, variances = seen.take(np.array([6])), Variances.usual(seen)

    def expected(*begun: Begun) -> tuple[float, float]:
        shown = seen.take(slice(0, 6 + len(begun)))
        process = surrogate_of_accuracy(variances, known, begun, shown)
        covariance = process.covariance(last)
        return float(process.mean(covariance)[0]), float(process.deviation(last, covariance)[0])

    worse, better = (expected(Begun(genes[6], {1: shown})) for shown in (0.2, 0.5))
    assert worse[0] < expected()[0] < better[0]
    # What is not yet at a rung is taken to turn out as expected, and without a rung's noise.
    pending = expected(Begun(genes[6]))
    assert pending[0] == pytest.approx(expected()[0], abs=1e-3)
    assert pending[1] < expected(Begun(genes[6], {1: 0.35}))[1] < expected()[1]
