"""Energy of one time step by component, pJ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.timing import read_ns
from neuronas.hardware.cim.work import MatrixWork, SpikingWork
from neuronas.hardware.cost import Floats

Part = tuple[str, Floats]

_SIDE = 64.0
"""Columns of the crossbar that constants of leakage belong to."""


def conversion_pj(t: Technology) -> float:
    """Return the energy of one conversion: per bit of a SAR ADC, per comparator of a flash one."""
    s = t.settings
    if s.adc == "sar":
        return t["energy_sar_bit"] * s.adc_bits
    return t["energy_flash_comparator"] * (2.0**s.adc_bits - 1)


def matrix_parts(
    m: Placement, x: MatrixWork, t: Technology, chip_mm: Floats, tile_mm: Floats
) -> Iterator[Part]:
    """Return the energy of a time step on crossbars, ``(L, N)`` per component.

    Args:
        m: Where layers lie.
        x: What they do.
        t: Constants.
        chip_mm: Side of the chip, ``(N,)``.
        tile_mm: Side of a layer's tile, ``(L, N)``.
    """
    s = m.settings
    yield "converters", x.conversions * conversion_pj(t)
    # An active cell draws its current as long as its column is converted.
    yield "cells", x.cells * (t[f"power_cell_{s.device}"] * read_ns(t))
    yield (
        "rows and multiplexers",
        x.row_rounds * t[f"energy_row_{s.device}"] + x.active_rounds * t["energy_word_line"],
    )
    yield (
        "shift-add",
        np.where(m.slices > 1, x.conversions * (s.adc_bits * t["energy_shift_add_bit"]), 0.0),
    )
    in_pe = x.outputs * m.parallel * (m.row_blocks - m.row_tiles)
    blocks = m.column_tiles * m.copies * x.ports * _places(x, m)
    in_tile = blocks * (m.parallel - 1.0) * m.row_tiles * (x.width + 3.0)
    on_chip = blocks * np.maximum(m.row_tiles - 1.0, 0.0) * (x.width + 6.0)
    yield (
        "accumulation",
        in_pe * x.width * t["energy_adder_pe_bit"]
        + in_tile * t["energy_adder_tile_bit"]
        + on_chip * t["energy_adder_chip_bit"],
    )
    fetched = np.where(m.by_position, 1.0, m.kernel_area)
    again = np.where(m.by_position, m.kernel_area, 0.0)
    yield (
        "buffers",
        x.input_bits * (fetched * t["energy_buffer_read_bit"] + again * t["energy_buffer_pe_bit"])
        + x.partial_bits * t["energy_buffer_write_bit"],
    )
    # A sliding window needs k new columns of its k*k per position.
    fresh = np.where(m.by_position, np.sqrt(m.kernel_area), m.kernel_area)
    of_tile = np.where(m.by_position, m.kernel_area, m.side / 4.0)
    yield (
        "wires",
        (x.input_bits * fresh * t["energy_wire_in_bit"]) * chip_mm
        + (x.partial_bits * (1.0 + 3.0 / x.width) * t["energy_wire_out_bit"]) * chip_mm
        + x.partial_bits * of_tile * t["energy_wire_tile_bit"] * tile_mm,
    )
    yield "outputs", x.outputs * t["energy_output"]


def leakage_mw(m: Placement, t: Technology, chip_mm: Floats) -> Floats:
    """Return the leakage of crossbars and wires of each layer, ``(L, N)``.

    A tile's repeaters and buffers grow with the chip's side and the tile's own, in PEs.
    """
    wide = m.options.columns / _SIDE
    repeaters = m.tiles * m.tile_kernel * chip_mm * t["power_leakage_wire"]
    return (m.crossbars * t[f"power_leakage_crossbar_{m.settings.device}"] + repeaters) * wide


def _places(x: MatrixWork, m: Placement) -> Floats:
    """Return the output positions of each layer."""
    return x.outputs / np.maximum(m.outputs * m.copies, 1.0)


def spiking_parts(w: SpikingWork, m: Placement, t: Technology) -> Iterator[Part]:
    """Return the energy of a time step outside the crossbars, ``(L, N)`` per component."""
    s = m.settings
    adder, multiplier = t["energy_adder_bit"], t["energy_multiplier_bit2"]
    access = t["energy_buffer_read_bit"] + t["energy_buffer_write_bit"]
    decay = multiplier * 8 if s.decay == "multiplier" else 0.0
    yield "LIF updates", w.neurons * (s.membrane_bits * (3 * adder + decay))
    yield "membrane memory", w.neurons * (s.membrane_bits * access)
    rescale = {"shared": 0.0, "shift": adder, "multiplier": multiplier * 8}[s.rescaling]
    yield "rescaling", w.rescalings * (s.current_bits * rescale)
    sums = (w.additions + w.comparisons) * (s.current_bits * adder) + w.counts * adder
    yield "node sums and pooling", sums
    yield "currents", (w.currents + w.waiting) * (s.current_bits * access)
