"""Energy of one inference by component, pJ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from neuronas.architecture.networks import Ints
from neuronas.hardware.cim.area import crossbar_um2
from neuronas.hardware.cim.mapping import GROUP_SIDE, Placement
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.terms import Term
from neuronas.hardware.cim.timing import read_ns
from neuronas.hardware.cim.work import MatrixWork, SpikingWork
from neuronas.hardware.cost import Floats

_SIDE = 64.0
"""Columns of the crossbar that constants of leakage belong to."""

_UM2_PER_MM2 = 1e6


def conversion_pj(t: Technology) -> float:
    """Return the energy of one conversion: per bit of a SAR ADC, per comparator of a flash one."""
    s = t.settings
    if s.adc == "sar":
        return t["energy_sar_bit"] * s.adc_bits
    return t["energy_flash_comparator"] * (2.0**s.adc_bits - 1)


def matrix_terms(m: Placement, x: MatrixWork, t: Technology, chip_mm: Floats) -> Iterator[Term]:
    """Return the energy of an inference on crossbars.

    Args:
        m: Where layers lie.
        x: What they do.
        t: Constants.
        chip_mm: Side of the chip, ``(N,)``.
    """
    yield from _read_terms(m, x, t)
    yield from _sum_terms(m, x, t)
    yield from _transfer_terms(m, x, t, chip_mm)
    yield Term("outputs", x.outputs, t["energy_output"])


def _read_terms(m: Placement, x: MatrixWork, t: Technology) -> Iterator[Term]:
    s, rounds = m.settings, m.options.columns_per_adc
    offset = s.signed_weights == "offset"
    conversion = conversion_pj(t)
    yield Term("converters", x.column_reads, conversion)
    if offset:
        yield Term("converters", x.block_reads, conversion)
    # An active cell draws its current as long as its column is converted.
    yield _driven("cells", x.cells, t[f"power_cell_{s.device}"] * read_ns(t), x.density)
    row = t[f"energy_row_{s.device}"]
    yield Term("rows and multiplexers", x.block_reads, rounds * (s.rows * row))
    yield _driven("rows and multiplexers", x.driven, rounds * t["energy_word_line"], x.density)
    sliced = m.slices > 1
    conversions = x.column_reads + x.block_reads if offset else x.column_reads
    yield Term("shift-add", conversions * sliced, s.adc_bits * t["energy_shift_add_bit"])


def _driven(component: str, amount: Floats, each: float | Floats, density: float | Floats) -> Term:
    """Return the term of what only rows with a spike take."""
    if np.ndim(density) == 0:
        return Term(component, amount, each * density)
    return Term(component, amount * density, each)


def _sum_terms(m: Placement, x: MatrixWork, t: Technology) -> Iterator[Term]:
    """Return the energy of additions: in PEs, over the PEs of a tile, over tiles."""
    in_pe = x.outputs * m.parallel * (m.row_blocks - m.row_groups) * x.width
    ports = GROUP_SIDE * m.options.columns
    in_tile = x.port_rounds * (m.parallel - 1.0) * m.row_groups * (x.width + 3.0)
    on_chip = x.port_rounds * (m.row_groups - 1.0) * (x.width + 6.0)
    yield Term("accumulation", in_pe, t["energy_adder_pe_bit"])
    yield Term("accumulation", in_tile, ports * t["energy_adder_tile_bit"])
    yield Term("accumulation", on_chip, ports * t["energy_adder_chip_bit"])


def _transfer_terms(m: Placement, x: MatrixWork, t: Technology, chip_mm: Floats) -> Iterator[Term]:
    """Return the energy of buffers and wires."""
    read, again = t["energy_buffer_read_bit"], t["energy_buffer_pe_bit"]
    fetched = np.where(m.by_position, read + again * m.kernel_area, read * m.kernel_area)
    yield Term("buffers", x.input_bits * fetched, 1.0)
    yield Term("buffers", x.partial_bits, t["energy_buffer_write_bit"])
    # A sliding window needs k new columns of its k*k per position.
    fresh = np.where(m.by_position, m.kernel, m.kernel_area)
    yield Term("wires", x.input_bits * fresh, t["energy_wire_in_bit"] * chip_mm)
    yield Term("wires", x.partial_bits, t["energy_wire_out_bit"] * chip_mm)
    yield Term("wires", x.partial_sums, 3.0 * t["energy_wire_out_bit"] * chip_mm)
    # Along tiles of k*k PEs, or of one, as wide as the widest layer asks for.
    narrow, wide = np.clip(m.widest, 2.0, 4.0), np.clip(m.widest, 4.0, 8.0)
    along = np.where(m.by_position, m.kernel_area * m.kernel * narrow, wide * wide / 4.0)
    crossbar_mm = np.sqrt(crossbar_um2(m, t) / _UM2_PER_MM2)
    yield Term("wires", x.partial_bits * along, t["energy_wire_tile_bit"] * crossbar_mm)


def leakage_terms(
    m: Placement, spiking_um2: Iterable[Term], t: Technology, chip_mm: Floats, busy_ns: Floats
) -> Iterator[Term]:
    """Return the leakage of an inference: of crossbars, wires, and memories beside them.

    Repeaters and buffers of a tile grow with the chip's side and the tile's own, in PEs.

    Args:
        m: Where layers lie.
        spiking_um2: Area of what stands beside the crossbars.
        t: Constants.
        chip_mm: Side of the chip, ``(N,)``.
        busy_ns: How long the chip leaks, ``(N,)``.
    """
    wide = m.options.columns / _SIDE
    crossbar_mw = t[f"power_leakage_crossbar_{m.settings.device}"] * wide
    yield Term("leakage", m.crossbars, busy_ns * crossbar_mw)
    repeaters_mw = m.tile_kernel * chip_mm * t["power_leakage_wire"] * wide
    yield Term("leakage", m.wide_tiles(), busy_ns * repeaters_mw)
    memory_mw = t["power_leakage_memory"] / _UM2_PER_MM2
    for _, amount, each in spiking_um2:
        yield Term("leakage", amount, each * (busy_ns * memory_mw))


def spiking_terms(
    w: SpikingWork, steps: Ints, time_steps: Ints, m: Placement, t: Technology
) -> Iterator[Term]:
    """Return the energy of an inference outside the crossbars.

    Args:
        w: What is done there in one time step.
        steps: Time steps in which each layer computes, ``(L, N)``.
        time_steps: Time steps in which neurons are updated, ``(N,)``.
        m: Where layers lie.
        t: Constants.
    """
    s = m.settings
    adder, multiplier = t["energy_adder_bit"], t["energy_multiplier_bit2"]
    access = t["energy_buffer_read_bit"] + t["energy_buffer_write_bit"]
    decay = multiplier * 8 if s.decay == "multiplier" else 0.0
    rescale = {"shared": 0.0, "shift": adder, "multiplier": multiplier * 8}[s.rescaling]
    updates = w.neurons * time_steps
    yield Term("LIF updates", updates, s.membrane_bits * (3 * adder + decay))
    yield Term("membrane memory", updates, s.membrane_bits * access)
    for component, amount, each in (
        ("rescaling", w.rescalings, s.current_bits * rescale),
        ("node sums and pooling", w.additions, s.current_bits * adder),
        ("node sums and pooling", w.comparisons, s.current_bits * adder),
        ("node sums and pooling", w.counts, adder),
        ("currents", w.currents, s.current_bits * access),
        ("currents", w.waiting, s.current_bits * access),
    ):
        yield Term(component, amount * steps if any(amount.strides) else amount, each)
