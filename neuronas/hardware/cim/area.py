"""Area: crossbars, converters, adders, buffers, wires, neurons; um^2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuronas.architecture.networks import Ints
from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.settings import SCHEDULES
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.terms import Sums, Term
from neuronas.hardware.cim.work import SpikingWork
from neuronas.hardware.cost import Floats

_UM2_PER_MM2 = 1e6
_SIDE = 64.0
"""Columns of the crossbar that the wires' constants belong to."""

_ALONG = 4.0
"""Crossbars of an im2col PE that one adder tree spans."""

LAYER_SERIAL, STEP_SERIAL, PIPELINED, ROW_STREAMING = range(len(SCHEDULES))


def converter_area_um2(t: Technology) -> float:
    """Return the area of one converter.

    A SAR ADC has a fixed part and one per bit; a flash ADC of b bits has 2**b - 1 comparators, a
    comparator one.
    """
    s = t.settings
    if s.adc == "sar":
        return t["area_sar"] + t["area_sar_bit"] * s.adc_bits
    return t["area_flash_comparator"] * (2.0**s.adc_bits - 1)


def crossbar_um2(m: Placement, t: Technology) -> Floats:
    """Return the area of one crossbar with its drivers and converters, ``(N,)``."""
    return np.asarray(sum(each for _, each in _crossbar_parts(m, t)))


def _crossbar_parts(m: Placement, t: Technology) -> Iterator[tuple[str, Floats]]:
    s, o = m.settings, m.options
    extra = 1.0 if s.signed_weights == "offset" else 0.0
    cell = t[f"cell_{s.device}"] * (s.node_nm * 1e-3) ** 2
    yield "crossbars", s.rows * (o.columns + extra) * cell
    per_row = t[f"area_row_{s.device}"] + t["area_row_multiplexer"] * o.columns_per_adc / 8
    yield "drivers and multiplexers", s.rows * per_row
    yield "converters", o.columns / o.columns_per_adc * converter_area_um2(t)


def core_terms(m: Placement, t: Technology) -> Iterator[Term]:
    """Return the area of what computes: crossbars up to tiles."""
    for component, each in _crossbar_parts(m, t):
        yield Term(component, m.crossbars, each)
    o = m.options
    adcs = o.columns / o.columns_per_adc  # of one crossbar
    width = m.settings.adc_bits + m.slices
    sliced = m.crossbars * width * (m.slices > 1)
    yield Term("shift-add", sliced, adcs * t["area_shift_add_bit"])
    shared = width / m.slices  # slices of an output share adders
    position, flat = m.sides
    along = np.minimum(flat, _ALONG)
    in_pe = m.crossbars * shared * m.either(1.0 - 1.0 / position, 1.0 - 1.0 / along)
    ports = m.blocks * m.side * shared
    inner = m.either(m.kernel_area, flat / along) - 1.0
    yield Term("accumulation", in_pe, adcs * t["area_adder_pe_bit"])
    yield Term("accumulation", ports * inner, adcs * t["area_adder_tile_bit"])
    yield Term("accumulation", ports, adcs * t["area_accumulator_bit"])
    yield Term("tile control", m.tiles, t["area_tile"])


def buffer_bits(w: SpikingWork, m: Placement, steps: Ints) -> tuple[Floats, Floats]:
    """Return the bits of input buffers, ``(L, N)``, and of the store of spikes, ``(N,)``.

    Every layer holds its input map of one time step: twice where layers work at the same time on
    different steps, its first rows only where they stream. Layer by layer, the spikes of all other
    steps wait in a store, the largest pair of layers deciding.
    """
    schedule = m.options.schedule
    serial, streaming = schedule == LAYER_SERIAL, schedule == ROW_STREAMING
    held = np.where(streaming, w.line_bits, w.input_bits) if streaming.any() else w.input_bits
    held = held * np.where(schedule == PIPELINED, 2.0, 1.0)
    if not serial.any():
        return held, np.zeros(held.shape[1])
    spikes = w.input_bits + w.neurons
    store = np.where(serial, np.maximum(steps - 1.0, 0.0) * spikes.max(axis=0), 0.0)
    return held, store


def membrane_bits(w: SpikingWork, m: Placement) -> tuple[Floats, Floats]:
    """Return the bits of membrane potentials, ``(L, N)`` and ``(N,)``.

    Layer by layer, only the layer at work has any: the largest decides, and they belong to none.
    """
    serial = m.options.schedule == LAYER_SERIAL
    of_layers = w.neurons * np.where(serial, 0.0, m.settings.membrane_bits)
    of_chip = w.neurons.max(axis=0) * np.where(serial, m.settings.membrane_bits, 0.0)
    return of_layers, of_chip


def spiking_terms(w: SpikingWork, m: Placement, t: Technology) -> Iterator[Term]:
    """Return the area of what an SNN has beside matrices."""
    s = m.settings
    adder, multiplier = t["area_adder_bit"], t["area_multiplier_bit2"]
    # One unit per channel: leak, add, compare; a multiplier with an 8-bit factor where chosen.
    decay = multiplier * 8 if s.decay == "multiplier" else 0.0
    firing = _units(w, w.neurons)
    yield Term("LIF units", firing, s.membrane_bits * (3 * adder + decay))
    rescale = {"shared": 0.0, "shift": adder, "multiplier": multiplier * 8}[s.rescaling]
    yield Term("rescalers", _units(w, w.rescalings), s.current_bits * rescale)
    worked = _units(w, w.additions, w.comparisons, w.counts)
    yield Term("node sums and pooling", worked, s.current_bits * adder)
    yield Term("waiting currents", w.waiting, s.current_bits * t["area_memory_bit"])


def _units(w: SpikingWork, *work: Floats) -> Floats:
    """Return the units of layers that have some of this work."""
    some = [amount > 0 for amount in work if any(amount.strides)]
    return w.units * np.logical_or.reduce(some) if some else work[0]


def wire_area_um2(m: Placement, core_um2: Floats, sums: Sums, t: Technology) -> Floats:
    """Return the area of H-trees, ``(N,)``.

    Inside tiles by the columns of their PEs, or by the square of the columns of an im2col tile;
    between n tiles as ``n**0.8`` times a tile's side, none where the chip holds one layer only:
    fitted to DNN+NeuroSim V1.3.

    Args:
        m: Where layers lie.
        core_um2: Core area of all layers, ``(N,)``.
        sums: Of the batch.
        t: Constants.
    """
    columns = m.options.columns
    layers = float(len(m.weighted)) if m.full else m.weighted.sum(axis=0)
    per_crossbar = core_um2 / np.maximum(sums.of(m.crossbars), 1.0)
    of_a_tile = m.crossbars / (m.tiles if m.full else np.maximum(m.tiles, 1.0))
    side_mm = np.sqrt(of_a_tile.max(axis=0) * per_crossbar / _UM2_PER_MM2)
    along = m.pe * m.side * m.by_position
    in_pes = sums.of(along) * columns
    in_tiles = sums.of(m.crossbars * ~m.by_position) * columns**2
    between = sums.of(m.tiles) ** 0.8 * side_mm * (1.0 - 1.0 / np.maximum(layers, 1.0))
    wires = in_pes * t["area_wire_column"] + in_tiles * t["area_wire_column2"]
    return np.asarray(wires + between * np.sqrt(columns / _SIDE) * t["area_wire_tile"])
