"""Time: one step of a layer, and the schedules of layers and steps; ns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Workload
from neuronas.hardware.cim.area import LAYER_SERIAL, PIPELINED, ROW_STREAMING, STEP_SERIAL
from neuronas.hardware.cim.mapping import NARROW, NARROW_FLAT, Placement, replicas_in
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.terms import row_sum
from neuronas.hardware.cost import Floats

_SIDE = 64.0
"""Side of the crossbar that constants of columns and wires belong to."""

_CHIP_ADDERS = 8.0
"""Crossbars along the PEs that the adders over tiles are as wide as."""

_WIDE_PE = 4.0
"""Crossbars along a PE from which on its port is no wider."""


def read_ns(t: Technology) -> float:
    """Return the time of one conversion: columns settle, then b SAR steps or one comparison."""
    s = t.settings
    sense = t[f"time_sense_{s.device}"] * (s.rows / _SIDE) ** 0.2
    return float(sense + (t["time_sar_bit"] * s.adc_bits if s.adc == "sar" else t["time_flash"]))


def _clocks(operands: Floats, width: Floats, delay: float) -> tuple[Floats, Floats]:
    """Return the depth of adder trees and the periods that they take.

    The depth is the length of one operand less as a binary number. Sums grow by half a bit per
    stage on average.

    Args:
        operands: Of each tree, a whole number, one or more.
        width: Bits of an operand.
        delay: Periods per bit.
    """
    stages = np.asarray(np.frexp(operands - 1.0)[1], dtype=np.float64)
    # A tree without stages takes no time, so that its width does not matter.
    return stages, stages * np.ceil(delay * width + (0.5 * delay) * (stages - 1.0))


def layer_parts(
    w: Workload, m: Placement, firing: Floats, t: Technology, area_um2: Floats
) -> tuple[dict[str, Floats], Floats]:
    """Return the time of one step of each layer by component, and what leakage adds to it.

    Conversions, additions and transfers follow each other, in periods of one conversion; an adder
    of v bits takes ``ceil(v * time_adder_bit)`` periods. Neurons and pooling take one addition per
    position, all channels at once.

    Args:
        w: N networks.
        m: Where they lie.
        firing: LIF neurons of each layer, ``(L, N)``.
        t: Constants.
        area_um2: Area that wires reach over, ``(N,)``.

    Returns:
        Per component the time, and the time that slices and replicas hide; ``(L, N)`` each, in ns.
    """
    s, o = m.settings, m.options
    clock = read_ns(t)
    reads = m.positions / m.replicas
    far = (_SIDE / o.columns) ** 0.75 * (area_um2 * 1e-6) ** 0.15
    sent = m.places * np.minimum(m.outputs, m.either(*(side * o.columns for side in m.sides)))
    fetched = m.positions * np.minimum(m.rows, m.side * float(s.rows))
    unit = np.ceil(t["time_adder_bit"] * s.membrane_bits) * clock
    per_read, per_place = _additions(m, t)
    reading = o.columns_per_adc * (1.0 + t["time_select"])
    parts = {
        "conversions": reads * (o.columns_per_adc * clock),
        "row selection": reads * (o.columns_per_adc * t["time_select"] * clock),
        "accumulation": (reads * per_read + m.places * per_place) * clock,
        "buffers": _buffers(m, sent, fetched, t) * clock,
        "wires": np.where(m.by_position, fetched * t["time_wire_in"], sent * t["time_wire_out"])
        * (far * clock),
        "neurons and pooling": _outside(w, m, firing) * unit,
    }
    return parts, _hidden(m, per_read, per_place, reading) * clock


def _additions(m: Placement, t: Technology) -> tuple[Floats, Floats]:
    """Return the periods of additions, ``(L, N)`` each.

    After each read slices are added, and sums in PEs; at each output position, sums over a tile's
    PEs and over tiles.
    """
    o, delay = m.options, t["time_adder_bit"]
    position, flat = m.sides
    spanned = np.minimum(flat, _WIDE_PE)
    trees = flat / spanned  # of an im2col PE, one above another
    width = m.settings.adc_bits + m.slices
    rounds = np.ceil(o.columns_per_adc / m.slices)
    _, in_pe = _clocks(np.minimum(m.row_blocks, m.either(position, spanned)), width, delay)
    of_a_pe = np.minimum(np.ceil(m.row_blocks / spanned), trees)
    width = width + m.either(np.log2(position), np.log2(spanned))
    stages, in_tile = _clocks(m.either(m.kernel_area, of_a_pe), width, delay)
    _, between = _clocks(m.row_tiles, width + m.either(stages, np.log2(trees)), delay)
    turns = np.ceil(m.columns / np.maximum(_CHIP_ADDERS * o.columns / o.columns_per_adc, 1.0))
    of_slices = (m.slices > 1) * o.columns_per_adc
    return of_slices + rounds * in_pe, rounds * in_tile + turns * between


def _buffers(m: Placement, sent: Floats, fetched: Floats, t: Technology) -> Floats:
    """Return the periods in which tiles read and write their buffers."""
    narrow = (_WIDE_PE / np.minimum(m.sides[0], _WIDE_PE)) ** 0.75  # a small PE has a narrow port
    by_position = (sent + fetched) / m.kernel_area * (narrow * t["time_buffer_position"])
    flat = sent * t["time_buffer_out"] + fetched * t["time_buffer_in"]
    return np.where(m.by_position, by_position, flat)


def _outside(w: Workload, m: Placement, firing: Floats) -> Floats:
    """Return the positions of layers that do something outside crossbars."""
    if m.full:
        return m.places * (firing > 0)
    outside = (firing > 0) | (~m.weighted & (w.out_channels > 0))
    return np.asarray(w.out_height * w.out_width * outside, dtype=np.float64)


def _hidden(m: Placement, per_read: Floats, per_place: Floats, reading: Floats) -> Floats:
    """Return the periods of a step that slices and replicas save, ``(L, N)``.

    Slices are added before anything else, so later adders take fewer rounds; and a wider layer
    widens the PEs of others, which then hold more replicas. Leakage is charged as if neither saved
    time: else a chip would lose energy by storing fewer bits.

    Args:
        m: Where layers lie.
        per_read: Periods of additions after each read.
        per_place: Periods of additions at each output position.
        reading: Periods of each read, ``(N,)``.
    """
    more = m.options.columns_per_adc / np.ceil(m.options.columns_per_adc / m.slices) - 1.0
    narrow = replicas_in(m.either(NARROW, NARROW_FLAT), m.row_blocks, m.column_blocks)
    again = m.positions * (1.0 / narrow - 1.0 / m.replicas)
    added = m.positions / narrow * per_read + m.places * per_place
    return np.asarray(again * (reading + per_read) + added * more)


def schedule_ns(
    w: Workload, m: Placement, step_ns: Floats, transfer_ns: Floats
) -> tuple[Floats, Floats]:
    """Return latency and the time between results, ``(N,)`` each.

    With L the time of one step of a layer, T the time steps, and layers whose input never changes
    computed once, in the first step:

    - layer-serial: each layer runs all its steps, then the next one: ``T * sum L``.
    - step-serial: all layers run a step, then the next one; parallel branches of a cell at the
      same time: ``T *`` the critical path.
    - pipelined: layers work on different steps: the critical path and ``(T - 1) * max L``.
    - row-streaming: a layer starts when the rows of its kernel are there, and transfers hide
      behind conversions: the critical path of those rows and ``T * max L``.

    Args:
        w: N networks.
        m: Where they lie.
        step_ns: Time of one step of each layer, ``(L, N)``.
        transfer_ns: Of that, buffers and wires.
    """
    steps, schedule = w.time_steps * 1.0, m.options.schedule
    once = w.steps == 1
    static = once & (steps > 1) if once.any() else once
    every, still = step_ns, np.zeros(len(steps))
    if static.any():
        every = np.where(static, 0.0, step_ns)
        still = row_sum(step_ns - every)
    slowest = every.max(axis=0)
    slowest_ever = (step_ns * once).max(axis=0) if once.any() else slowest
    latency = still + steps * row_sum(every)
    interval = latency
    if (schedule != LAYER_SERIAL).any():
        first = critical_path(w, step_ns)
        again = first if every is step_ns else critical_path(w, every)
        latency = np.where(schedule == STEP_SERIAL, first + (steps - 1.0) * again, latency)
        latency = np.where(schedule == PIPELINED, first + (steps - 1.0) * slowest, latency)
        per_result = np.maximum(steps * slowest, slowest_ever)
        interval = np.where(schedule == PIPELINED, per_result, latency)
    if (schedule == ROW_STREAMING).any():
        filled, slowest = _streamed(w, m.kernel, step_ns - transfer_ns, transfer_ns, static)
        latency = np.where(schedule == ROW_STREAMING, still + filled + steps * slowest, latency)
        per_result = np.maximum(steps * slowest, slowest_ever)
        interval = np.where(schedule == ROW_STREAMING, per_result, interval)
    return latency, np.minimum(interval, latency)


def _streamed(
    w: Workload, kernel: Floats, work_ns: Floats, transfer_ns: Floats, static: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return when streaming layers have filled, and the slowest one's step, ``(N,)`` each."""
    streamed = np.maximum(work_ns, transfer_ns)
    if static.any():
        streamed = np.where(static, 0.0, streamed)
    rows = np.minimum(kernel / np.maximum(w.out_height, 1), 1.0)
    return critical_path(w, streamed * rows), streamed.max(axis=0)


def critical_path(w: Workload, step_ns: Floats) -> Floats:
    """Return the longest chain of layers that wait for each other, ``(N,)``."""
    finished: dict[str, Floats] = {}
    longest = np.zeros(step_ns.shape[1])
    if all(slot.after == (before.name,) for before, slot in pairwise(w.slots)):
        return row_sum(step_ns)
    for slot, own in zip(w.slots, step_ns, strict=True):
        done = own
        if slot.after:
            done = own + np.maximum.reduce([finished[name] for name in slot.after])
        finished[slot.name] = done
        longest = np.maximum(longest, done)
    return longest
