"""The operations that an edge of a cell may carry.

Adding an operation is adding one row to ``OPERATIONS``: the search space, the workload, the cost
models and the network builder all read it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What a layer of the workload does. ``NONE`` marks a layer that a network does not have."""

    NONE = 0
    CONV = 1
    LINEAR = 2
    AVGPOOL = 3
    SKIP = 4
    LIF = 5
    MAXPOOL = 6


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the alphabet.

    Attributes:
        name: Name in study files and genotypes.
        digit: Digit in SNASNet's ``cnt_mat`` notation.
        kind: Kind of layer; a convolution is LIF, convolution, batch norm, as in SNASNet.
        kernel: Side of the kernel in pixels; 0 where there is none. Stride 1, same padding.
    """

    name: str
    digit: int
    kind: Kind
    kernel: int


OPERATIONS: tuple[Operation, ...] = (
    Operation("zeroize", 0, Kind.NONE, 0),
    Operation("skip", 1, Kind.SKIP, 0),
    Operation("conv1x1", 2, Kind.CONV, 1),
    Operation("conv3x3", 3, Kind.CONV, 3),
    Operation("avgpool3x3", 4, Kind.AVGPOOL, 3),
)
"""The alphabet of SNASNet and NeuroNAS (arXiv 2407.00641); a gene is an index into it."""

OPERATION_INDEX: dict[str, int] = {op.name: index for index, op in enumerate(OPERATIONS)}
ZEROIZE = OPERATION_INDEX["zeroize"]
