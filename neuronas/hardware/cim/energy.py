"""Energy of one inference: what is paid for each quantity; pJ."""

from __future__ import annotations

import numpy as np

from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import OFFSET, REFERENCE_SIDE, UM2_PER_MM2, Choice, Design, Prices
from neuronas.hardware.cim.mapping import GROUP_SIDE, Sides
from neuronas.hardware.cim.quantities import AreaPrices, EnergyPrices


@compiled
def fill_energy_prices(
    price: EnergyPrices,
    area: AreaPrices,
    s: Sides,
    chip_um2: Lanes,
    busy_ns: Lanes,
    p: Prices,
    d: Design,
    c: Choice,
) -> None:
    """Fill in what is paid for the energy.

    Wires grow with the chip's side, and inside a tile with a crossbar's; repeaters and buffers of
    a tile leak with the chip's side and the tile's own, in PEs; memories beside the crossbars leak
    with their area.

    Args:
        price: Filled in.
        area: Prices of the area.
        s: PEs of the network.
        chip_um2: Area that wires reach over.
        busy_ns: How long the chip leaks.
        p: Prices.
        d: The chip.
        c: Choices.
    """
    references_pj = p.conversion_pj if d.signs == OFFSET else 0.0
    for i in range(LANES):
        chip_mm = np.sqrt(chip_um2[i] / UM2_PER_MM2)
        crossbar_um2 = area.cells[i] + area.drivers[i] + area.converters[i]
        ports = GROUP_SIDE * c.columns[i]
        price.columns[i], price.references[i] = p.conversion_pj, references_pj
        price.cells[i] = p.cell_pj
        price.rows[i] = c.columns_per_adc[i] * d.rows * p.row_pj
        price.word_lines[i] = c.columns_per_adc[i] * p.word_line_pj
        price.shift_add[i] = p.shift_add_pj
        price.pe_additions[i] = p.adder_pe_bit_pj
        price.tile_additions[i] = ports * p.adder_tile_bit_pj
        price.chip_additions[i] = ports * p.adder_chip_bit_pj
        price.buffer_reads[i] = p.buffer_read_bit_pj
        price.pe_buffer_reads[i] = p.buffer_pe_bit_pj
        price.buffer_writes[i] = p.buffer_write_bit_pj
        price.wires_in[i] = p.wire_in_bit_pj_mm * chip_mm
        price.wires_out[i] = p.wire_out_bit_pj_mm * chip_mm
        price.wires_width[i] = 3.0 * p.wire_out_bit_pj_mm * chip_mm
        price.wires_tile[i] = p.wire_tile_bit_pj_mm * np.sqrt(crossbar_um2 / UM2_PER_MM2)
    for i in range(LANES):
        price.outputs[i], price.updates[i] = p.output_pj, p.update_pj
        price.update_accesses[i], price.rescalings[i] = p.update_access_pj, p.rescaling_pj
        price.current_additions[i], price.counts[i] = p.current_addition_pj, p.count_pj
        price.current_accesses[i] = p.current_access_pj
    for i in range(LANES):
        busy, chip_mm = busy_ns[i], np.sqrt(chip_um2[i] / UM2_PER_MM2)
        leaking, wide = busy * p.leakage_memory_mw_um2, busy * (c.columns[i] / REFERENCE_SIDE)
        price.crossbars_leak[i] = wide * p.leakage_crossbar_mw
        along = max(s.tile_kernel[i], 1.0) * chip_mm
        price.tiles_leak[i] = wide * along * p.leakage_wire_mw_mm
        price.membranes_leak[i] = leaking * area.membranes[i]
        price.lif_units_leak[i] = leaking * area.lif_units[i]
        price.rescalers_leak[i] = leaking * area.rescalers[i]
        price.sums_leak[i] = leaking * area.sums[i]
        price.waiting_leaks[i] = leaking * area.waiting[i]
