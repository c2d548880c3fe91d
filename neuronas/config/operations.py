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
        symbol: Character in ``cnt_mat`` notation; 0 to 4 are SNASNet's.
        kind: Kind of layer; a convolution is LIF, convolution, batch norm, as in SNASNet.
        kernel: Side of the kernel in pixels; 0 where there is none. Stride 1, same padding.
        threshold: Firing threshold of the LIF before it; None for the network's.
    """

    name: str
    symbol: str
    kind: Kind
    kernel: int
    threshold: float | None = None


OPERATIONS: tuple[Operation, ...] = (
    Operation("zeroize", "0", Kind.NONE, 0),
    Operation("skip", "1", Kind.SKIP, 0),
    Operation("conv1x1", "2", Kind.CONV, 1),
    Operation("conv3x3", "3", Kind.CONV, 3),
    Operation("avgpool3x3", "4", Kind.AVGPOOL, 3),
    Operation("conv5x5", "5", Kind.CONV, 5),
    Operation("conv7x7", "7", Kind.CONV, 7),
    Operation("maxpool3x3", "m", Kind.MAXPOOL, 3),
    Operation("conv3x3_th0.5", "a", Kind.CONV, 3, threshold=0.5),
    Operation("conv3x3_th1.0", "b", Kind.CONV, 3, threshold=1.0),
    Operation("conv3x3_th1.5", "c", Kind.CONV, 3, threshold=1.5),
)
"""The alphabet: five of SNASNet and NeuroNAS (arXiv 2407.00641), larger kernels, maximum pooling,
and three of SpikeNAS-Bench (IEEE TAI 2025), which differ in their neurons' threshold."""

SNASNET_OPERATIONS: tuple[str, ...] = tuple(op.name for op in OPERATIONS[:5])
"""What a study searches unless it says otherwise."""

OPERATION_INDEX: dict[str, int] = {op.name: index for index, op in enumerate(OPERATIONS)}
ZEROIZE = OPERATION_INDEX["zeroize"]

CONV_THRESHOLDS: tuple[float | None, ...] = tuple(
    dict.fromkeys(op.threshold for op in OPERATIONS if op.kind == Kind.CONV)
)
"""Thresholds that convolutions give their neurons; None is the network's own."""
