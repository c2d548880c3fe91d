"""Pareto dominance and exact hypervolume, for gains (larger is better)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Return whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    pairs = list(zip(a, b, strict=True))
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def hypervolume(points: NDArray[np.float64]) -> float:
    """Return the volume that points dominate above the origin.

    Exact, by slicing along the last objective (HSO: While et al., IEEE Transactions on
    Evolutionary Computation 10(1), 2006). Meant for fronts of a few hundred points in 2 to 5
    objectives.

    Args:
        points: Gains, shape ``(N, M)``; a point with a gain of 0 or less adds nothing.
    """
    inside = points[(points > 0).all(axis=1)] if len(points) else points
    if len(inside) == 0:
        return 0.0
    return _sliced(inside[front_indices(inside)])


def front_indices(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which points no other dominates, ascending; of equal points the first.

    Args:
        points: Larger is better, shape ``(N, M)``.
    """
    # Whatever dominates a point has a larger sum, and comes before it; so does its equal.
    order = np.argsort(-points.sum(axis=1), kind="stable")
    kept: list[int] = []
    left = order
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[(points[left] > points[best]).any(axis=1)]
    return np.array(sorted(kept), dtype=np.int64)


def _sliced(points: NDArray[np.float64]) -> float:
    if points.shape[1] == 1:
        return float(points.max())
    order = points[np.argsort(-points[:, -1], kind="stable")]
    heights = np.append(order[:, -1], 0.0)
    if points.shape[1] == 2:  # noqa: PLR2004 - a staircase
        return float((np.maximum.accumulate(order[:, 0]) * -np.diff(heights)).sum())
    volume = 0.0
    for count in range(1, len(order) + 1):
        thickness = heights[count - 1] - heights[count]
        if thickness > 0:
            volume += thickness * _sliced(order[:count, :-1])
    return volume
