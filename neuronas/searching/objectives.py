"""Objectives: which quantity each one reads, which way is better, and from where it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuronas.hardware import HIGHER_IS_BETTER
from neuronas.records import FrontChange, FrontPoint, Trial
from neuronas.searching.pareto import dominates, hypervolume

QUANTITIES: dict[str, str] = {
    "energy": "energy_uj",
    "latency": "latency_ms",
    "area": "area_mm2",
    "memory": "memory_bytes",
    "parameters": "parameters",
    "edp": "edp_uj_ms",
    "throughput": "throughput_per_s",
    "spikes": "spikes",
    "synops": "synops",
    "bit_synops": "bit_synops",
}
"""The quantity that each hardware objective reads, in the units of budgets and reports."""

ACCURACY = "accuracy"
MAXIMIZED = frozenset({ACCURACY} | {n for n, q in QUANTITIES.items() if q in HIGHER_IS_BETTER})
"""Objectives of which more is better."""

Direction = Literal["minimize", "maximize"]
Number = TypeVar("Number", float, NDArray[np.float64])


def directions(objectives: Sequence[str]) -> dict[str, Direction]:
    """Return Optuna's direction of each objective."""
    return {name: "maximize" if name in MAXIMIZED else "minimize" for name in objectives}


def objective_values(
    objectives: Sequence[str], accuracy: float, cost: Mapping[str, float]
) -> dict[str, float]:
    """Return the value of each objective, in the units of reports."""
    return {name: accuracy if name == ACCURACY else cost[QUANTITIES[name]] for name in objectives}


def gains(values: Mapping[str, float], reference: Mapping[str, float]) -> tuple[float, ...]:
    """Return each objective as a gain over its reference, at most 1; 0 is as bad as that.

    Args:
        values: Objectives.
        reference: Worst value per objective, from ``survey.reference_point``.
    """
    return tuple(gain(name, value, reference[name]) for name, value in values.items())


def gain(name: str, value: Number, reference: float) -> Number:
    """Return what a value of an objective gains over its reference, at most 1.

    Of a cost it is the share that is saved; of throughput that of the time between two results.

    Args:
        name: Objective.
        value: One value, or an array.
        reference: Worst value.
    """
    if name == ACCURACY:
        return value - reference
    return 1 - reference / value if name in MAXIMIZED else 1 - value / reference


def best_so_far(objectives: Sequence[str], front: Sequence[Trial]) -> dict[str, float]:
    """Return the best value of a study's only objective; nothing of several, or of no front."""
    if len(objectives) > 1 or not front or front[0].evaluation is None:
        return {}
    accuracy, cost = front[0].evaluation.validation_accuracy, front[0].known_cost.quantities
    return objective_values(objectives, accuracy, cost)


def front_change(
    front: list[FrontPoint], values: Mapping[str, float], reference: Mapping[str, float]
) -> FrontChange:
    """Return what a new point does to a front: it enters unless a standing one is as good."""
    new = _oriented(values, values)
    standing = {point.trial_number: _oriented(point.objectives, values) for point in front}
    beaten = any(dominates(old, new) or old == new for old in standing.values())
    leaves = () if beaten else tuple(n for n, old in standing.items() if dominates(new, old))
    kept = [point.objectives for point in front if point.trial_number not in leaves]
    points = kept if beaten else [*kept, values]
    # A stored point's objectives may come back in another order than they were written in.
    ordered = [{name: point[name] for name in values} for point in points]
    volume = hypervolume(np.array([gains(point, reference) for point in ordered]))
    box = 1 - reference.get(ACCURACY, 0.0)
    return FrontChange(dict(values), not beaten, leaves, volume / box)


def _oriented(point: Mapping[str, float], names: Iterable[str]) -> tuple[float, ...]:
    """Return the objectives of a point in the order of ``names``, larger is better."""
    return tuple(point[name] if name in MAXIMIZED else -point[name] for name in names)
