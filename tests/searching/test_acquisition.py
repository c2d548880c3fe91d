"""Expected hypervolume improvement against what it means: hypervolume, drawn many times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from neuronas.searching.acquisition import expected_hypervolume_improvement, reaches
from neuronas.searching.pareto import hypervolume

CERTAIN = 1e-9


def drawn(seed: int, costs: int, known: int = 8, candidates: int = 12):
    """Return gains of a front, in accuracy and costs, and those of candidates."""
    source = np.random.default_rng(seed)
    front = source.uniform(-0.02, 0.1, known), source.uniform(-0.2, 1, (known, costs))
    mean, deviation = source.uniform(0, 0.12, candidates), source.uniform(1e-3, 0.03, candidates)
    return front, mean, deviation, source.uniform(-0.2, 1, (candidates, costs))


@given(seed=st.integers(0, 10**6), costs=st.integers(0, 3))
def test_of_what_is_certain_it_is_the_gain_in_hypervolume(seed, costs):
    front, mean, _, gains = drawn(seed, costs)
    found = expected_hypervolume_improvement(front, mean, np.full(len(mean), CERTAIN), gains)
    points = np.column_stack(front)
    before = hypervolume(points)
    wanted = [
        hypervolume(np.vstack([points, [value, *cost]])) - before
        for value, cost in zip(mean, gains, strict=True)
    ]
    assert found == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("costs", [0, 1, 2, 3, 4])
def test_it_is_the_mean_gain_of_many_draws(costs):
    front, mean, deviation, gains = drawn(1, costs, candidates=4)
    found = expected_hypervolume_improvement(front, mean, deviation, gains)
    points = np.column_stack(front)
    before = hypervolume(points)
    # Quantiles of the normal distribution, evenly spread, integrate better than random draws.
    normal = ndtri((np.arange(1000) + 0.5) / 1000)
    for row, value in enumerate(found):
        volumes = [
            hypervolume(np.vstack([points, [mean[row] + deviation[row] * z, *gains[row]]]))
            for z in normal
        ]
        # Volumes of four costs are estimated from 2,048 points.
        wanted = pytest.approx(np.mean(volumes) - before, rel=0.1 if costs == 4 else 0.02, abs=1e-6)
        assert value == wanted


@given(seed=st.integers(0, 10**6), costs=st.integers(1, 3))
def test_levels_share_the_volume_within_reach(seed, costs):
    front, _, _, gains = drawn(seed, costs)
    levels, reach = reaches(front, gains)
    assert (np.diff(levels) > 0).all()
    volume = np.prod(np.maximum(gains, 0), axis=1)
    assert reach.sum(axis=1) == pytest.approx(volume, abs=1e-12)


def test_without_a_front_everything_is_new():
    empty = np.zeros(0), np.zeros((0, 2))
    certain = np.array([CERTAIN])
    found = expected_hypervolume_improvement(
        empty, np.array([0.5]), certain, np.array([[0.5, 0.2]])
    )
    assert found == pytest.approx([0.05])
