"""Objectives: which quantity each one reads, which way is better, and from where it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from neuronas.records import FrontChange, FrontPoint
from neuronas.searching.pareto import dominates, hypervolume

QUANTITIES: dict[str, str] = {
    "energy": "energy_uj",
    "latency": "latency_ms",
    "area": "area_mm2",
    "memory": "memory_bytes",
    "parameters": "parameters",
}
"""The cost that each hardware objective minimizes, in the units of budgets and reports."""

ACCURACY = "accuracy"

Direction = Literal["minimize", "maximize"]


def directions(objectives: Sequence[str]) -> dict[str, Direction]:
    """Return Optuna's direction of each objective."""
    return {name: "maximize" if name == ACCURACY else "minimize" for name in objectives}


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
    return tuple(
        value - reference[name] if name == ACCURACY else 1 - value / reference[name]
        for name, value in values.items()
    )


def gain(name: str, value: Any, reference: float) -> Any:
    if name == ACCURACY:
        return value - reference
    return 1 - value / reference


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
    return FrontChange(dict(values), not beaten, leaves, volume)


def _oriented(point: Mapping[str, float], names: Iterable[str]) -> tuple[float, ...]:
    """Return the objectives of a point in the order of ``names``, larger is better."""
    return tuple(point[name] if name == ACCURACY else -point[name] for name in names)
