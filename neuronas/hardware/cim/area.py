"""Area: crossbars, converters, adders, buffers, wires, neurons; um^2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.work import SpikingWork
from neuronas.hardware.cost import Floats, total

_UM2_PER_MM2 = 1e6
_SIDE = 64.0
"""Columns of the crossbar that the wires' constants belong to."""

Part = tuple[str, Floats]


def converter_area_um2(t: Technology) -> float:
    """Return the area of one converter.

    A SAR ADC has a fixed part and one per bit; a flash ADC of b bits has 2**b - 1 comparators, a
    comparator one.
    """
    s = t.settings
    if s.adc == "sar":
        return t["area_sar"] + t["area_sar_bit"] * s.adc_bits
    return t["area_flash_comparator"] * (2.0**s.adc_bits - 1)


def core_parts(m: Placement, t: Technology) -> Iterator[Part]:
    """Return the area of what computes, ``(L, N)`` per component: crossbars up to tiles."""
    s, o = m.settings, m.options
    crossbars, adcs = m.crossbars, m.crossbars * (o.columns / o.columns_per_adc)
    feature2 = (s.node_nm * 1e-3) ** 2
    extra = 1.0 if s.signed_weights == "offset" else 0.0
    cell = t[f"cell_{s.device}"] * feature2
    yield "crossbars", crossbars * (s.rows * (o.columns + extra) * cell)
    per_row = t[f"area_row_{s.device}"] + t["area_row_multiplexer"] * o.columns_per_adc / 8
    yield "drivers and multiplexers", crossbars * (s.rows * per_row)
    yield "converters", adcs * converter_area_um2(t)
    slices = np.maximum(m.slices, 1.0)
    width = s.adc_bits + m.slices
    yield "shift-add", adcs * np.where(m.slices > 1, width * t["area_shift_add_bit"], 0.0)
    along = np.where(m.by_position, m.side, np.minimum(m.side, 4.0))
    blocks = m.row_tiles * m.column_tiles * m.copies
    ports = blocks * (m.side * o.columns / o.columns_per_adc) * (width / slices)
    inner = np.where(m.by_position, m.kernel_area, m.side / along) - 1.0
    yield (
        "accumulation",
        adcs / slices * (width * t["area_adder_pe_bit"]) * (1.0 - 1.0 / along)
        + ports * (inner * t["area_adder_tile_bit"] + t["area_accumulator_bit"]),
    )
    yield "tile control", m.tiles * t["area_tile"]


def buffer_bits(w: SpikingWork, m: Placement, steps: Floats) -> tuple[Floats, Floats]:
    """Return the bits of input buffers, ``(L, N)``, and of the store of spikes, ``(N,)``.

    Every layer holds its input map of one time step: twice where layers work at the same time on
    different steps, its first rows only where they stream. Layer by layer, the spikes of all other
    steps wait in a store, the largest pair of layers deciding.
    """
    schedule = m.options.schedule
    serial, pipelined, streaming = schedule == 0, schedule == 2, schedule == 3  # noqa: PLR2004
    held = np.where(streaming, w.line_bits, w.input_bits)
    held = held * np.where(pipelined, 2.0, 1.0)
    spikes = w.input_bits + w.neurons
    store = np.where(serial, np.maximum(steps - 1.0, 0.0) * spikes.max(axis=0), 0.0)
    return held, store


def membrane_bits(w: SpikingWork, m: Placement) -> tuple[Floats, Floats]:
    """Return the bits of membrane potentials, ``(L, N)`` and ``(N,)``.

    Layer by layer, only the layer at work has any: the largest decides, and they belong to none.
    """
    bits = w.neurons * float(m.settings.membrane_bits)
    serial = m.options.schedule == 0
    return np.where(serial, 0.0, bits), np.where(serial, bits.max(axis=0), 0.0)


def spiking_parts(w: SpikingWork, m: Placement, t: Technology) -> Iterator[Part]:
    """Return the area of what an SNN has beside matrices, ``(L, N)`` per component."""
    s = m.settings
    adder, multiplier = t["area_adder_bit"], t["area_multiplier_bit2"]
    # One unit per channel: leak, add, compare; a multiplier with an 8-bit factor where chosen.
    decay = multiplier * 8 if s.decay == "multiplier" else 0.0
    lif = s.membrane_bits * (3 * adder + decay)
    yield "LIF units", np.where(w.neurons > 0, w.units * lif, 0.0)
    rescale = {"shared": 0.0, "shift": adder, "multiplier": multiplier * 8}[s.rescaling]
    yield "rescalers", np.where(w.rescalings > 0, w.units * (s.current_bits * rescale), 0.0)
    worked = w.additions + w.comparisons + w.counts
    yield "node sums and pooling", np.where(worked > 0, w.units * (s.current_bits * adder), 0.0)
    yield "waiting currents", w.waiting * (s.current_bits * t["area_memory_bit"])


def wire_area_um2(
    m: Placement, layers: Floats, core_um2: Floats, t: Technology
) -> tuple[Floats, Floats]:
    """Return the area of H-trees, ``(N,)``, and the core area per crossbar, ``(N,)``.

    Inside tiles by the columns of their PEs, or by the square of the columns of an im2col tile;
    between n tiles as ``n**0.8`` times a tile's side, none where the chip holds one layer only:
    fitted to DNN+NeuroSim V1.3.

    Args:
        m: Where layers lie.
        layers: How many layers have matrices, ``(N,)``.
        core_um2: Core area of each layer, ``(L, N)``.
        t: Constants.
    """
    columns = m.options.columns
    per_crossbar = total(core_um2) / np.maximum(total(m.crossbars), 1.0)
    of_a_tile = m.crossbars / np.maximum(m.tiles, 1.0)
    side_mm = np.sqrt(of_a_tile.max(axis=0) * per_crossbar / _UM2_PER_MM2)
    in_pes = total(np.where(m.by_position, m.pe * m.side, 0.0)) * columns
    in_tiles = total(np.where(m.by_position, 0.0, m.pe * m.side**2)) * columns**2
    between = total(m.tiles) ** 0.8 * side_mm * (1.0 - 1.0 / np.maximum(layers, 1.0))
    wires = in_pes * t["area_wire_column"] + in_tiles * t["area_wire_column2"]
    wires = wires + between * np.sqrt(columns / _SIDE) * t["area_wire_tile"]
    return wires, per_crossbar
