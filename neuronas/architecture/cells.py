"""Cells: directed acyclic graphs of 4 nodes and 6 edges, each edge with one operation.

Node 0 is the cell's input, node 3 its output; every other node is the sum of its incoming edges
(SNASNet, arXiv 2201.10355). A batch of cells is an integer array ``(N, 6)`` of indices into
``OPERATIONS``, one column per edge of ``EDGES``.
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

_DIGITS = {op.digit: op.name for op in OPERATIONS}


def live_edges(cells: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which edges lie on a path from input to output.

    Args:
        cells: Operations, shape ``(N, 6)``.

    Returns:
        Booleans of shape ``(N, 6)``; a row without any True is a disconnected cell.
    """
    present = (cells != ZEROIZE).T
    reached = np.zeros((NODES, len(cells)), dtype=bool)
    reaching = np.zeros((NODES, len(cells)), dtype=bool)
    reached[0] = reaching[NODES - 1] = True
    for edge, (source, target) in enumerate(EDGES):
        reached[target] |= present[edge] & reached[source]
    for edge in range(len(EDGES) - 1, -1, -1):
        source, target = EDGES[edge]
        reaching[source] |= present[edge] & reaching[target]
    sources, targets = zip(*EDGES, strict=True)
    live: NDArray[np.bool_] = present & reached[list(sources)] & reaching[list(targets)]
    return live.T


def canonical_cells(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cells with every edge that is on no path from input to output zeroized.

    Symmetric nodes are not merged. Shape ``(N, 6)`` in and out.
    """
    return np.where(live_edges(cells), cells, np.int64(ZEROIZE))


def parse_cnt_mat(text: str) -> tuple[str, ...]:
    """Return the six operation names that SNASNet's ``cnt_mat`` notation describes.

    Args:
        text: Four rows of four digits, such as ``"0303 0030 0002 0000"``: row i, column j is the
            operation from node i to node j (0 zeroize, 1 skip, 2 conv1x1, 3 conv3x3,
            4 avgpool3x3).

    Raises:
        GenotypeError: Not four rows of four digits, an unknown digit, or an edge that does not
            lead forward.
    """
    rows = text.replace(",", " ").split()
    if len(rows) != NODES or any(len(row) != NODES or not row.isdecimal() for row in rows):
        raise GenotypeError(
            f"found {text!r}; cnt_mat notation is four rows of four digits, "
            "such as '0303 0030 0002 0000'"
        )
    for source, row in enumerate(rows):
        for target, digit in enumerate(row):
            if int(digit) not in _DIGITS:
                raise GenotypeError(
                    f"found digit {digit} at row {source}, column {target}; "
                    f"allowed: {', '.join(f'{d} {name}' for d, name in _DIGITS.items())}"
                )
            if target <= source and digit != "0":
                raise GenotypeError(
                    f"the edge {source}->{target} (digit {digit} at row {source}, column {target}) "
                    "does not lead forward; backward edges are not supported, only edges above "
                    "the diagonal"
                )
    return tuple(_DIGITS[int(rows[source][target])] for source, target in EDGES)


def format_cnt_mat(operations: Sequence[str]) -> str:
    """Return the ``cnt_mat`` notation of six operation names; inverse of :func:`parse_cnt_mat`."""
    matrix = [["0"] * NODES for _ in range(NODES)]
    for (source, target), name in zip(EDGES, operations, strict=True):
        matrix[source][target] = str(OPERATIONS[OPERATION_INDEX[name]].digit)
    return " ".join("".join(row) for row in matrix)
