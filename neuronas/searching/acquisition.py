"""What a candidate promises: expected hypervolume improvement where only accuracy is uncertain.

Costs are known, so hypervolume is an integral over the costs' gains: at each point, how far the
accuracy of a candidate that is cheaper than this reaches beyond the best accuracy that is there.
Its expectation is that of expected improvement (Jones et al., Journal of Global Optimization 13,
1998), taken at each level that the front has, times the volume of this level within the
candidate's reach.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import qmc

from neuronas.searching.pareto import front_indices

Floats = NDArray[np.float64]

_POINTS_LOG2 = 11
"""Points that volumes in three and more costs are estimated from, as a power of two."""
_EXACT = 2**22
"""Numbers in a table of volumes, above which they are estimated."""
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

    Exact; with four costs, or three and a large front, volumes are estimated from 2,048 points.

    Args:
        front: Gains of known networks in accuracy, shape ``(n,)``, and in each cost,
            ``(n, K)``; what is dominated or has a gain of 0 or less changes nothing.
        mean: Of the gain in accuracy, shape ``(N,)``.
        deviation: Of the gain in accuracy, shape ``(N,)``.
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
    if not (costs > 0).all(axis=1).any():
        return np.zeros(1), np.zeros((len(costs), 1))
    edges = [
        np.unique(np.concatenate([[0.0], known[:, k], [costs[:, k].max(initial=0.0)]]))
        for k in range(costs.shape[1])
    ]
    cells = np.prod([len(edge) for edge in edges]) * (len(points) + 1)
    if cells > _EXACT:
        return _estimated(accuracy, known, costs)
    return _exact(accuracy, known, costs, edges)


def _exact(
    accuracy: Floats, known: Floats, costs: Floats, edges: list[Floats]
) -> tuple[Floats, Floats]:
    """Return levels and reaches: heights are constant between the edges that known gains make."""
    corners = np.stack(np.meshgrid(*(edge[1:] for edge in edges), indexing="ij"), axis=-1)
    height = _heights(accuracy, known, corners)
    levels, which = np.unique(height, return_inverse=True)
    volumes = np.eye(len(levels))[which.reshape(height.shape)]
    for k, edge in enumerate(edges):
        shape = [-1 if axis == k else 1 for axis in range(volumes.ndim)]
        summed = np.cumsum(volumes * np.diff(edge).reshape(shape), axis=k)
        volumes = np.pad(summed, [(int(axis == k), 0) for axis in range(volumes.ndim)])
    # Within a cell, the volume below a point is linear in each coordinate.
    below = [
        np.clip(np.searchsorted(edge, costs[:, k], side="right") - 1, 0, max(0, len(edge) - 2))
        for k, edge in enumerate(edges)
    ]
    shares = [
        (costs[:, k] - edges[k][row]) / (edges[k][row + 1] - edges[k][row])
        for k, row in enumerate(below)
    ]
    reach = np.zeros((len(costs), len(levels)))
    for corner in itertools.product((0, 1), repeat=len(edges)):
        weight = np.prod([s if c else 1 - s for s, c in zip(shares, corner, strict=True)], axis=0)
        at = tuple(row + c for row, c in zip(below, corner, strict=True))
        reach += weight[:, None] * volumes[at]
    return levels, reach


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
