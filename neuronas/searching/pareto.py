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
    return _sliced(inside)


def _sliced(points: NDArray[np.float64]) -> float:
    if points.shape[1] == 1:
        return float(points.max())
    order = points[np.argsort(-points[:, -1], kind="stable")]
    heights = np.append(order[:, -1], 0.0)
    volume = 0.0
    for count in range(1, len(order) + 1):
        thickness = heights[count - 1] - heights[count]
        if thickness > 0:
            volume += thickness * _sliced(_non_dominated(order[:count, :-1]))
    return volume


def _non_dominated(points: NDArray[np.float64]) -> NDArray[np.float64]:
    unique = np.unique(points, axis=0)
    worse = np.asarray((unique[:, None, :] <= unique[None, :, :]).all(axis=2))
    np.fill_diagonal(worse, val=False)
    return np.asarray(unique[~worse.any(axis=1)])
