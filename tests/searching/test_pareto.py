"""Dominance and hypervolume, against definitions and against Optuna's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from neuronas.searching.pareto import dominates, hypervolume

GAIN = st.one_of(
    st.integers(-2, 8).map(lambda n: n / 8),  # many ties, some at or below the origin
    st.floats(-0.25, 1.0, allow_subnormal=False),
)


@st.composite
def fronts(draw: st.DrawFn, *, least: int = 1, most: int = 7) -> np.ndarray:
    """Up to seven points in two to five objectives; some dominated, some equal."""
    objectives = draw(st.integers(2, 5))
    point = st.tuples(*[GAIN] * objectives)
    return np.array(draw(st.lists(point, min_size=least, max_size=most)))


@st.composite
def pairs(draw: st.DrawFn, *, count: int = 2) -> tuple[tuple[float, ...], ...]:
    """Points of equal length, close enough to dominate each other now and then."""
    objectives = draw(st.integers(1, 5))
    point = st.tuples(*[st.integers(0, 2).map(float)] * objectives)
    return draw(st.tuples(*[point] * count))


def by_inclusion_exclusion(points: np.ndarray) -> float:
    """Volume of a union of boxes, by its definition."""
    boxes = np.clip(points, 0, None)
    subsets = (
        (size, chosen)
        for size in range(1, len(boxes) + 1)
        for chosen in combinations(range(len(boxes)), size)
    )
    return sum(
        (-1) ** (size + 1) * float(boxes[list(chosen)].min(axis=0).prod())
        for size, chosen in subsets
    )


@given(fronts())
def test_hypervolume_is_the_volume_of_the_union_of_boxes(points):
    assert hypervolume(points) == pytest.approx(by_inclusion_exclusion(points), abs=1e-12)


@given(fronts(most=20))
def test_hypervolume_is_optunas(points):
    inside = points[(points > 0).all(axis=1)]
    expected = compute_hypervolume(-inside, np.zeros(points.shape[1])) if len(inside) else 0.0
    assert hypervolume(points) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_hypervolume_of_a_large_front_is_optunas(objectives):
    points = np.random.default_rng(objectives).dirichlet(np.ones(objectives), size=40)
    expected = compute_hypervolume(-points, np.zeros(objectives))
    assert hypervolume(points) == pytest.approx(expected, rel=1e-9)


def sphere(count: int, objectives: int) -> np.ndarray:
    """Points none of which dominates another."""
    points = np.random.default_rng(objectives).random((count, objectives))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_hypervolume_of_a_hundred_points_in_five_objectives_is_what_darts_find():
    points = sphere(100, 5)
    darts = np.random.default_rng(0).random((200_000, 5))
    hit = np.zeros(len(darts), bool)
    for point in points:
        hit |= (darts <= point).all(axis=1)
    share = hit.mean()
    error = np.sqrt(share * (1 - share) / len(darts))
    assert hypervolume(points) == pytest.approx(share, abs=4 * error)


def test_hypervolume_of_more_points_than_are_sliced_together_is_optunas(monkeypatch):
    points = sphere(60, 3)
    monkeypatch.setattr("neuronas.searching.pareto._CELLS", 60 * 7)
    assert hypervolume(points) == pytest.approx(compute_hypervolume(-points, np.zeros(3)))


@given(fronts(), st.randoms())
def test_hypervolume_depends_on_no_order(points, random):
    rows, columns = list(range(len(points))), list(range(points.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = points[rows][:, columns]
    assert hypervolume(shuffled) == pytest.approx(hypervolume(points), abs=1e-12)


@given(fronts(), st.data())
def test_a_dominated_point_adds_nothing(points, data):
    above = points[data.draw(st.integers(0, len(points) - 1))]
    below = above - np.array(data.draw(st.tuples(*[st.floats(0, 1)] * points.shape[1])))
    assert hypervolume(np.vstack([points, below])) == pytest.approx(hypervolume(points), abs=1e-12)


@given(fronts(least=2))
def test_another_point_never_takes_volume_away(points):
    assert hypervolume(points) >= hypervolume(points[:-1]) - 1e-12


def test_the_empty_front_has_no_volume():
    assert hypervolume(np.empty((0, 3))) == 0.0
    assert hypervolume(np.array([])) == 0.0


def test_the_ideal_point_fills_the_unit_cube():
    assert hypervolume(np.ones((1, 4))) == 1.0


def test_a_point_at_or_below_the_reference_adds_nothing():
    assert hypervolume(np.array([[0.0, 1.0], [1.0, -0.5]])) == 0.0


@given(pairs(count=1))
def test_no_point_dominates_itself(points):
    assert not dominates(points[0], points[0])


@given(pairs())
def test_dominance_is_never_mutual(points):
    one, other = points
    assert not (dominates(one, other) and dominates(other, one))


@given(pairs(count=3))
def test_dominance_is_transitive(points):
    one, two, three = points
    assert not (dominates(one, two) and dominates(two, three)) or dominates(one, three)


@given(pairs())
def test_dominance_is_better_somewhere_and_worse_nowhere(points):
    one, other = points
    differences = [a - b for a, b in zip(one, other, strict=True)]
    assert dominates(one, other) == (min(differences) >= 0 and max(differences) > 0)


def test_points_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        dominates((1.0,), (1.0, 2.0))
