"""Where the edges of a cell meet: sums at its nodes, and the neurons that edges share there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture.cells import ALL_EDGES, EDGES, NODES
from neuronas.architecture.networks import Floats, Ints
from neuronas.config import CONV_THRESHOLDS, OPERATIONS, Kind

Bools = NDArray[np.bool_]

_OP_THRESHOLD = np.array(
    [CONV_THRESHOLDS.index(op.threshold) if op.kind == Kind.CONV else -1 for op in OPERATIONS]
)
"""Place of each convolution's threshold in ``CONV_THRESHOLDS``."""


@dataclass(frozen=True, slots=True)
class Joins:
    """What depends on the edges that meet at the nodes of N cells.

    Attributes:
        still: Whether an edge brings the same at every time step, shape ``(E, N)``.
        adds: Whether what it brings is added to what an earlier edge brings, ``(E, N)``.
        rescaled: Whether it is a convolution whose batch norm does not fold, ``(E, N)``.
        waits: Whether it brings a current that waits for slower edges, or for the next time step,
            ``(E, N)``.
        rescaled_before: Whether the batch norm of what enters the cell does not fold, ``(N,)``.
        rescaled_behind: Whether that of what reads its output does not, ``(N,)``.
    """

    still: Bools
    adds: Bools
    rescaled: Bools
    waits: Bools
    rescaled_before: Bools
    rescaled_behind: Bools

    @classmethod
    def of(cls, kinds: Ints, *, static: Bools) -> Joins:
        """Return the joins of cells.

        Args:
            kinds: ``Kind`` of the layer on each edge, shape ``(E, N)``: of ``EDGES``, or of
                ``ALL_EDGES``.
            static: Whether a cell's input is the same at every time step, shape ``(N,)``.
        """
        live, conv = kinds != Kind.NONE, kinds == Kind.CONV
        current = live & ~conv
        still, adds, rescaled, waits = np.zeros((4, *kinds.shape), dtype=bool)
        unchanging = np.ones((NODES, kinds.shape[1]), dtype=bool)
        unchanging[0] = static
        for node in range(NODES):
            into, out = _ends(len(kinds), node)
            meeting = live[into].sum(axis=0) + (node == 0)
            # Only a node that one convolution feeds and LIF neurons read absorbs its batch norm.
            absorbed = (meeting == 1) & ~current[out].any(axis=0)
            before = np.full(kinds.shape[1], node == 0)
            for edge in into:
                backward = edge >= len(EDGES)
                source, _ = ALL_EDGES[edge]
                still[edge] = ~conv[edge] & unchanging[source] & (not backward)
                unchanging[node] &= still[edge] | ~live[edge]
                adds[edge] = live[edge] & before
                rescaled[edge] = conv[edge] & ~absorbed
                waits[edge] = live[edge] & (backward | (~conv[edge] & (meeting > 1)))
                before |= live[edge]
        # A batch norm around a cell folds unless a current passes by or comes back.
        returning, first = _ends(len(kinds), 0)
        last, _ = _ends(len(kinds), NODES - 1)
        entering = current[first].any(axis=0) | live[returning].any(axis=0)
        return cls(still, adds, rescaled, waits, entering, current[last].any(axis=0))


def neuron_layers(operations: Ints, node: int, threshold: Floats) -> Ints:
    """Return how many LIF layers serve the convolutions that leave a node: one per threshold.

    Args:
        operations: Of the cell's edges, shape ``(E, N)``.
        node: The node.
        threshold: Firing threshold of each network, shape ``(N,)``.
    """
    _, out = _ends(len(operations), node)
    places = _OP_THRESHOLD[operations[out]]
    own = (places == CONV_THRESHOLDS.index(None)).any(axis=0)
    count = np.zeros(len(threshold), dtype=np.int64)
    for place, value in enumerate(CONV_THRESHOLDS):
        if value is not None:
            found = (places == place).any(axis=0)
            count += found
            own &= ~(found & (threshold == value))
    return np.asarray(count + own)


@cache
def _ends(count: int, node: int) -> tuple[list[int], list[int]]:
    """Return which of the first ``count`` edges lead into a node, and which out of it."""
    edges = list(enumerate(ALL_EDGES[:count]))
    into = [edge for edge, (_, target) in edges if target == node]
    return into, [edge for edge, (source, _) in edges if source == node]
