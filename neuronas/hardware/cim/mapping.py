"""How weights lie on crossbars, processing elements (PEs) and tiles.

A crossbar has R rows and C columns; ``columns_per_adc`` columns take turns on one ADC. A PE is a
square of n x n crossbars that holds one matrix block; a tile holds the PEs of one block of a
layer: k*k of them, one per kernel position, or a single larger one where rows of all positions
stand below one another (im2col). A chip's tiles are built for one kernel, the most frequent above
1x1; layers with another kernel are mapped as im2col, and so are small ones above 2x2, whose rows
of all positions fit into one crossbar. PEs are sized by the widest layer, within 2 to 4 crossbars
(4 to 8 for im2col), as DNN+NeuroSim V1.3 does; those of small layers are twice as wide as those of
the kernel positions they stand beside. A matrix that leaves room in its PE is replicated there:
copies work on different output positions, which shortens latency.

Area and latency follow these PEs. What else would fall where a layer grows, and PEs with it, counts
PEs of one size instead: control of tiles and wires between them, and of the energy buffers, wires
and leakage. So more channels or weight bits never cost less area or energy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuronas.hardware.cim.arithmetic import either, over, power_of_two, share_of, stages_over
from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import (
    CONV,
    DIFFERENTIAL,
    LINEAR,
    Choice,
    Design,
    Layer,
)
from neuronas.hardware.cim.settings import MAPPINGS

_BY_POSITION = float(MAPPINGS.index("kernel"))

NARROW, NARROW_IM2COL = 2.0, 4.0
"""Least crossbars along a PE that holds a kernel position, and along an im2col one."""

_WIDER = 2.0
"""How much wider PEs of small matrices are than those of kernel positions beside them."""

GROUP_SIDE, GROUP_SHARE = 4.0, 0.25
"""Crossbars that an adder tree of an im2col PE spans, and one over them.

