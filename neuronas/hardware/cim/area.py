"""Area: crossbars, converters, adders, buffers, wires, neurons; um^2."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.arithmetic import either, inverse_fifth_root
from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import OFFSET, REFERENCE_SIDE, UM2_PER_MM2, Choice, Design, Prices
from neuronas.hardware.cim.mapping import GROUP_SHARE, Matrix, Placement, Sides
from neuronas.hardware.cim.quantities import Amounts, AreaPrices, Most
from neuronas.hardware.cim.work import Reads

_SHARED_MULTIPLEXER = 8.0
"""Columns per converter that the multiplexer's constant belongs to."""

_SQUARE_UP_TO = 512.0
"""Columns up to which wires of im2col tiles grow as the square; beyond, in proportion.

The fit covers 64 and 128. A square without end would make im2col tiles so large that a layer could
save area by outgrowing them.
"""


@compiled
def _shared_bits(slices: float, share: float, width: float, least: float, several: float) -> float:
    """Return the bits of adders that serve one column of a crossbar.

    Slices of an output share adders, as in DNN+NeuroSim. They save no more area than what adds them
    up takes: a weight of more bits would take less area.

    Args:
        slices: Columns per output.
        share: One over them.
        width: Bits of a sum over them.
        least: Bits of shared adders that cost as much as one bit of what adds up slices.
        several: 1 if that stands there for a single slice, too, as its input is read repeatedly.
    """
    one, pair = width - slices + 1.0, width - slices + 2.0
    of_one = one - least * (width - several * one)
    of_pair = 0.5 * pair - least * (width - pair)
    return max(width * share, of_one, of_pair) if slices > 1.0 else width


@compiled
def count_area(
    q: Amounts, x: Matrix, m: Placement, r: Reads, s: Sides, p: Prices, d: Design
) -> None:
    """Add what stands on the chip for the matrix of one layer."""
    # Read once: within branches of the loop they would be gathered lane by lane.
    in_pe_um2, in_tile_um2 = p.adder_pe_bit_um2, p.adder_tile_bit_um2
    between_um2, shift_add_um2 = p.accumulator_bit_um2, p.shift_add_bit_um2
    for i in range(LANES):
        by_position, crossbars, kernel_area = x.by_position[i], m.crossbars[i], x.kernel_area[i]
        q.crossbars[i] += crossbars
        q.tiles[i] += m.tiles[i]
        q.pe[i] += m.pe[i]
        used = x.rows[i] * x.columns[i] * x.parallel[i] * x.copies[i]
        q.used_cells[i] += used * m.replicas[i]
        slices, side = x.slices[i], m.side[i]
        width = d.adc_bits + slices
        several = 1.0 if r.positions[i] > r.places[i] else 0.0
        q.sliced_bits[i] += crossbars * width if slices + several > 1.0 else 0.0
        side_share, at_positions = m.side_share[i], by_position > 0.0
        spanned = 1.0 - either(at_positions, side_share, GROUP_SHARE)
        added = either(at_positions, kernel_area, side * GROUP_SHARE)
        of_ports = (in_tile_um2 * (added - 1.0) + between_um2) * side_share
        of_ports *= either(at_positions, s.kernel_share[i], 1.0)
        least = shift_add_um2 / (in_pe_um2 * spanned + of_ports)
        shared = _shared_bits(slices, x.slice_share[i], width, least, several)
        ports = m.blocks[i] * side * shared
        q.pe_adder_bits[i] += crossbars * shared * spanned
        q.tile_adder_bits[i] += ports * (added - 1.0)
        q.accumulator_bits[i] += ports
        # Tiles of 1x1 kernels are wired as those of im2col.
        positions = by_position if s.tile_kernel[i] > 1.0 else 0.0
        q.wired_columns[i] += m.pe[i] * side * positions
        q.flat_crossbars[i] += crossbars * (1.0 - positions)


@compiled
def fill_area_prices(price: AreaPrices, p: Prices, d: Design, c: Choice) -> None:
    """Fill in what is paid for the area."""
    reference = 1.0 if d.signs == OFFSET else 0.0
    for i in range(LANES):
        adcs = c.columns[i] / c.columns_per_adc[i]  # of one crossbar
        multiplexer = p.row_multiplexer_um2 * c.columns_per_adc[i] / _SHARED_MULTIPLEXER
        price.cells[i] = d.rows * (c.columns[i] + reference) * p.crossbar_cell_um2
        price.drivers[i] = d.rows * (p.row_um2 + multiplexer)
        price.converters[i] = adcs * p.converter_um2
        price.shift_add[i] = adcs * p.shift_add_bit_um2
        price.pe_adders[i] = adcs * p.adder_pe_bit_um2
        price.tile_adders[i] = adcs * p.adder_tile_bit_um2
        price.accumulators[i] = adcs * p.accumulator_bit_um2
        price.tile_control[i] = p.tile_um2
        price.input_buffers[i] = p.buffer_bit_um2
        price.membranes[i] = p.memory_bit_um2
        price.lif_units[i] = p.lif_unit_um2
        price.rescalers[i] = p.rescaler_um2
        price.sums[i] = p.adder_um2
        price.waiting[i] = d.current_bits * p.memory_bit_um2


@compiled
def fill_wires(
    wires_um2: Lanes,
    sums: Amounts,
    area: AreaPrices,
    most: Most,
    matrices: Lanes,
    p: Prices,
    c: Choice,
) -> None:
    """Fill in the area of H-trees.

    Inside tiles by the columns of their PEs, or by the square of the columns of an im2col tile;
    between n tiles as ``n**0.8`` times a tile's side, none where the chip holds one layer only:
    fitted to DNN+NeuroSim V1.3. Tiles are those of groups of crossbars, whatever the PEs, and their
    side is that of the crossbars alone: with the average of what stands beside them, a layer that
    needs little of it could make the wires of all others cheaper.

    Args:
        wires_um2: Filled in.
        sums: Quantities of all layers.
        area: Prices of the area.
        most: Of any layer.
        matrices: Layers with a matrix.
        p: Prices.
        c: Choices.
    """
    for i in range(LANES):
        columns, tiles = c.columns[i], sums.wide_tiles[i]
        crossbar_um2 = area.cells[i] + area.drivers[i] + area.converters[i]
        side_mm = np.sqrt(most.tile_room[i] * crossbar_um2 / UM2_PER_MM2)
        in_pes = sums.wired_columns[i] * columns
        in_tiles = sums.flat_crossbars[i] * columns * min(columns, _SQUARE_UP_TO)
        tiles *= inverse_fifth_root(tiles)  # tiles**0.8
        between = tiles * side_mm * (1.0 - 1.0 / max(matrices[i], 1.0))
        inside = in_pes * p.wire_column_um2 + in_tiles * p.wire_column2_um2
        wires_um2[i] = inside + between * np.sqrt(columns / REFERENCE_SIDE) * p.wire_tile_um2
