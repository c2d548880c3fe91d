"""Objectives, gains, and the front as points come in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.records import FrontChange, FrontPoint
from neuronas.searching.objectives import directions, front_change, gains, objective_values
from neuronas.searching.pareto import dominates, hypervolume

COST = {
    "parameters": 1.0,
    "memory_bytes": 2.0,
    "area_mm2": 3.0,
    "latency_ms": 4.0,
    "energy_uj": 5.0,
    "edp_uj_ms": 20.0,
    "throughput_per_s": 6.0,
    "spikes": 7.0,
    "synops": 8.0,
    "bit_synops": 9.0,
}
REFERENCE = {"accuracy": 0.0, "energy": 20.0, "area": 10.0, "throughput": 0.5}


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, float]]:
    """Points as a search may find them, one after the other; ties are common."""
    names = draw(st.permutations(["accuracy", "energy", "area", "throughput"]))
    names = names[: draw(st.integers(1, 3))]
    steps = {
        "accuracy": 8,
        "energy": 20,
        "area": 10,
        "throughput": 6,
    }
    point = st.tuples(*[st.integers(1, steps[name]) for name in names])
    return [
        {n: s / 8 if n == "accuracy" else float(s) for n, s in zip(names, chosen, strict=True)}
        for chosen in draw(st.lists(point, max_size=12))
    ]


def inserted(points: list[dict[str, float]]) -> tuple[list[FrontPoint], list[FrontChange]]:
    """Return the front after all points came in, and what each did."""
    front: list[FrontPoint] = []
    changes = []
    for number, values in enumerate(points):
        change = front_change(front, values, REFERENCE)
        front = [point for point in front if point.trial_number not in change.leaves]
        if change.enters:
            front.append(FrontPoint(number, values))
        changes.append(change)
    return front, changes


def better_or_equal(a: dict[str, float], b: dict[str, float]) -> bool:
    more = ("accuracy", "throughput")
    return all(a[n] >= b[n] if n in more else a[n] <= b[n] for n in a)


def brute_force_front(points: list[dict[str, float]]) -> set[tuple[float, ...]]:
    """Distinct points that no other one beats, straight from the definition."""
    return {
        tuple(p.values())
        for p in points
        if not any(better_or_equal(q, p) and not better_or_equal(p, q) for q in points)
    }


@given(streams())
def test_whatever_the_order_the_front_is_the_brute_force_front(points):
    front, _ = inserted(points)
    found = [tuple(point.objectives.values()) for point in front]
    assert set(found) == brute_force_front(points)
    assert len(found) == len(set(found))


@given(streams(), st.randoms())
def test_the_front_and_its_hypervolume_depend_on_no_order(points, random):
    _, one = inserted(points)
    random.shuffle(points)
    front, other = inserted(points)
    assert {tuple(p.objectives.values()) for p in front} == brute_force_front(points)
    if points:
        assert one[-1].hypervolume == pytest.approx(other[-1].hypervolume, abs=1e-12)


@given(streams())
def test_the_hypervolume_never_falls_and_is_the_fronts(points):
    front, changes = inserted(points)
    volumes = [change.hypervolume for change in changes]
    assert all(b >= a - 1e-12 for a, b in pairwise(volumes))
    assert all(0 <= volume <= 1 for volume in volumes)
    if front:
        standing = np.array([gains(point.objectives, REFERENCE) for point in front])
        assert volumes[-1] == pytest.approx(hypervolume(standing), abs=1e-12)


@given(streams())
def test_what_enters_dominates_exactly_what_leaves(points):
    front: list[FrontPoint] = []
    for number, values in enumerate(points):
        change = front_change(front, values, REFERENCE)
        new = gains(values, REFERENCE)
        beaten = {p.trial_number for p in front if dominates(new, gains(p.objectives, REFERENCE))}
        assert set(change.leaves) == beaten
        assert change.enters or not change.leaves
        front = [p for p in front if p.trial_number not in beaten]
        front += [FrontPoint(number, values)] * change.enters


def test_an_equal_point_does_not_enter():
    values = {"accuracy": 0.5, "energy": 5.0}
    change = front_change([FrontPoint(3, values)], dict(values), REFERENCE)
    assert change == FrontChange(values, False, (), 0.5 * 0.75)


def test_the_first_point_enters_even_at_the_reference():
    change = front_change([], {"accuracy": 0.0, "energy": 20.0}, REFERENCE)
    assert (change.enters, change.leaves, change.hypervolume) == (True, (), 0.0)


def test_gains_are_measured_from_the_reference():
    values = {"accuracy": 0.9, "energy": 5.0, "area": 15.0, "throughput": 2.0}
    assert gains(values, REFERENCE) == (0.9, 0.75, -0.5, 0.75)


def test_accuracy_is_maximized_and_costs_are_minimized_in_the_studys_order():
    names = ["energy", "accuracy", "memory"]
    assert list(directions([*names, "throughput"]).items()) == [
        ("energy", "minimize"),
        ("accuracy", "maximize"),
        ("memory", "minimize"),
        ("throughput", "maximize"),
    ]
    assert list(objective_values(names, 0.9, COST).items()) == [
        ("energy", 5.0),
        ("accuracy", 0.9),
        ("memory", 2.0),
    ]


def test_every_objective_reads_its_quantity():
    names = ["parameters", "memory", "area", "latency", "energy", "edp", "throughput", "spikes"]
    assert list(objective_values(names, 0.0, COST).values()) == [*range(1, 6), 20.0, 6.0, 7.0]
    assert list(objective_values(["bit_synops", "synops"], 0.0, COST).values()) == [9.0, 8.0]