Also along the groups that wires and buffers are counted for: PEs whose side depends on the network
would let a wider layer make others cheaper.
"""

_CHIP_ADDERS = 8.0
"""Crossbars along the PEs that the adders over tiles are as wide as."""

_FULL_CURRENT_BITS = 4.0
"""Bits of a weight whose cells draw their full current."""


class Matrix:
    """The matrix of one layer, and the crossbars that it needs.

    Attributes:
        usual: Whether tiles are built for its kernel, 1 or 0.
        by_position: Whether kernel positions have crossbars of their own, 1 or 0.
        copies: Groups of a convolution: matrices of this size; 0 where there is none.
        channels, outputs: Channels in and out of one group.
        kernel, kernel_area: Its side, and kernel positions.
        parallel: PEs that work at once, one per kernel position.
        slices: Columns per output.
        cell_current: The same, by the current that they draw.
        rows, columns: Of one matrix.
        row_blocks, column_blocks: Crossbars that it needs along each side.
        slice_share: One over the slices; see :func:`over`.
    """

    usual: Lanes
    by_position: Lanes
    copies: Lanes
    channels: Lanes
    outputs: Lanes
    kernel: Lanes
    kernel_area: Lanes
    parallel: Lanes
    slices: Lanes
    cell_current: Lanes
    rows: Lanes
    columns: Lanes
    row_blocks: Lanes
    column_blocks: Lanes
    slice_share: Lanes


class Sides:
    """How large the PEs of a network are.

    Attributes:
        tile_kernel: Kernel that tiles are built for; 0 for im2col.
        kernel_share: One over its positions.
        position, im2col: Crossbars along a PE, n: of one kernel position, and of im2col.
        position_share, im2col_share: One over them.
        widest: Column blocks of the widest layer as a power of two.
        trees: Adder trees of an im2col PE, each over 4 crossbars, one above another.
        position_bits, trees_bits: Bits that additions over so many can add.
        port: How much narrower the port of a small PE is.
    """

    tile_kernel: Lanes
    kernel_share: Lanes
    position: Lanes
    im2col: Lanes
    position_share: Lanes
    im2col_share: Lanes
    widest: Lanes
    trees: Lanes
    position_bits: Lanes
    trees_bits: Lanes
    port: Lanes


class Placement:
    """Where the matrix of one layer goes.

    Attributes:
        side, side_share: Crossbars along a PE, n, and one over them.
        blocks: PEs that all matrices of the layer need, at one kernel position.
        pe, crossbars, tiles: Of the layer, room that stays empty included.
        replicas: Copies that fit into one PE.
    """

    side: Lanes
    side_share: Lanes
    blocks: Lanes
    pe: Lanes
    crossbars: Lanes
    tiles: Lanes
    replicas: Lanes


@compiled
def fill_shares(c: Choice) -> None:
    """Fill in the shares of what networks choose of the chip."""
    for i in range(LANES):
        adders = max(_CHIP_ADDERS * c.columns[i] / c.columns_per_adc[i], 1.0)
        c.column_share[i], c.adder_share[i] = share_of(c.columns[i]), share_of(adders)
        c.tile_share[i] = share_of(max(c.pe_per_tile[i], 1.0))


@compiled
def has_matrix(kind: float) -> bool:
    """Return whether layers of this kind have weights."""
    return (kind == CONV) | (kind == LINEAR)


class Counts:
    """How often kernels occur: one so far, and the most frequent one."""

    found: Lanes
    most: Lanes


@compiled
def fill_tile_kernel(
    s: Sides,
    count: Counts,
    layers: Sequence[Layer],
    matrices: Sequence[Matrix],
    c: Choice,
    lanes: int,
) -> None:
    """Fill in the kernel that tiles are built for, 0 for im2col.

    The most frequent one above 1x1, the larger of two that are equally frequent; 1 where there is
    none.

    Args:
        s: Filled in.
        count: Scratch.
        layers: Of the networks.
        matrices: Of all layers; only their kernels are filled in.
        c: What the networks choose of the chip.
        lanes: ``LANES``, not as a constant: a loop within loops would be unrolled into scalars.
    """
    for i in range(LANES):
        s.tile_kernel[i], count.most[i] = 1.0, 1.0
    for row in range(len(layers)):
        layer, x = layers[row], matrices[row]
        for i in range(LANES):
            kernel = layer.kernel[i]
            x.kernel[i] = kernel if has_matrix(layer.kind[i]) else 0.0
            count.found[i] = 0.0
        # Of those up to here: the last of a kernel counts them all.
        for other in range(row + 1):
            before = matrices[other]
            for i in range(lanes):
                count.found[i] += 1.0 if before.kernel[i] == x.kernel[i] else 0.0
        for i in range(LANES):
            kernel, chosen, most = x.kernel[i], s.tile_kernel[i], count.most[i]
            found = count.found[i]
            more = (kernel > 1.0) & ((found > most) | ((found == most) & (kernel > chosen)))
            s.tile_kernel[i] = kernel if more else chosen
            count.most[i] = found if more else most
    for i in range(LANES):
        chosen = s.tile_kernel[i]
        s.tile_kernel[i] = chosen if c.mapping[i] == _BY_POSITION else 0.0


@compiled
def fill_matrix(x: Matrix, layer: Layer, s: Sides, beyond: float, d: Design, c: Choice) -> None:
    """Fill in the matrix of a layer.

    Args:
        x: Filled in.
        layer: The layer.
        s: With the kernel that tiles are built for.
        beyond: Current of a cell that holds bits beyond the fourth, over one of the first four.
        d: The chip.
        c: What the network chooses of it.
    """
    hidden, sides = (1.0, 2.0) if d.signs == DIFFERENTIAL else (0.0, 1.0)
    for i in range(LANES):
        weighted = 1.0 if has_matrix(layer.kind[i]) else 0.0
        groups, kernel = max(layer.groups[i], 1.0), max(layer.kernel[i], 1.0)
        kernel_area, tile_kernel = kernel * kernel, s.tile_kernel[i]
        channels = layer.in_channels[i] * weighted / groups
        outputs = layer.out_channels[i] * weighted / groups
        # Of a pair of columns, one side conducts, and none stores the sign.
        magnitude = max(layer.weight_bits[i] - hidden, 0.0)
        slices = over(magnitude, d.cell_share)
        leading = over(min(magnitude, _FULL_CURRENT_BITS), d.cell_share)
        x.cell_current[i] = leading + beyond * (slices - leading)
        slices = max(slices, 1.0) * sides
        rows = channels * kernel_area
        # A small matrix stands in one wider PE, but where its positions need no more crossbars.
        usual = (kernel == tile_kernel) & (weighted > 0.0)
        by_position = usual & ((rows > d.rows) | (tile_kernel <= _WIDER))
        rows = channels if by_position else rows
        x.usual[i], x.by_position[i] = 1.0 if usual else 0.0, 1.0 if by_position else 0.0
        x.copies[i] = groups * weighted
        x.channels[i], x.outputs[i] = channels, outputs
        x.kernel[i], x.kernel_area[i] = kernel, kernel_area
        x.parallel[i] = kernel_area if by_position else 1.0
        x.slices[i], x.rows[i], x.columns[i] = slices, rows, outputs * slices
        x.row_blocks[i] = over(rows, d.row_share)
        x.column_blocks[i] = over(outputs * slices, c.column_share[i])
        x.slice_share[i] = share_of(slices)


@compiled
def fill_sides(s: Sides, least: Sides, matrices: Sequence[Matrix]) -> None:
    """Fill in the crossbars along a PE of both mappings: by its widest layer.

    A power of two within 2 to 4, or within 4 to 8 for im2col and where all kernels are 1x1.

    Args:
        s: Filled in, but for ``tile_kernel``.
        least: Likewise, with the narrowest PEs that the network could have.
        matrices: Of all layers.
    """
    for i in range(LANES):
        s.position[i] = s.im2col[i] = 0.0
    for row in range(len(matrices)):
        x = matrices[row]
        for i in range(LANES):
            usual, blocks = x.usual[i], x.column_blocks[i]
            s.position[i] = max(s.position[i], blocks * usual)
            s.im2col[i] = max(s.im2col[i], blocks * (1.0 - usual))
    for i in range(LANES):
        position, im2col = power_of_two(s.position[i]), power_of_two(s.im2col[i])
        narrow = NARROW_IM2COL if s.tile_kernel[i] == 1.0 else NARROW
        s.widest[i] = max(position, im2col)
        s.position[i] = min(max(position, narrow), 2.0 * narrow)
        s.im2col[i] = min(max(im2col, NARROW_IM2COL), 2.0 * NARROW_IM2COL)
        least.position[i], least.im2col[i] = narrow, NARROW_IM2COL
        kernel = max(s.tile_kernel[i], 1.0)
        s.kernel_share[i] = least.kernel_share[i] = 1.0 / (kernel * kernel)
    _complete_sides(s)
    _complete_sides(least)


@compiled
def _complete_sides(s: Sides) -> None:
    """Fill in what follows from the crossbars along a PE."""
    for i in range(LANES):
        position, trees = s.position[i], s.im2col[i] * GROUP_SHARE
        s.position_share[i], s.im2col_share[i] = 1.0 / position, 1.0 / s.im2col[i]
        s.position_bits[i], s.trees[i] = stages_over(position), trees
        s.trees_bits[i] = stages_over(trees)
        narrow = GROUP_SIDE / min(position, GROUP_SIDE)
        s.port[i] = np.sqrt(narrow * np.sqrt(narrow))


@compiled
def fill_placement(m: Placement, x: Matrix, s: Sides, c: Choice) -> None:
    """Fill in where the matrix of a layer goes."""
    for i in range(LANES):
        position, im2col = s.position[i], s.im2col[i]
        position_share, im2col_share = s.position_share[i], s.im2col_share[i]
        usual, by_position = x.usual[i] > 0.0, x.by_position[i] > 0.0
        side = either(by_position, position, either(usual, _WIDER * position, im2col))
        share = either(usual, position_share / _WIDER, im2col_share)
        share = either(by_position, position_share, share)
        row_blocks, column_blocks = x.row_blocks[i], x.column_blocks[i]
        blocks = over(row_blocks, share) * over(column_blocks, share) * x.copies[i]
        pe = blocks * x.parallel[i]
        below = np.floor(side / max(row_blocks, 1.0))
        beside = np.floor(side / max(column_blocks, 1.0))
        replicas = max(below, 1.0) * max(beside, 1.0)
        m.side[i], m.side_share[i], m.blocks[i], m.pe[i] = side, share, blocks, pe
        m.crossbars[i] = pe * side * side
        m.tiles[i] = tiles_of(blocks, x.parallel[i], c.pe_per_tile[i], c.tile_share[i])
        m.replicas[i] = replicas if row_blocks * column_blocks > 0.0 else 1.0


@compiled
def tiles_of(blocks: float, parallel: float, pe_per_tile: float, share: float) -> float:
    """Return the tiles of a layer: of so many PEs each, or one per block."""
    of_so_many = over(blocks * parallel, share)
    return of_so_many if pe_per_tile > 0.0 else blocks


@compiled
def share_of_replica(side: float, blocks: float) -> float:
    """Return one over the copies of so many crossbars that fit along a side of 4 or less."""
    twice, share = 2.0 * blocks, 1.0
    share = 0.5 if twice <= side else share
    share = 0.25 if 2.0 * twice <= side else share
    return share if blocks > 0.0 else 1.0
