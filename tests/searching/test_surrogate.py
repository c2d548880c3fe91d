"""The Gaussian process over networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronas.architecture import SearchSpace
from neuronas.searching.features import FeatureMap, Features
from neuronas.searching.firing import FiringModel
from neuronas.searching.surrogate import (
    Coordinates,
    GaussianProcess,
    Variances,
    distinct,
    learned,
)
from tests.searching.fakes import study_config

CONV3X3 = 3


def space_of(**changes: object) -> SearchSpace:
    return SearchSpace.of(study_config(space=changes))


def connected(space: SearchSpace, count: int, seed: int = 0) -> np.ndarray:
    genes = space.sample(np.random.default_rng(seed), 20 * count)
    return genes[space.decode(genes).connected()][:count]


def placed(count: int, seed: int = 0) -> Coordinates:
    space = space_of()
    genes = connected(space, count, seed)
    return Coordinates.of(FeatureMap(space, connected(space, 500, seed=9))(genes))


def sharp(known: Coordinates) -> Variances:
    """Return usual variances, but hardly any noise."""
    return Variances(Variances.usual(known).parts, np.log(1e-6))


# What is seen


def test_edges_on_no_path_are_not_seen():
    space = space_of(operations=["zeroize", "skip", "conv3x3"])
    names = [p.name for p in space.parameters]
    alive = np.zeros((1, len(names)), dtype=np.int64)
    alive[0, names.index("cell.0->3")] = 2
    dead = alive.copy()
    dead[0, names.index("cell.0->1")] = 2
    seen = FeatureMap(space, connected(space, 300))
    assert np.array_equal(seen(alive).main, seen(dead).main)
    assert np.array_equal(seen(alive).edges, seen(dead).edges)


def test_what_every_network_has_is_left_out_and_the_rest_is_scaled():
    space = space_of(channels=[4], time_steps=[1, 2])
    sample = connected(space, 400)
    seen = FeatureMap(space, sample)(sample)
    assert seen.main.std(axis=0) == pytest.approx(np.ones(seen.main.shape[1]))
    assert seen.main.mean(axis=0) == pytest.approx(np.zeros(seen.main.shape[1]), abs=1e-12)
    wider = FeatureMap(space_of(channels=[2, 4], time_steps=[1, 2]), sample)
    assert wider(sample).main.shape[1] == seen.main.shape[1]  # none of the sample has 2 channels


def test_nothing_to_see_is_seen_as_nothing():
    space = space_of()
    one = connected(space, 1)
    seen = FeatureMap(space, one)
    assert seen(one).main.shape == (1, 0)
    assert seen(one[:0]).edges.shape == (0, 0)
    at = Coordinates.of(seen(np.repeat(one, 3, axis=0)))
    process = GaussianProcess(at, np.array([0.1, 0.2, 0.3]), Variances.usual(at))
    assert process.mean(process.covariance(at)) == pytest.approx([0.2] * 3)


# What is expected


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_covariances_are_those_of_some_function(seed):
    known = placed(40, seed)
    process = GaussianProcess(known, np.arange(40.0), sharp(known))
    values = np.linalg.eigvalsh(process.covariance(known))
    assert values.min() > -1e-8


def test_without_noise_it_goes_through_what_it_knows():
    known = placed(30)
    values = np.random.default_rng(0).random(30)
    process = GaussianProcess(known, values, sharp(known))
    covariance = process.covariance(known)
    rows = [i for i in range(30) if (covariance[i] > 0.999 * covariance[i, i]).sum() == 1]
    assert len(rows) > 15
    assert process.mean(covariance)[rows] == pytest.approx(values[rows], abs=0.05)
    assert process.deviation(known, covariance)[rows].max() < 0.1 * values.std()


def test_more_networks_make_no_deviation_larger():
    known, others = placed(60), placed(200, seed=5)
    values = np.sin(np.arange(60.0))
    variances = Variances.usual(known)
    scale = values.std()

    def deviations(count: int) -> np.ndarray:
        some = known.take(slice(0, count))
        process = GaussianProcess(some, values[:count], variances)
        found = process.deviation(others, process.covariance(others))
        return found / values[:count].std() * scale

    assert (deviations(60) <= deviations(30) + 1e-9).all()


def test_what_is_left_out_is_what_the_others_expect():
    known = placed(25)
    values = np.random.default_rng(1).random(25)
    variances = Variances.usual(known)
    process = GaussianProcess(known, values, variances)
    # The mean and scale of values are those of all: one network hardly moves them.
    for row in (0, 7, 24):
        rest = np.delete(np.arange(25), row)
        alone = GaussianProcess(known.take(rest), values[rest], variances)
        one = known.take(np.array([row]))
        wanted = alone.mean(alone.covariance(one))[0]
        assert process.left_out()[row] == pytest.approx(wanted, abs=0.1)


def test_single_precision_says_the_same():
    known, others = placed(50), placed(300, seed=3)
    values = np.random.default_rng(2).random(50)
    process = GaussianProcess(known, values, Variances.usual(known))
    exact, single = process.covariance(others), process.covariance(others.single())
    assert single.dtype == np.float32
    assert single == pytest.approx(exact, rel=1e-4, abs=1e-4)
    assert process.mean(single) == pytest.approx(process.mean(exact), abs=1e-3)


def test_noise_of_its_own_makes_a_value_say_less():
    known = placed(30)
    values = np.random.default_rng(0).random(30)
    extra = np.zeros(30)
    extra[4] = 100.0
    usual = Variances.usual(known)
    plain, doubted = (GaussianProcess(known, values, usual, noise) for noise in (None, extra))
    one = known.take(np.array([4]))
    off = [abs(p.mean(p.covariance(one))[0] - values[4]) for p in (plain, doubted)]
    assert off[1] > off[0]


def test_learned_variances_predict_better_than_the_usual_ones():
    space = space_of()
    seen = FeatureMap(space, connected(space, 500, seed=9))

    def data(count: int, seed: int) -> tuple[Features, np.ndarray]:
        genes = connected(space, count, seed)
        count_of = (space.decode(genes).canonical().cell_a == CONV3X3).sum(axis=1)
        noise = np.random.default_rng(seed).normal(0, 0.5, count)
        return seen(genes), np.sqrt(count_of) + noise

    (few, values), (many, wanted) = data(100, 0), data(400, 1)
    known, others = Coordinates.of(few), Coordinates.of(many)
    errors = []
    for variances in (Variances.usual(known), learned(known, values)):
        process = GaussianProcess(known, values, variances)
        errors.append(np.mean((process.mean(process.covariance(others)) - wanted) ** 2))
    assert errors[1] < errors[0]


# How often neurons fire


def test_expected_rates_are_rates_and_near_those_of_equal_networks():
    known = placed(20)
    rates = [{"a": 0.1 + 0.001 * i} | ({"b": 0.9} if i % 2 else {}) for i in range(20)]
    model = FiringModel(known, rates)
    expected = model.expected(known)
    assert set(expected) == {"a", "b"}
    assert all(((r >= 0) & (r <= 1)).all() for r in expected.values())
    assert expected["a"] == pytest.approx([r["a"] for r in rates], abs=0.01)
    left = model.left_out()
    assert np.isnan(left["b"][0])
    assert left["b"][1] == pytest.approx(0.9)


def test_one_training_of_several_candidates_counts_once():
    known = placed(5)
    twice = known.joined(known.take(slice(0, 3)))
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.2, 0.9])
    found = distinct(twice, values)
    assert len(found) == len(set(map(tuple, np.column_stack([twice.linear, values]))))
    assert {5, 6}.isdisjoint(found)
    assert 7 in found  # trained again, with another result
