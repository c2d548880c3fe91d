"""What a surrogate sees of a network: main figures, and which operation stands on which edge.

Counts and depths carry most of what decides accuracy, so they are told apart from where in the
cell an operation stands; a network's parts on no path from input to output are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import EDGES, NODES, Networks, SearchSpace
from neuronas.config import CODINGS, OPERATIONS, ZEROIZE, Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KIND = np.array([op.kind for op in OPERATIONS])
_KERNEL = np.array([op.kernel for op in OPERATIONS], dtype=np.float64)
_THRESHOLD = np.array([op.threshold or np.nan for op in OPERATIONS])
_NEVER = 99.0
_ROUNDING = 1e-9
"""Least difference that is one: means of equal values differ in the last digit."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is seen of N networks.

    Attributes:
        main: Figures of the graph and of the network, of unit variance, shape ``(N, M)``.
        edges: Whether an operation stands on an edge, centred, shape ``(N, E)``.
        places: Edges that ``edges`` tells of.
    """

    main: Floats
    edges: Floats
    places: int

    def __len__(self) -> int:
        return len(self.main)

    def take(self, rows: NDArray[np.integer] | slice) -> Features:
        """Return some of the networks."""
        return Features(self.main[rows], self.edges[rows], self.places)


class FeatureMap:
    """Features of the networks of one space, scaled as a sample of them.

    What does not vary in the sample is left out.

    Args:
        space: The search space.
        sample: Genotypes, shape ``(N, G)``.
    """

    def __init__(self, space: SearchSpace, sample: Ints) -> None:
        self._space = space
        main, edges = self._raw(sample)
        told = ~np.isnan(main)
        self._usual = np.where(told, main, 0.0).sum(axis=0) / np.maximum(told.sum(axis=0), 1)
        main = np.where(told, main, self._usual)
        self._main = np.flatnonzero(np.ptp(main, axis=0) > _ROUNDING)
        self._edges = np.flatnonzero(np.ptp(edges, axis=0) > 0)
        varying = main[:, self._main]
        self._mean, self._scale = varying.mean(axis=0), varying.std(axis=0)
        self._centre = edges[:, self._edges].mean(axis=0)
        self._places = len(np.unique(self._edges // len(OPERATIONS)))

    def __call__(self, genes: Ints) -> Features:
        """Return the features of genotypes, shape ``(N, G)``."""
        main, edges = self._raw(genes)
        main = np.where(np.isnan(main), self._usual, main)
        return Features(
            (main[:, self._main] - self._mean) / self._scale,
            edges[:, self._edges] - self._centre,
            self._places,
        )

    def _raw(self, genes: Ints) -> tuple[Floats, Floats]:
        networks = self._space.decode(genes).canonical()
        cells = [networks.cell_a] if self._space.shared else [networks.cell_a, networks.cell_b]
        columns = [*_network(networks)]
        for cell in cells:
            columns += _graph(cell, networks.threshold)
        return np.stack(columns, axis=1), np.concatenate([_one_hot(c) for c in cells], axis=1)


def _network(networks: Networks) -> list[Floats]:
    """Return the figures of networks apart from their cells, shape ``(N,)`` each."""
    sizes = ("channels", "ratio", "pool", "time_steps", "votes")
    return [
        *(np.log2(getattr(networks, name)) for name in sizes),
        np.log2(1 + networks.hidden),
        networks.decay,
        networks.threshold,
        *(np.asarray(networks.coding == code, dtype=np.float64) for code in range(len(CODINGS))),
        *np.log2(networks.weight_bits).T,
    ]


def _graph(cells: Ints, thresholds: Floats) -> list[Floats]:
    """Return the figures of cells, shape ``(N,)`` each.

    Args:
        cells: Live operations, shape ``(N, 6)`` or ``(N, 12)``.
        thresholds: Of the networks, shape ``(N,)``.
    """
    kinds = _KIND[cells]
    weighted = kinds == Kind.CONV
    count = weighted.sum(axis=1)
    own = _THRESHOLD[cells]
    threshold = np.where(np.isnan(own), thresholds[:, None], own)
    paths, shortest, longest = _depths(cells, weighted)
    return [
        count.astype(np.float64),
        (kinds == Kind.SKIP).sum(axis=1).astype(np.float64),
        np.isin(kinds, (Kind.AVGPOOL, Kind.MAXPOOL)).sum(axis=1).astype(np.float64),
        _mean_over(weighted, threshold),
        np.where(count > 0, _mean_over(weighted, _KERNEL[cells]), np.nan),
        np.log2(1 + paths),
        shortest,
        longest,
        (cells[:, len(EDGES) :] != ZEROIZE).sum(axis=1).astype(np.float64),
    ]


def _depths(cells: Ints, weighted: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return the paths through cells, and the fewest and most convolutions on one.

    Of forward edges; where only a backward edge leads to the output, there is no path.
    """
    rows = len(cells)
    paths, fewest = np.zeros((NODES, rows)), np.full((NODES, rows), _NEVER)
    most = np.full((NODES, rows), -_NEVER)
    paths[0], fewest[0], most[0] = 1, 0, 0
    for edge, (source, target) in enumerate(EDGES):
        live, conv = cells[:, edge] != ZEROIZE, weighted[:, edge]
        paths[target] += np.where(live, paths[source], 0)
        nearer, farther = fewest[source] + conv, most[source] + conv
        fewest[target] = np.where(live, np.minimum(fewest[target], nearer), fewest[target])
        most[target] = np.where(live, np.maximum(most[target], farther), most[target])
    through = paths[-1] > 0
    return paths[-1], np.where(through, fewest[-1], 0.0), np.where(through, most[-1], 0.0)


def _mean_over(chosen: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the mean of each row's chosen values, shape ``(N,)``; 0 where none is chosen."""
    count = chosen.sum(axis=1)
    return np.asarray(np.where(chosen, values, 0.0).sum(axis=1) / np.maximum(count, 1))


def _one_hot(cells: Ints) -> Floats:
    """Return whether each operation stands on each edge; a missing edge is no operation."""
    present = cells[:, :, None] == np.arange(len(OPERATIONS))
    present[:, :, ZEROIZE] = False
    flat = present.reshape(len(cells), cells.shape[1] * len(OPERATIONS))
    return np.asarray(flat, dtype=np.float64)
