"""What a candidate promises: expected hypervolume improvement where only accuracy is uncertain.

Costs are known, so hypervolume is an integral over the costs' gains: at each point, how far the
accuracy of a candidate that is cheaper than this reaches beyond the best accuracy that is there.
Its expectation is that of expected improvement (Jones et al., Journal of Global Optimization 13,
1998), taken at each level that the front has, times the volume of this level within the
candidate's reach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import qmc

from neuronas.searching.pareto import front_indices

Floats = NDArray[np.float64]

_POINTS_LOG2 = 11
"""Points that volumes in three and more costs are estimated from, as a power of two."""
_EXACT = 2
_ROWS = 4096
"""Candidates whose reach is compared with those points at once."""


def expected_improvement(mean: Floats, deviation: Floats, level: Floats) -> Floats:
    """Return by how much a normal value exceeds a level on average, elementwise."""
    ahead = (mean - level) / deviation
    density = np.exp(-0.5 * ahead * ahead) / np.sqrt(2 * np.pi)
    return np.asarray(deviation * (ahead * ndtr(ahead) + density))


def expected_hypervolume_improvement(
    front: tuple[Floats, Floats], mean: Floats, deviation: Floats, costs: Floats
) -> Floats:
    """Return what each candidate is expected to add to a front's hypervolume, shape ``(N,)``.

    Exact for up to two costs; with more, volumes are those of 2,048 points.

    Args:
        front: Gains of known networks in accuracy, shape ``(n,)``, and in each cost,
            ``(n, K)``; what is dominated or has a gain of 0 or less changes nothing.
        mean, deviation: Of the gain in accuracy, shape ``(N,)``.
        costs: Gains in each cost, shape ``(N, K)``.
    """
    levels, reach = reaches(front, costs)
    improvement = expected_improvement(mean[:, None], deviation[:, None], levels)
    return np.asarray((reach * improvement).sum(axis=1))


def reaches(front: tuple[Floats, Floats], costs: Floats) -> tuple[Floats, Floats]:
    """Return the accuracy levels of a front, and how much of each lies in a candidate's reach.

    Args:
        front: As above.
        costs: Gains in each cost, shape ``(N, K)``.

    Returns:
        Levels, ascending from 0, shape ``(V,)``; volumes in the space of costs, ``(N, V)``.
    """
    accuracy, known = front
    inside = (accuracy > 0) & (known > 0).all(axis=1)
    points = np.column_stack([accuracy, known])[inside]
    points = points[front_indices(points)]
    accuracy, known = points[:, 0], points[:, 1:]
    costs = np.maximum(costs, 0)
    if costs.shape[1] == 0:
        return accuracy.max(initial=0.0, keepdims=True), np.ones((len(costs), 1))
    if costs.shape[1] > _EXACT:
        return _estimated(accuracy, known, costs)
    edges = [
        np.unique(np.concatenate([[0.0], known[:, k], [costs[:, k].max(initial=0.0)]]))
        for k in range(costs.shape[1])
    ]
    sides = [
        np.clip(costs[:, k, None] - edge[:-1], 0, np.diff(edge)) for k, edge in enumerate(edges)
    ]
    corners = np.stack(np.meshgrid(*(edge[1:] for edge in edges), indexing="ij"), axis=-1)
    height = _heights(accuracy, known, corners)
    levels, which = np.unique(height, return_inverse=True)
    at_level = np.eye(len(levels))[which.reshape(height.shape)]
    if len(sides) == 1:
        return levels, sides[0] @ at_level
    across = np.tensordot(sides[0], at_level, 1)
    return levels, np.einsum("njv,nj->nv", across, sides[1])


def _heights(accuracy: Floats, known: Floats, points: Floats) -> Floats:
    """Return the best known accuracy that is as cheap as each point, shape of its points."""
    height = np.zeros(points.shape[:-1])
    for value, gains in zip(accuracy, known, strict=True):
        np.maximum(height, np.where((points <= gains).all(axis=-1), value, 0.0), out=height)
    return height


def _estimated(accuracy: Floats, known: Floats, costs: Floats) -> tuple[Floats, Floats]:
    box = costs.max(axis=0, initial=0.0)
    sequence = qmc.Sobol(costs.shape[1], rng=np.random.default_rng(0))
    points = sequence.random_base2(_POINTS_LOG2) * box
    levels, which = np.unique(_heights(accuracy, known, points), return_inverse=True)
    at_level = np.eye(len(levels), dtype=np.float32)[which]
    reach = np.empty((len(costs), len(levels)))
    for start in range(0, len(costs), _ROWS):
        rows = slice(start, start + _ROWS)
        within = np.ones((len(costs[rows]), len(points)), dtype=bool)
        for k in range(costs.shape[1]):
            within &= points[:, k] <= costs[rows, k, None]
        reach[rows] = within.astype(np.float32) @ at_level
    return levels, reach * (box.prod() / len(points))
