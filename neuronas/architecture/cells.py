"""Cells: graphs of 4 nodes, with an operation on each edge.

Node 0 is the cell's input, node 3 its output; every other node is the sum of its incoming edges
(SNASNet, arXiv 2201.10355). A batch of cells is an integer array ``(N, 6)`` of indices into
``OPERATIONS``, one column per edge of ``EDGES``; or ``(N, 12)``, where 6 more edges lead backward:
what they bring arrives at the next time step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuronas.config import OPERATION_INDEX, OPERATIONS, ZEROIZE
from neuronas.errors import GenotypeError

NODES = 4
EDGES: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""``(from, to)`` of each edge, in execution order: by target, then by source."""

EDGE_NAMES: tuple[str, ...] = tuple(f"{source}->{target}" for source, target in EDGES)

BACK_EDGES: tuple[tuple[int, int], ...] = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""``(from, to)`` of each edge that leads backward, by source."""

BACK_EDGE_NAMES: tuple[str, ...] = tuple(f"{source}->{target}" for source, target in BACK_EDGES)

ALL_EDGES = EDGES + BACK_EDGES
ALL_EDGE_NAMES = EDGE_NAMES + BACK_EDGE_NAMES
"""Columns of cells with backward edges; the first 6 are those of cells without."""

_PLAIN = {
    index: plain
    for index, op in enumerate(OPERATIONS)
    for plain, other in enumerate(OPERATIONS)
    if op.threshold is not None
    and (other.kind, other.kernel, other.threshold) == (op.kind, op.kernel, None)
}
"""Of each operation with a threshold of its own, the one that has the network's."""

_SYMBOLS = {op.symbol: op.name for op in OPERATIONS}


def live_edges(
    cells: NDArray[np.integer], time_steps: NDArray[np.integer] | None = None
) -> NDArray[np.bool_]:
    """Return which edges lie on a path from input to output.

    Args:
        cells: Operations, shape ``(N, 6)`` or ``(N, 12)``.
        time_steps: Shape ``(N,)``: in a single step nothing arrives at the next one. Several where
            None.

    Returns:
        Booleans of the shape of ``cells``; a row without any True is a disconnected cell.
    """
    present = (cells != ZEROIZE).T
    if time_steps is not None and len(present) > len(EDGES):
        present = present.copy()
        present[len(EDGES) :] &= time_steps > 1
    edges = ALL_EDGES[: len(present)]
    reached = np.zeros((NODES, len(cells)), dtype=bool)
    reaching = np.zeros((NODES, len(cells)), dtype=bool)
    reached[0] = reaching[NODES - 1] = True
    # Forward edges come in execution order, so that one round is enough; a loop takes another.
    for _ in range(1 if len(edges) == len(EDGES) else NODES - 1):
        for edge, (source, target) in enumerate(edges):
            reached[target] |= present[edge] & reached[source]
        for edge in range(len(edges) - 1, -1, -1):
            source, target = edges[edge]
            reaching[source] |= present[edge] & reaching[target]
    sources, targets = zip(*edges, strict=True)
    live: NDArray[np.bool_] = present & reached[list(sources)] & reaching[list(targets)]
    return live.T


def canonical_cells(
    cells: NDArray[np.int64], time_steps: NDArray[np.integer] | None = None
) -> NDArray[np.int64]:
    """Return the cells with every edge that is on no path from input to output zeroized.

    Symmetric nodes are not merged. Shape ``(N, 6)`` or ``(N, 12)`` in and out; ``time_steps`` as
    in :func:`live_edges`.
    """
    return np.where(live_edges(cells, time_steps), cells, np.int64(ZEROIZE))


def with_network_thresholds(
    cells: NDArray[np.int64], thresholds: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Return the cells without operations that ask for the threshold which their network has.

    The operation of the network's own threshold stands in their place. It is the same network,
    also where thresholds are learned: neurons of a node that start at one threshold are one layer.

    Args:
        cells: Operations, shape ``(N, 6)`` or ``(N, 12)``.
        thresholds: Of the networks, shape ``(N,)``.
    """
    for operation, plain in _PLAIN.items():
        same = thresholds == OPERATIONS[operation].threshold
        if same.any():
            cells = np.where((cells == operation) & same[:, None], np.int64(plain), cells)
    return cells


def same_operation(name: str, threshold: float, names: Sequence[str]) -> str | None:
    """Return which of ``names`` is the operation ``name`` in a network of a threshold, if any."""

    def plain(name: str) -> int:
        operation = OPERATION_INDEX[name]
        own = OPERATIONS[operation].threshold == threshold
        return _PLAIN.get(operation, operation) if own else operation

    return next((other for other in names if plain(other) == plain(name)), None)


def parse_cnt_mat(text: str) -> tuple[str, ...]:
    """Return the operation names that SNASNet's ``cnt_mat`` notation describes.

    Six of them, one per forward edge, or twelve if an edge leads backward (below the diagonal).

    Args:
        text: Four rows of four symbols, such as ``"0303 0030 0002 0000"``: row i, column j is the
            operation from node i to node j (0 zeroize, 1 skip, 2 conv1x1, 3 conv3x3, 4 avgpool3x3,
            as in SNASNet; the others as in ``OPERATIONS``).

    Raises:
        GenotypeError: Not four rows of four symbols, an unknown symbol, or an edge from a node to
            itself.
    """
    rows = text.replace(",", " ").split()
    if len(rows) != NODES or any(len(row) != NODES for row in rows):
        raise GenotypeError(
            f"found {text!r}; cnt_mat notation is four rows of four symbols, "
            "such as '0303 0030 0002 0000'"
        )
    for source, row in enumerate(rows):
        for target, symbol in enumerate(row):
            if symbol not in _SYMBOLS:
                raise GenotypeError(
                    f"found {symbol!r} at row {source}, column {target}; "
                    f"allowed: {', '.join(f'{s} {name}' for s, name in _SYMBOLS.items())}"
                )
            if target == source and symbol != "0":
                raise GenotypeError(
                    f"the edge {source}->{target} ({symbol!r} at row {source}, column {target}) "
                    "leads from a node to itself; allowed: edges above the diagonal, and below it "
                    "those that lead backward"
                )
    return without_idle(tuple(_SYMBOLS[rows[source][target]] for source, target in ALL_EDGES))


def without_idle(operations: tuple[str, ...]) -> tuple[str, ...]:
    """Return the operations of a cell without its backward edges if none of them has one."""
    backward = set(operations[len(EDGES) :])
    return operations[: len(EDGES)] if backward <= {OPERATIONS[ZEROIZE].name} else operations


def format_cnt_mat(operations: Sequence[str]) -> str:
    """Return the ``cnt_mat`` notation of operation names; inverse of :func:`parse_cnt_mat`."""
    matrix = [["0"] * NODES for _ in range(NODES)]
    for (source, target), name in zip(ALL_EDGES, operations, strict=False):
        matrix[source][target] = OPERATIONS[OPERATION_INDEX[name]].symbol
    return " ".join("".join(row) for row in matrix)
