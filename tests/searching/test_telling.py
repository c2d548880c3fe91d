"""Which of very many trained networks are learned from."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.searching import FeasibleRegion, hardware_aware
from neuronas.searching.choosing import make_sampler
from neuronas.searching.history import Trained
from neuronas.searching.objectives import directions
from neuronas.searching.pareto import dominates, front_indices, fronts
from neuronas.searching.question import Question
from neuronas.searching.telling import telling
from tests.searching.fakes import study_config

CIM = {"model": "cim", "chip": "rram-32nm"}
OBJECTIVES = ["accuracy", "energy"]
REFERENCE = {"accuracy": 0.1, "energy": 0.1}
SPACE = {"cells": "distinct", "channels": [2, 4, 8, 16], "weight_bits": [2, 4, 8]}


@pytest.fixture(scope="module")
def question() -> Question:
    return Question(
        FeasibleRegion.of(study_config(space=SPACE, hardware=CIM, budget={"energy_uj": 0.1})),
        OBJECTIVES,
        REFERENCE,
    )


def trained(question: Question, count: int) -> list[Trained]:
    source = np.random.default_rng(2)
    genes = question.region.pool(source, 500).genes[:count]
    return [
        Trained(own, float(accuracy), {})
        for own, accuracy in zip(genes, source.random(count), strict=True)
    ]


def gains(question: Question, networks: list[Trained]) -> np.ndarray:
    quantities = question.region.assess(np.array([t.genes for t in networks])).quantities
    return np.column_stack([[t.accuracy for t in networks], question.cost_gains(quantities)])


def test_few_networks_are_all_learned_from(question):
    assert telling(question, [], most=10).tolist() == []
    assert telling(question, trained(question, 10), most=10).tolist() == [*range(10)]


def test_the_front_is_always_learned_from_and_half_of_the_rest_is_a_sample(question):
    networks = trained(question, 500)
    points = gains(question, networks)
    rows = telling(question, networks, most=100)
    assert len(rows) == len(set(rows)) == 100
    assert rows.tolist() == sorted(rows)
    assert set(front_indices(points)) <= set(rows)
    ranks = np.empty(500, dtype=int)
    for rank, front in enumerate(fronts(points)):
        ranks[front] = rank
    best = ranks <= np.sort(ranks)[48]
    assert best[rows].sum() >= 49
    assert 30 <= (~best[rows]).sum() <= 51
    assert ranks[rows].max() > np.median(ranks)


def test_a_sample_changes_little_when_more_are_trained(question):
    networks = trained(question, 500)
    before, after = (set(telling(question, networks[:n], most=100)) for n in (495, 500))
    assert len(before & after) >= 85


def test_a_failure_among_them_leaves_the_sample_as_it_was(question):
    networks = trained(question, 500)
    failure = Trained(networks[7].genes, 0.1, {})
    before = telling(question, networks[10:], most=100)
    after = telling(question, [failure, *networks[10:]], most=100)
    assert len({row + 1 for row in before} & set(after)) >= 98


def test_a_front_of_the_studys_own_is_told_though_borrowed_networks_are_better(question):
    networks = trained(question, 500)
    own = [Trained(t.genes, t.accuracy / 4, {}) for t in networks[:60]]
    together = [*networks[60:], *own]
    rows = telling(question, together, 440, 50)
    assert set(440 + front_indices(gains(question, own))) <= set(rows)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=25))
def test_nothing_in_a_front_dominates_it_and_something_in_the_one_before_does(points):
    points = np.array(points, dtype=float).reshape(-1, 3)
    found = [front.tolist() for front in fronts(points)]
    assert sorted(chain.from_iterable(found)) == [*range(len(points))]
    for front in found:
        assert not any(dominates(points[a], points[b]) for a in front for b in front)
    for earlier, later in pairwise(found):
        for row in later:
            assert any((points[a] >= points[row]).all() for a in earlier)


def test_a_study_of_more_networks_than_are_learned_from_goes_on(question, monkeypatch):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(
        hardware_aware, "telling", lambda q, t, borrowed: telling(q, t, borrowed, 20)
    )
    seen = []
    learned = hardware_aware.Beliefs.of
    monkeypatch.setattr(
        hardware_aware.Beliefs,
        "of",
        lambda q, known, told, before: seen.append(len(told)) or learned(q, known, told, before),
    )
    region = question.region
    study = optuna.create_study(
        directions=list(directions(OBJECTIVES).values()),
        sampler=make_sampler("hardware-aware", region, 0, OBJECTIVES, REFERENCE),
    )
    distributions = study.sampler.distributions
    for network in trained(question, 100):
        cost = gains(question, [network])[0, 1]
        study.add_trial(
            optuna.trial.create_trial(
                params=region.space.values(network.genes),
                distributions=distributions,
                values=[network.accuracy, 1.0 - cost],
            )
        )

    def objective(trial: optuna.Trial) -> list[float]:
        region.space.suggest(trial)
        return [0.5, 0.5]

    study.optimize(objective, n_trials=12)
    assert len(study.trials) == 112
    assert max(seen) == 20
    assert len(seen) > 1  # 12 are more than a twentieth: learned anew, though of as many
