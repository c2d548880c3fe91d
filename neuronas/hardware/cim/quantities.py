"""Quantities of a layer, and what is charged for them."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.compiled import Lanes, record_type


class Amounts:
    """What the model counts in every layer.

    Of the chip, what stands there: ``crossbars`` to ``waiting``; of one inference, what happens:
    from ``column_reads`` on.

    Attributes:
        crossbars, tiles, pe: Of the layer, room that stays empty included.
        used_cells: Cells that hold weights, copies included.
        replicas: Copies of a matrix in its PE.
        matrix_rows: Rows of one matrix.
        sliced_bits: Crossbars whose outputs take several columns, times the bits of a sum.
        pe_adder_bits, tile_adder_bits, accumulator_bits: Width of adders over the crossbars of a
            PE, over the PEs of a tile, and over tiles, per converter of a crossbar.
        wired_columns: Crossbars along PEs of kernel positions.
        flat_crossbars: Crossbars of im2col PEs.
        wide_tiles: Tiles, were PEs 4 crossbars wide, or 8 (im2col).
        input_bits: Of the input map of one time step.
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
        hidden_ns: Time that slices and replicas save.
    """

    crossbars: Lanes
    tiles: Lanes
    pe: Lanes
    used_cells: Lanes
    replicas: Lanes
    matrix_rows: Lanes
    sliced_bits: Lanes
    pe_adder_bits: Lanes
    tile_adder_bits: Lanes
    accumulator_bits: Lanes
    wired_columns: Lanes
    flat_crossbars: Lanes
    wide_tiles: Lanes
    input_bits: Lanes
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
    hidden_ns: Lanes


class Times:
    """Time of one step of a layer by part, in ns."""

    conversions: Lanes
    selection: Lanes
    accumulation: Lanes
    buffers: Lanes
    wires: Lanes
    neurons: Lanes


TIMES = (
    "conversions",
    "row selection",
    "accumulation",
    "buffers",
    "wires",
    "neurons and pooling",
)

AREA = (
    ("crossbars", "crossbars"),
    ("drivers and multiplexers", "crossbars"),
    ("converters", "crossbars"),
    ("shift-add", "sliced_bits"),
    ("accumulation", "pe_adder_bits"),
    ("accumulation", "tile_adder_bits"),
    ("accumulation", "accumulator_bits"),
    ("tile control", "tiles"),
    ("input buffers", "buffer_bits"),
    ("membranes", "membrane_bits"),
    ("LIF units", "firing_units"),
    ("rescalers", "rescaler_units"),
    ("node sums and pooling", "sum_units"),
    ("waiting currents", "waiting"),
)
"""Component and quantity of each charge of the area; the price of each is in ``area_prices``."""

CORE = 9
"""Charges of what computes; the others stand beside it."""

ENERGY = (
    ("converters", "column_reads"),
    ("converters", "block_reads"),
    ("cells", "cell_reads"),
    ("rows and multiplexers", "block_reads"),
    ("rows and multiplexers", "driven_rows"),
    ("shift-add", "sliced_conversions"),
    ("accumulation", "pe_addition_bits"),
    ("accumulation", "tile_addition_bits"),
    ("accumulation", "chip_addition_bits"),
    ("buffers", "buffer_read_bits"),
    ("buffers", "pe_buffer_read_bits"),
    ("buffers", "partial_bits"),
    ("wires", "wired_bits"),
    ("wires", "partial_bits"),
    ("wires", "partial_sums"),
    ("wires", "tile_wired_bits"),
    ("outputs", "outputs"),
    ("LIF updates", "updates"),
    ("membrane memory", "updates"),
    ("rescaling", "rescalings"),
    ("node sums and pooling", "current_additions"),
    ("node sums and pooling", "counts"),
    ("currents", "current_accesses"),
    ("leakage", "crossbars"),
    ("leakage", "wide_tiles"),
    *(("leakage", quantity) for _, quantity in AREA[CORE:]),
)
"""Likewise of the energy; prices in ``energy_prices``."""

_PLACES = record_type(Amounts).names or ()

AREA_OF = np.array([_PLACES.index(quantity) for _, quantity in AREA])
ENERGY_OF = np.array([_PLACES.index(quantity) for _, quantity in ENERGY])
"""The place of each charge's quantity among the numbers of :class:`Amounts`."""
