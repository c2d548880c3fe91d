"""Quantities of a layer, and what is charged for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuronas.hardware.cim.compiled import Lanes, record_type


class Amounts:
    """What the model counts in a layer, or in all of them.

    Of the chip, what stands there: ``crossbars`` to ``waiting``; of one inference, what happens:
    from ``column_reads`` on.

    Attributes:
        crossbars, tiles, pe: Of the layer, room that stays empty included.
        used_cells: Cells that hold weights, copies included.
        sliced_bits: Crossbars whose outputs take several columns, times the bits of a sum.
        pe_adder_bits, tile_adder_bits, accumulator_bits: Width of adders over the crossbars of a
            PE, over the PEs of a tile, and over tiles, per converter of a crossbar.
        wired_columns: Crossbars along PEs of kernel positions.
        flat_crossbars: Crossbars of im2col PEs.
        wide_tiles: Tiles, were PEs 4 crossbars wide, or 8 (im2col).
        buffer_bits, membrane_bits: Memories.
        firing_units, rescaler_units, sum_units: Channels with a unit for LIF neurons, for
            rescaling, for additions of currents and spikes.
        waiting: Multi-bit elements that wait for a slower branch.
        column_reads: Columns of weights that are converted, one conversion each.
        block_reads: Reads of whole crossbars; one more conversion each for a reference column.
        cell_reads, driven_rows: Cells, by their current, and rows that spikes drive.
        sliced_conversions: Conversions whose results are shifted and added.
        pe_addition_bits, tile_addition_bits, chip_addition_bits: Bits added up over crossbars of a
            PE, over the PEs of a tile, and over tiles.
        buffer_read_bits, pe_buffer_read_bits: Bits read from buffers of tiles and of PEs.
        partial_sums, partial_bits: Sums that leave groups of crossbars, and their bits.
        wired_bits, tile_wired_bits: Bits that travel over the chip, and along tiles.
        outputs: Output elements.
        updates: Updates of LIF neurons.
        rescalings: Elements that are brought to another scale.
        current_additions: Additions and comparisons of currents: pooling, sums at nodes.
        counts: Additions of single spikes: pooling of spikes.
        current_accesses: Multi-bit elements that are read and written outside crossbars.
    """

    crossbars: Lanes
    tiles: Lanes
    pe: Lanes
    used_cells: Lanes
    sliced_bits: Lanes
    pe_adder_bits: Lanes
    tile_adder_bits: Lanes
    accumulator_bits: Lanes
    wired_columns: Lanes
    flat_crossbars: Lanes
    wide_tiles: Lanes
    buffer_bits: Lanes
    membrane_bits: Lanes
    firing_units: Lanes
    rescaler_units: Lanes
    sum_units: Lanes
    waiting: Lanes
    column_reads: Lanes
    block_reads: Lanes
    cell_reads: Lanes
    driven_rows: Lanes
    sliced_conversions: Lanes
    pe_addition_bits: Lanes
    tile_addition_bits: Lanes
    chip_addition_bits: Lanes
    buffer_read_bits: Lanes
    pe_buffer_read_bits: Lanes
    partial_bits: Lanes
    partial_sums: Lanes
    wired_bits: Lanes
    tile_wired_bits: Lanes
    outputs: Lanes
    updates: Lanes
    rescalings: Lanes
    current_additions: Lanes
    counts: Lanes
    current_accesses: Lanes


class Most:
    """The most of any layer of a network.

    Attributes:
        neurons: LIF neurons.
        stored_bits: Spikes between it and its neighbours, of all steps but the one at work.
        tile_room: Crossbars of a tile, were PEs 4 crossbars wide, or 8 (im2col).
    """

    neurons: Lanes
    stored_bits: Lanes
    tile_room: Lanes


class Times:
    """Time of one step of a layer by part, in ns, but for the last.

    Those of wires are per unit of their reach, which follows from the area of the whole chip.

    Attributes:
        conversions, selection, accumulation, buffers, wires, neurons: The parts.
        leaking_work, leaking_buffers, leaking_wires: What leakage is charged for: conversions,
            selection and accumulation; buffers; wires.
        rows_share: Part of the time after which the rows are there that the next layer waits for.
    """

    conversions: Lanes
    selection: Lanes
    accumulation: Lanes
    buffers: Lanes
    wires: Lanes
    neurons: Lanes
    leaking_work: Lanes
    leaking_buffers: Lanes
    leaking_wires: Lanes
    rows_share: Lanes


TIMES = (
    "conversions",
    "row selection",
    "accumulation",
    "buffers",
    "wires",
    "neurons and pooling",
)
"""Names of the parts of a time."""


class AreaPrices:
    """The um^2 of one unit of each quantity that takes area."""

    cells: Lanes
    drivers: Lanes
    converters: Lanes
    shift_add: Lanes
    pe_adders: Lanes
    tile_adders: Lanes
    accumulators: Lanes
    tile_control: Lanes
    input_buffers: Lanes
    membranes: Lanes
    lif_units: Lanes
    rescalers: Lanes
    sums: Lanes
    waiting: Lanes


class EnergyPrices:
    """The pJ of one unit of each quantity that takes energy."""

    columns: Lanes
    references: Lanes
    cells: Lanes
    rows: Lanes
    word_lines: Lanes
    shift_add: Lanes
    pe_additions: Lanes
    tile_additions: Lanes
    chip_additions: Lanes
    buffer_reads: Lanes
    pe_buffer_reads: Lanes
    buffer_writes: Lanes
    wires_in: Lanes
    wires_out: Lanes
    wires_width: Lanes
    wires_tile: Lanes
    outputs: Lanes
    updates: Lanes
    update_accesses: Lanes
    rescalings: Lanes
    current_additions: Lanes
    counts: Lanes
    current_accesses: Lanes
    crossbars_leak: Lanes
    tiles_leak: Lanes
    membranes_leak: Lanes
    lif_units_leak: Lanes
    rescalers_leak: Lanes
    sums_leak: Lanes
    waiting_leaks: Lanes


Charges = dict[str, tuple[str, str]]
"""Per price, the component that it is part of, and the quantity that it is paid for."""

AREA: Charges = {
    "cells": ("crossbars", "crossbars"),
    "drivers": ("drivers and multiplexers", "crossbars"),
    "converters": ("converters", "crossbars"),
    "shift_add": ("shift-add", "sliced_bits"),
    "pe_adders": ("accumulation", "pe_adder_bits"),
    "tile_adders": ("accumulation", "tile_adder_bits"),
    "accumulators": ("accumulation", "accumulator_bits"),
    "tile_control": ("tile control", "wide_tiles"),
    "input_buffers": ("input buffers", "buffer_bits"),
    "membranes": ("membranes", "membrane_bits"),
    "lif_units": ("LIF units", "firing_units"),
    "rescalers": ("rescalers", "rescaler_units"),
    "sums": ("node sums and pooling", "sum_units"),
    "waiting": ("waiting currents", "waiting"),
}

ENERGY: Charges = {
    "columns": ("converters", "column_reads"),
    "references": ("converters", "block_reads"),
    "cells": ("cells", "cell_reads"),
    "rows": ("rows and multiplexers", "block_reads"),
    "word_lines": ("rows and multiplexers", "driven_rows"),
    "shift_add": ("shift-add", "sliced_conversions"),
    "pe_additions": ("accumulation", "pe_addition_bits"),
    "tile_additions": ("accumulation", "tile_addition_bits"),
    "chip_additions": ("accumulation", "chip_addition_bits"),
    "buffer_reads": ("buffers", "buffer_read_bits"),
    "pe_buffer_reads": ("buffers", "pe_buffer_read_bits"),
    "buffer_writes": ("buffers", "partial_bits"),
    "wires_in": ("wires", "wired_bits"),
    "wires_out": ("wires", "partial_bits"),
    "wires_width": ("wires", "partial_sums"),
    "wires_tile": ("wires", "tile_wired_bits"),
    "outputs": ("outputs", "outputs"),
    "updates": ("LIF updates", "updates"),
    "update_accesses": ("membrane memory", "updates"),
    "rescalings": ("rescaling", "rescalings"),
    "current_additions": ("node sums and pooling", "current_additions"),
    "counts": ("node sums and pooling", "counts"),
    "current_accesses": ("currents", "current_accesses"),
    "crossbars_leak": ("leakage", "crossbars"),
    "tiles_leak": ("leakage", "wide_tiles"),
    "membranes_leak": ("leakage", "membrane_bits"),
    "lif_units_leak": ("leakage", "firing_units"),
    "rescalers_leak": ("leakage", "rescaler_units"),
    "sums_leak": ("leakage", "sum_units"),
    "waiting_leaks": ("leakage", "waiting"),
}


def charges(prices: type, of: Charges) -> list[tuple[str, str]]:
    """Return component and quantity of each price, in the order of a record of prices."""
    return [of[name] for name in record_type(prices).names or ()]


def _places(prices: type, of: Charges) -> NDArray[np.int64]:
    """Return the place of each price's quantity among the numbers of :class:`Amounts`."""
    numbers = record_type(Amounts).names or ()
    return np.array([numbers.index(quantity) for _, quantity in charges(prices, of)])


AREA_OF, ENERGY_OF = _places(AreaPrices, AREA), _places(EnergyPrices, ENERGY)
