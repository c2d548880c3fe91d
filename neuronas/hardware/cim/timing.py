"""Time of one step of a layer; ns."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import Choice, Design, Layer, Prices
from neuronas.hardware.cim.mapping import (
    NARROW,
    NARROW_FLAT,
    Matrix,
    Placement,
    Sides,
    has_matrix,
    over,
    share_of_replica,
    stages_over,
)
from neuronas.hardware.cim.quantities import Amounts, Times
from neuronas.hardware.cim.work import Reads

_SIDE = 64.0
"""Columns of the crossbar that constants of wires belong to."""

_CHIP_ADDERS = 8.0
"""Crossbars along the PEs that the adders over tiles are as wide as."""


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
def fill_additions(
    a: Additions, x: Matrix, m: Placement, s: Sides, p: Prices, d: Design, c: Choice
) -> None:
    """Fill in the periods of additions of one layer.

    After each read slices are added, and sums in PEs; at each output position, sums over a tile's
    PEs and over tiles.
    """
    delay = p.clocks_adder_bit
    for i in range(LANES):
        by_position, slices, row_blocks = x.by_position[i] > 0.0, x.slices[i], x.row_blocks[i]
        position, spanned, trees = s.position[i], s.spanned[i], s.trees[i]
        position_bits, spanned_bits, trees_bits = (
            s.position_bits[i],
            s.spanned_bits[i],
            s.trees_bits[i],
        )
        kernel_area, width = x.kernel_area[i], d.adc_bits + slices
        rounds = over(c.columns_per_adc[i], slices)
        along = position if by_position else spanned
        in_pe = _periods(stages_over(min(row_blocks, along)), width, delay)
        width += position_bits if by_position else spanned_bits
        of_a_pe = min(over(row_blocks, spanned), trees)
        stages = stages_over(kernel_area if by_position else of_a_pe)
        in_tile = _periods(stages, width, delay)
        width += stages if by_position else trees_bits
        between = _periods(stages_over(m.row_tiles[i]), width, delay)
        adders = max(_CHIP_ADDERS * c.columns[i] / c.columns_per_adc[i], 1.0)
        turns = over(x.columns[i], adders)
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
        fetched = r.positions[i] * min(x.rows[i], m.side[i] * d.rows)
        times.conversions[i] = reads * (shared * clock)
        times.selection[i] = reads * (shared * p.clocks_select * clock)
        times.accumulation[i] = (reads * a.per_read[i] + r.places[i] * a.per_place[i]) * clock
        port = s.port[i] * p.clocks_buffer_position  # a small PE has a narrow port
        of_position = (sent + fetched) / x.kernel_area[i] * port
        of_flat = sent * p.clocks_buffer_out + fetched * p.clocks_buffer_in
        times.buffers[i] = (of_position if by_position else of_flat) * clock
        wired, wired_flat = fetched * p.clocks_wire_in, sent * p.clocks_wire_out
        times.wires[i] = (wired if by_position else wired_flat) * clock


@compiled
def fill_neurons(times: Times, layer: Layer, p: Prices) -> None:
    """Fill in the time of neurons and pooling: one addition per position, all channels at once."""
    for i in range(LANES):
        of_other = (not has_matrix(layer.kind[i])) & (layer.out_channels[i] > 0.0)
        positions = layer.out_height[i] * layer.out_width[i]
        busy = positions * p.clocks_unit * p.conversion_ns
        times.neurons[i] = busy if of_other | (layer.neurons[i] > 0.0) else 0.0


@compiled
def count_hidden(
    q: Amounts,
    layer: Layer,
    x: Matrix,
    m: Placement,
    r: Reads,
    a: Additions,
    p: Prices,
    c: Choice,
) -> None:
    """Fill in the time that slices and replicas save.

    Slices are added before anything else, so later adders take fewer rounds; and a wider layer
    widens the PEs of others, which then hold more replicas. Leakage is charged as if neither saved
    time: else a chip would lose energy by storing fewer bits.
    """
    for i in range(LANES):
        more = c.columns_per_adc[i] / a.rounds[i] - 1.0
        least = NARROW if x.by_position[i] > 0.0 else NARROW_FLAT
        share = share_of_replica(least, x.row_blocks[i])
        share *= share_of_replica(least, x.column_blocks[i])
        again = r.positions[i] * (share - 1.0 / m.replicas[i])
        added = r.positions[i] * share * a.per_read[i] + r.places[i] * a.per_place[i]
        reading = c.columns_per_adc[i] * (1.0 + p.clocks_select)
        hidden = again * (reading + a.per_read[i]) + added * more
        q.hidden_ns[i] = hidden * p.conversion_ns * layer.steps[i]


@compiled
def fill_reach(reach: Lanes, chip_um2: Lanes, c: Choice) -> None:
    """Fill in the factor of wires' time for the area that they reach over."""
    for i in range(LANES):
        narrow = _SIDE / c.columns[i]
        reach[i] = np.sqrt(narrow * np.sqrt(narrow)) * (chip_um2[i] * 1e-6) ** 0.15
