"""Time of one step of a layer; ns."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.arithmetic import either, inverse_fifth_root, over, stages_over
from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import (
    REFERENCE_SIDE,
    UM2_PER_MM2,
    Choice,
    Design,
    Layer,
    Prices,
)
from neuronas.hardware.cim.mapping import (
    GROUP_SHARE,
    GROUP_SIDE,
    Matrix,
    Placement,
    Sides,
    has_matrix,
    share_of_replica,
)
from neuronas.hardware.cim.quantities import Times
from neuronas.hardware.cim.work import Reads

_GROUP_BITS = 2.0
"""Bits that an addition over 4 crossbars can add."""


class Additions:
    """Periods of one conversion that additions take.

    Attributes:
        rounds: Of the adders behind one converter, for all columns that take turns on it.
        per_read, per_place: Periods after each read, and at each position.
    """

    rounds: Lanes
    per_read: Lanes
    per_place: Lanes


@compiled
def _periods(stages: float, width: float, delay: float) -> float:
    """Return the periods of an adder tree; sums grow by half a bit per stage on average.

    Args:
        stages: Its depth.
        width: Bits of an operand.
        delay: Periods per bit.
    """
    return float(stages * np.ceil(delay * width + (0.5 * delay) * (stages - 1.0)))


@compiled
def fill_additions(a: Additions, x: Matrix, s: Sides, p: Prices, d: Design, c: Choice) -> None:
    """Fill in the periods of additions of one layer.

    After each read slices are added, and sums in PEs; at each output position, sums over a tile's
    PEs and over tiles.
    """
    delay = p.clocks_adder_bit
    for i in range(LANES):
        by_position, slices, row_blocks = x.by_position[i] > 0.0, x.slices[i], x.row_blocks[i]
        position, trees = s.position[i], s.trees[i]
        position_bits, trees_bits, kernel_area = (
            s.position_bits[i],
            s.trees_bits[i],
            x.kernel_area[i],
        )
        width = d.adc_bits + slices
        rounds = over(c.columns_per_adc[i], x.slice_share[i])
        along = position if by_position else GROUP_SIDE
        in_pe = _periods(stages_over(min(row_blocks, along)), width, delay)
        width += position_bits if by_position else _GROUP_BITS
        of_a_pe = min(over(row_blocks, GROUP_SHARE), trees)
        stages = stages_over(kernel_area if by_position else of_a_pe)
        in_tile = _periods(stages, width, delay)
        width += stages if by_position else trees_bits
        share = either(by_position, s.position_share[i], s.im2col_share[i])
        row_tiles = over(row_blocks, share)
        between = _periods(stages_over(row_tiles), width, delay)
        turns = over(x.columns[i], c.adder_share[i])
        of_slices = c.columns_per_adc[i] * (slices > 1.0)
        a.rounds[i] = rounds
        a.per_read[i] = of_slices + rounds * in_pe
        a.per_place[i] = rounds * in_tile + turns * between


@compiled
def fill_times(
    times: Times,
    x: Matrix,
    m: Placement,
    r: Reads,
    a: Additions,
    s: Sides,
    p: Prices,
    d: Design,
    c: Choice,
) -> None:
    """Fill in the time of one step of a layer's matrix by part, wires per unit of reach.

    Conversions, additions and transfers follow each other, in periods of one conversion; an adder
    of v bits takes ``ceil(v * time_adder_bit)`` periods.

    Args:
        times: Parts of the layer's time; see :class:`Times`.
        x: Its matrix.
        m: Where that lies.
        r: How often it is read.
        a: Its additions.
        s: PEs of the network.
        p: Prices.
        d: The chip.
        c: What the network chooses of it.
    """
    clock = p.conversion_ns
    for i in range(LANES):
        by_position, shared = x.by_position[i] > 0.0, c.columns_per_adc[i]
        reads = r.positions[i] / m.replicas[i]
        sent = r.places[i] * min(x.outputs[i], m.side[i] * c.columns[i])
        fetched = r.fetches[i] * min(x.rows[i], m.side[i] * d.rows)
        times.conversions[i] = reads * (shared * clock)
        times.selection[i] = reads * (shared * p.clocks_select * clock)
        times.accumulation[i] = (reads * a.per_read[i] + r.places[i] * a.per_place[i]) * clock
        port, share = s.port[i], s.kernel_share[i]
        times.buffers[i] = _buffers(by_position, sent, fetched, share, port, p) * clock
        times.wires[i] = _wires(by_position, sent, fetched, p) * clock


@compiled
def _buffers(
    by_position: bool, sent: float, fetched: float, share: float, port: float, p: Prices
) -> float:
    """Return the periods in which tiles use their buffers; a small PE has a small port."""
    of_position = (sent + fetched) * share * (port * p.clocks_buffer_position)
    of_im2col = sent * p.clocks_buffer_out + fetched * p.clocks_buffer_in
    return either(by_position, of_position, of_im2col)


@compiled
def _wires(by_position: bool, sent: float, fetched: float, p: Prices) -> float:
    """Return the periods in which tiles send over wires, per unit of their reach."""
    return either(by_position, fetched * p.clocks_wire_in, sent * p.clocks_wire_out)


@compiled
def fill_neurons(times: Times, layer: Layer, p: Prices) -> None:
    """Fill in the time of neurons and pooling, and the rows that the next layer waits for.

    One addition per position, all channels at once.
    """
    for i in range(LANES):
        of_other = (not has_matrix(layer.kind[i])) & (layer.out_channels[i] > 0.0)
        positions = layer.out_height[i] * layer.out_width[i]
        busy = positions * p.clocks_unit * p.conversion_ns
        times.neurons[i] = busy if of_other | (layer.neurons[i] > 0.0) else 0.0
        rows = max(layer.kernel[i], 1.0) / max(layer.out_height[i], 1.0)
        times.rows_share[i] = min(rows, 1.0)


@compiled
def fill_leaking(
    times: Times, x: Matrix, r: Reads, a: Additions, s: Sides, p: Prices, d: Design, c: Choice
) -> None:
    """Fill in the times of a layer's matrix that leakage is charged for.

    They are those of the narrowest PEs, with as many rounds of additions as columns take turns on
    a converter, and with transfers by kernel position for small matrices too. With the layer's own,
    a chip would leak for a shorter time with more bits or channels: slices are added before
    anything else, wider PEs hold more replicas, larger matrices leave im2col.

    Args:
        times: Parts of the layer's time.
        x: Its matrix.
        r: How often it is read.
        a: Its additions, in the narrowest PEs.
        s: The narrowest PEs.
        p: Prices.
        d: The chip.
        c: What the network chooses of it.
    """
    clock = p.conversion_ns
    for i in range(LANES):
        by_position, usual, shared = x.by_position[i] > 0.0, x.usual[i] > 0.0, c.columns_per_adc[i]
        position, im2col, channels, rows = s.position[i], s.im2col[i], x.channels[i], x.rows[i]
        side = position if by_position else im2col
        share = share_of_replica(side, x.row_blocks[i])
        reads = r.leaking_positions[i] * share * share_of_replica(side, x.column_blocks[i])
        adding = reads * a.per_read[i] + r.places[i] * a.per_place[i]
        reading = reads * shared * (1.0 + p.clocks_select)
        times.leaking_work[i] = (reading + adding * (shared / a.rounds[i])) * clock
        side = position if usual else im2col
        sent = r.places[i] * min(x.outputs[i], side * c.columns[i])
        fetched = r.fetches[i] * min(channels if usual else rows, side * d.rows)
        port, share = s.port[i], s.kernel_share[i]
        times.leaking_buffers[i] = _buffers(usual, sent, fetched, share, port, p) * clock
        times.leaking_wires[i] = _wires(usual, sent, fetched, p) * clock


@compiled
def fill_reach(reach: Lanes, chip_um2: Lanes, c: Choice) -> None:
    """Fill in the factor of wires' time for the area that they reach over."""
    for i in range(LANES):
        narrow = REFERENCE_SIDE / c.columns[i]
        fourth_root = np.sqrt(np.sqrt(chip_um2[i] / UM2_PER_MM2))
        root = inverse_fifth_root(fourth_root)
        wide = fourth_root * root * root  # mm2**0.15
        reach[i] = np.sqrt(narrow * np.sqrt(narrow)) * wide
