"""What crossbars do in one inference: counts, before any constant."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.arithmetic import either, over
from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import OFFSET, SPIKES, Choice, Design, Layer
from neuronas.hardware.cim.mapping import GROUP_SHARE, GROUP_SIDE, Matrix, Sides, tiles_of
from neuronas.hardware.cim.quantities import Amounts, Most

_IMAGE = 256.0
"""Levels from which on an input is not spikes averaged over positions."""

_DENSITY = 0.5
"""Share of ones assumed in a bit plane of an image or of a multi-bit current."""


class Reads:
    """How the input of one layer is read in one time step.

    Attributes:
        element_bits: Of one element of it.
        planes: How often a crossbar reads one element.
        places: Output positions; 0 without a matrix.
        fetches: Times planes: how often an element is fetched.
        positions: Times reads of a row block, each of the rows that are active at once.
        leaking_positions: The same, for the time that leakage is charged for.
        density: Share of rows that are driven by a fetch.
    """

    element_bits: Lanes
    planes: Lanes
    places: Lanes
    fetches: Lanes
    positions: Lanes
    leaking_positions: Lanes
    density: Lanes


@compiled
def fill_signals(r: Reads, layer: Layer, d: Design) -> None:
    """Fill in what the input of a layer is made of.

    Of spikes averaged over m positions with spike rate r, at most m*r ones are expected, and a
    plane is at most half full: an upper bound that assumes no more of their distribution.
    """
    spikes = True
    for i in range(LANES):
        spikes &= layer.levels[i] == SPIKES
        r.element_bits[i] = r.planes[i] = 1.0
        r.density[i] = layer.spike_rate[i]
    if spikes:
        return
    for i in range(LANES):
        levels, rate = layer.levels[i], layer.spike_rate[i]
        if levels == SPIKES:
            continue
        r.element_bits[i] = d.current_bits
        if levels > 0.0:
            r.element_bits[i] = np.ceil(np.log2(max(levels, 2.0)))
        else:
            levels = 2.0**d.current_bits
        if d.binary_reads > 0.0 and SPIKES < levels < _IMAGE and layer.levels[i] > 0.0:
            r.planes[i] = levels - 1.0
        else:
            r.planes[i] = np.ceil(np.log2(max(levels, 2.0)))
            ones = r.planes[i] * _DENSITY
            if d.binary_reads == 0.0:
                ones = min((levels - 1.0) * rate, ones)
            r.density[i] = ones / r.planes[i]


@compiled
def fill_reads(r: Reads, layer: Layer, x: Matrix, d: Design) -> None:
    """Fill in how often crossbars read a layer's input.

    Kernel positions that share a crossbar leak as long as one that has its own: else a matrix that
    outgrows that crossbar, so that fewer rows are read one after another, could save energy.

    Args:
        r: Filled in, but for what :func:`fill_signals` has.
        layer: The layer.
        x: Its matrix.
        d: The chip.
    """
    for i in range(LANES):
        weighted = 1.0 if x.copies[i] > 0.0 else 0.0
        reads = max(over(min(x.rows[i], d.rows), d.active_share), 1.0)
        rows = either(x.usual[i] > 0.0, x.channels[i], x.rows[i])
        leaking = max(over(min(rows, d.rows), d.active_share), 1.0)
        places = layer.out_height[i] * layer.out_width[i] * weighted
        fetches = places * r.planes[i]
        r.places[i], r.fetches[i] = places, fetches
        r.positions[i], r.leaking_positions[i] = fetches * reads, fetches * leaking


@compiled
def count_matrix(
    q: Amounts, most: Most, layer: Layer, x: Matrix, r: Reads, s: Sides, d: Design, c: Choice
) -> None:
    """Add what the crossbars of one layer do in one inference.

    Buffers and wires are counted for groups of 4 crossbars, and accumulators by outputs, whatever
    the PEs of a network: with its own, more bits in one layer could save energy in another.

    Args:
        q: Quantities, added to.
        most: The most of any layer.
        layer: The layer.
        x: Its matrix.
        r: How often it is read.
        s: PEs of the network.
        d: The chip.
        c: What the network chooses of it.
    """
    referenced = 1.0 if d.signs == OFFSET else 0.0
    for i in range(LANES):
        by_position, kernel_area = x.by_position[i] > 0.0, x.kernel_area[i]
        slices, row_blocks, column_blocks = x.slices[i], x.row_blocks[i], x.column_blocks[i]
        positions = r.positions[i] * layer.steps[i]
        places = r.places[i] * layer.steps[i] * x.copies[i]
        reads = x.copies[i] * (positions * x.parallel[i] * row_blocks)
        reads *= 1.0 - d.skip_zero_rows * layer.zero_rows[i]
        inputs = x.copies[i] * (r.fetches[i] * layer.steps[i] * x.channels[i])
        outputs = x.outputs[i] * places
        row_groups, column_groups = over(row_blocks, GROUP_SHARE), over(column_blocks, GROUP_SHARE)
        width = d.adc_bits + slices
        column_reads, block_reads = reads * x.columns[i], reads * column_blocks
        q.column_reads[i] += column_reads
        q.block_reads[i] += block_reads
        driven = inputs * kernel_area * r.density[i]
        q.cell_reads[i] += driven * x.outputs[i] * x.cell_current[i]
        q.driven_rows[i] += driven * column_blocks
        conversions = column_reads + referenced * block_reads
        several = (slices > 1.0) | (r.positions[i] > r.places[i])
        q.sliced_conversions[i] += conversions if several else 0.0
        q.outputs[i] += outputs
        q.partial_sums[i] += outputs * row_groups
        q.partial_bits[i] += outputs * row_groups * width
        q.pe_addition_bits[i] += outputs * x.parallel[i] * (row_blocks - row_groups) * width
        # All ports of an accumulator as wide as 4 crossbars switch, whatever it adds.
        rounds = places * over(x.outputs[i], GROUP_SHARE * c.column_share[i])
        q.tile_addition_bits[i] += rounds * (x.parallel[i] - 1.0) * row_groups * (width + 3.0)
        q.chip_addition_bits[i] += rounds * (row_groups - 1.0) * (width + 6.0)
        fetched = inputs * column_groups
        q.buffer_read_bits[i] += fetched * (1.0 if by_position else kernel_area)
        q.pe_buffer_read_bits[i] += fetched * (kernel_area if by_position else 0.0)
        # A sliding window needs k new columns of its k*k per position.
        kernel = x.kernel[i]
        q.wired_bits[i] += fetched * (kernel if x.usual[i] > 0.0 else kernel_area)
        # Along tiles of k*k PEs, or of one, as wide as the widest layer asks for.
        narrow, wide = min(max(s.widest[i], 2.0), 4.0), min(max(s.widest[i], 4.0), 8.0)
        along, along_flat = kernel_area * kernel * narrow, wide * wide / 4.0
        along = along if by_position else along_flat
        q.tile_wired_bits[i] += outputs * row_groups * width * along
        of_positions = by_position & (s.tile_kernel[i] > 1.0)
        side = GROUP_SIDE if of_positions else 2.0 * GROUP_SIDE
        share = GROUP_SHARE if of_positions else 0.5 * GROUP_SHARE
        blocks = over(row_blocks, share) * over(column_blocks, share) * x.copies[i]
        pe_per_tile, parallel = c.pe_per_tile[i], x.parallel[i] if blocks > 0.0 else 0.0
        groups = row_groups * column_groups * x.copies[i] * parallel
        room = min(groups, pe_per_tile) * GROUP_SIDE * GROUP_SIDE
        q.wide_tiles[i] += tiles_of(blocks, x.parallel[i], pe_per_tile, c.tile_share[i])
        room = room if pe_per_tile > 0.0 else parallel * side * side
        most.tile_room[i] = max(most.tile_room[i], room)
