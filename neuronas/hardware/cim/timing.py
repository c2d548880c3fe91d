"""Time: one step of a layer, and the schedules of layers and steps; ns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neuronas.architecture import Workload
from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.settings import SCHEDULES
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cost import Floats, total

_SIDE = 64.0
"""Side of the crossbar that constants of columns and wires belong to."""

_WIDE_PE = 4.0
"""Crossbars along a PE from which on its port is no wider."""

LAYER_SERIAL, STEP_SERIAL, PIPELINED, ROW_STREAMING = range(len(SCHEDULES))


def read_ns(t: Technology) -> float:
    """Return the time of one conversion: columns settle, then b SAR steps or one comparison."""
    s = t.settings
    sense = t[f"time_sense_{s.device}"] * (s.rows / _SIDE) ** 0.2
    return float(sense + (t["time_sar_bit"] * s.adc_bits if s.adc == "sar" else t["time_flash"]))


def _stages(operands: Floats) -> Floats:
    """Return the depth of an adder tree."""
    return np.ceil(np.log2(np.maximum(operands, 1.0)))


def layer_parts(w: Workload, m: Placement, t: Technology, area_um2: Floats) -> dict[str, Floats]:
    """Return the time of one step of each layer by component, ``(L, N)``, in ns.

    Conversions, additions and transfers follow each other, in periods of one conversion; an adder
    of v bits takes ``ceil(v * time_adder_bit)`` periods. Neurons and pooling take one addition per
    position, all channels at once.
    """
    s, o = m.settings, m.options
    clock = read_ns(t)
    slices, width = np.maximum(m.slices, 1.0), s.adc_bits + m.slices
    reads = m.positions / m.replicas
    rounds = np.ceil(o.columns_per_adc / slices)
    delay = t["time_adder_bit"]
    along = np.where(m.by_position, m.side, np.minimum(m.side, 4.0))
    in_pe = _stages(np.minimum(m.row_blocks, along))
    pe_clocks = in_pe * np.ceil(delay * (width + 0.5 * np.maximum(in_pe - 1.0, 0.0)))
    inner = np.where(
        m.by_position,
        m.kernel_area,
        np.minimum(np.ceil(m.row_blocks / along), m.side / along),
    )
    in_tile, tile_width = _stages(inner), width + np.log2(along)
    tile_clocks = in_tile * np.ceil(delay * (tile_width + 0.5 * np.maximum(in_tile - 1.0, 0.0)))
    between = _stages(m.row_tiles)
    grown = tile_width + np.where(m.by_position, in_tile, np.log2(m.side / along))
    chip_clocks = between * np.ceil(delay * (grown + 0.5 * np.maximum(between - 1.0, 0.0)))
    adders = _adders(m) * o.columns / o.columns_per_adc
    places = w.out_height * w.out_width * (m.copies > 0)
    sliced = np.where(m.slices > 1, o.columns_per_adc, 0.0)
    sums = reads * (sliced + rounds * pe_clocks) + places * rounds * tile_clocks
    sums = sums + places * np.ceil(m.columns / np.maximum(adders, 1.0)) * chip_clocks
    out = np.minimum(m.outputs, m.side * o.columns / slices)
    into = np.minimum(m.rows, m.side * s.rows)
    flat = ~m.by_position
    buffers = np.where(
        flat,
        places * out * t["time_buffer_out"] + m.positions * into * t["time_buffer_in"],
        (places * out + m.positions * into)
        / m.kernel_area
        * (_WIDE_PE / np.minimum(m.side, _WIDE_PE)) ** 0.75  # a small PE has a narrow port
        * t["time_buffer_position"],
    )
    far = (_SIDE / o.columns) ** 0.75 * (area_um2 * 1e-6) ** 0.15
    wires = np.where(
        flat, places * out * t["time_wire_out"], m.positions * into * t["time_wire_in"]
    )
    unit = np.ceil(delay * s.membrane_bits) * clock
    outside = (w.neurons > 0) | ((m.copies == 0) & (w.out_channels > 0))
    return {
        "conversions": reads * o.columns_per_adc * clock,
        "row selection": reads * o.columns_per_adc * (t["time_select"] * clock),
        "accumulation": sums * clock,
        "buffers": buffers * clock,
        "wires": wires * far * clock,
        "neurons and pooling": np.where(outside, w.out_height * w.out_width * unit, 0.0),
    }


def sliced_ns(m: Placement, step_ns: Mapping[str, Floats]) -> Floats:
    """Return the time of additions that slicing weights over columns saves, ``(L, N)``.

    Slices are added before anything else, so later adders take fewer rounds. Leakage is charged
    as if they did not: else a chip would lose energy by storing fewer bits.
    """
    rounds = np.ceil(m.options.columns_per_adc / np.maximum(m.slices, 1.0))
    return step_ns["accumulation"] * (m.options.columns_per_adc / rounds - 1.0)


def _adders(m: Placement) -> Floats:
    """Return the crossbars along the PEs that the chip's adders are as wide as, ``(N,)``."""
    here = m.copies > 0
    by_position = np.where(m.by_position & here, m.side, 0.0).max(axis=0)
    flat = np.where(~m.by_position & here, m.side, 0.0).max(axis=0)
    return np.asarray(by_position + flat)


def schedule_ns(
    w: Workload, m: Placement, step_ns: Floats, transfer_ns: Floats
) -> tuple[Floats, Floats]:
    """Return latency and the time between results, ``(N,)`` each.

    With L the time of one step of a layer, T the time steps, and layers whose input never changes
    computed once:

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
    steps = w.time_steps * 1.0
    once = np.where(w.steps == 1, step_ns, 0.0)
    every = np.where((w.steps == 1) & (steps > 1), 0.0, step_ns)
    still = total(np.where((w.steps == 1) & (steps > 1), once, 0.0))
    streamed = np.maximum(step_ns - transfer_ns, transfer_ns)
    streamed = np.where((w.steps == 1) & (steps > 1), 0.0, streamed)
    first = streamed * np.minimum(np.maximum(w.kernel, 1) / np.maximum(w.out_height, 1), 1.0)
    slowest, fastest = every.max(axis=0), streamed.max(axis=0)
    path = critical_path(w, every)
    schedule = m.options.schedule
    latency = np.select(
        [schedule == LAYER_SERIAL, schedule == STEP_SERIAL, schedule == PIPELINED],
        [
            still + steps * total(every),
            still + steps * path,
            still + path + (steps - 1.0) * slowest,
        ],
        still + critical_path(w, first) + steps * fastest,
    )
    slowest_ever = np.maximum(once.max(axis=0), 0.0)
    interval = np.select(
        [schedule <= STEP_SERIAL, schedule == PIPELINED],
        [latency, np.maximum(steps * slowest, slowest_ever)],
        np.maximum(steps * fastest, slowest_ever),
    )
    return latency, interval


def critical_path(w: Workload, step_ns: Floats) -> Floats:
    """Return the longest chain of layers that wait for each other, ``(N,)``."""
    finished: dict[str, Floats] = {}
    longest = np.zeros(step_ns.shape[1])
    for slot, own in zip(w.slots, step_ns, strict=True):
        done = own
        if slot.after:
            done = own + np.maximum.reduce([finished[name] for name in slot.after])
        finished[slot.name] = done
        longest = np.maximum(longest, done)
    return longest
