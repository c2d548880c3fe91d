"""Fitting the constants of model ``cim`` anew without a chip's cases: does the physics carry over?

Areas, energies and times of a component double where all its constants do, so they are the sum of
what each constant contributes: its value times what one more unit of it would add. Constants are
fitted to the simulator's figure of that component, by log error; what was read off exactly and
exponents of nodes stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuronas.benchmarks.agreement import METRICS, Agreement, Case, compared
from neuronas.hardware import Activity, Chip, Explanation, Parts, hardware_model

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Component:
    """A component that the simulator reports, and the constants that make it.

    Attributes:
        quantity: ``area_um2``, ``latency_ns`` or ``energy_pj``.
        parts: Our parts that it comprises.
        simulated: The simulator's figures: the first less the others.
        constants: What is fitted; a name that ends in ``_`` is that of RRAM cells.
    """

    quantity: str
    parts: tuple[str, ...]
    simulated: tuple[str, ...]
    constants: tuple[str, ...]


COMPONENTS = (
    Component(
        "area_um2",
        ("shift-add", "accumulation"),
        ("area_accumulation_um2",),
        ("area_shift_add_bit", "area_adder_pe_bit", "area_adder_tile_bit", "area_accumulator_bit"),
    ),
    Component(
        "area_um2",
        ("drivers and multiplexers", "tile control", "input buffers"),
        ("area_other_um2",),
        ("area_row_", "area_row_multiplexer", "area_tile", "area_buffer_bit"),
    ),
    Component(
        "area_um2",
        ("wires",),
        ("area_interconnect_um2",),
        ("area_wire_column", "area_wire_column2", "area_wire_tile"),
    ),
    Component(
        "latency_ns",
        ("buffers",),
        ("latency_buffer_ns",),
        ("time_buffer_out", "time_buffer_in", "time_buffer_position"),
    ),
    Component(
        "latency_ns", ("wires",), ("latency_interconnect_ns",), ("time_wire_in", "time_wire_out")
    ),
    Component(
        "latency_ns",
        ("row selection",),
        ("latency_other_ns", "latency_buffer_ns", "latency_interconnect_ns"),
        ("time_select",),
    ),
    Component(
        "energy_pj",
        ("converters", "cells"),
        ("energy_adc_array_pj",),
        ("energy_sar_bit", "power_cell_"),
    ),
    Component(
        "energy_pj",
        ("shift-add", "accumulation"),
        ("energy_accumulation_pj",),
        (
            "energy_shift_add_bit",
            "energy_adder_pe_bit",
            "energy_adder_tile_bit",
            "energy_adder_chip_bit",
        ),
    ),
    Component(
        "energy_pj",
        ("buffers",),
        ("energy_buffer_pj",),
        ("energy_buffer_read_bit", "energy_buffer_write_bit", "energy_buffer_pe_bit"),
    ),
    Component(
        "energy_pj",
        ("wires",),
        ("energy_interconnect_pj",),
        ("energy_wire_in_bit", "energy_wire_out_bit", "energy_wire_tile_bit"),
    ),
    Component(
        "energy_pj",
        ("rows and multiplexers", "outputs"),
        ("energy_other_pj", "energy_buffer_pj", "energy_interconnect_pj"),
        ("energy_row_", "energy_word_line", "energy_output"),
    ),
    Component(
        "energy_pj",
        ("leakage",),
        ("energy_leakage_pj",),
        ("power_leakage_crossbar_", "power_leakage_wire"),
    ),
)
"""Each is fitted by itself, its distances and times as shipped."""


def leave_one_chip_out(cases: Sequence[Case]) -> list[Agreement]:
    """Return the agreement over all cases, each costed with constants fitted without its chip.

    Cases of SRAM cells or flash converters are costed with the shipped constants of those, which
    no other chip determines.
    """
    keys = [case.key() for case in cases]
    shares = [[_shares(component, case) for case in cases] for component in COMPONENTS]
    modelled: dict[int, dict[str, float]] = {}
    for left_out in set(keys):
        factors: dict[str, float] = {}
        for component, rows in zip(COMPONENTS, shares, strict=True):
            kept = [row for row, key in zip(rows, keys, strict=True) if row and key != left_out]
            factors |= _fitted(component, kept)
        for index, case in enumerate(cases):
            if keys[index] == left_out:
                modelled[index] = _totals(_explained(case, factors))
    work = np.array([float(case.workload().macs.sum()) for case in cases])
    found: list[Agreement] = []
    for metric in METRICS:
        known = [i for i, case in enumerate(cases) if case.simulated()[metric] is not None]
        theirs = np.array([cases[i].simulated()[metric] for i in known], dtype=np.float64)
        ours = np.array([modelled[i][metric] for i in known])
        found.append(compared(metric, theirs, ours, work[known]))
    return found


Row = tuple[list[float], float]
"""What each constant of a component contributes to a case, and the simulator's figure."""


def _shares(component: Component, case: Case) -> Row | None:
    """Return a case's row of a component; None if it does not determine the constants."""
    figures = [getattr(case.result, name) for name in component.simulated]
    if None in figures or case.pipelined or case.device != "rram" or case.adc != "sar":
        return None
    target = figures[0] - sum(figures[1:])
    if target <= 0:
        return None
    shipped = _figure(component, case, {})
    names = [_of_rram(name) for name in component.constants]
    more = [_figure(component, case, {name: 1 + _SMALL}) for name in names]
    return [(value - shipped) / _SMALL for value in more], target


_SMALL = 2.0**-10
"""By which part a constant is raised to see what it contributes."""


def _figure(component: Component, case: Case, factors: dict[str, float]) -> float:
    parts: Parts = getattr(_explained(case, factors), component.quantity)
    by_component = parts.by_component()
    return sum(by_component[part] for part in component.parts)


def _of_rram(constant: str) -> str:
    return f"{constant}rram" if constant.endswith("_") else constant


def _fitted(component: Component, rows: Sequence[Row]) -> dict[str, float]:
    """Return factors on the shipped constants that fit the rows best, by name."""
    from scipy.optimize import least_squares

    shares, targets = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    used = shares.max(axis=0) > 0

    def error(logs: Floats) -> Floats:
        return np.asarray(np.log(shares[:, used] @ np.exp(logs)) - np.log(targets))

    start = np.zeros(int(used.sum()))
    found = least_squares(error, start, loss="soft_l1", f_scale=0.05, bounds=(-6.0, 6.0)).x
    names = [_of_rram(n) for n, present in zip(component.constants, used, strict=True) if present]
    return dict(zip(names, np.exp(found).tolist(), strict=True))


def _explained(case: Case, factors: dict[str, float]) -> Explanation:
    chip = case.chip()
    constants = dict(chip.constants)
    for name, factor in factors.items():
        constant = constants[name]
        constants[name] = constant.model_copy(update={"value": constant.value * factor})
    changed: Chip = replace(chip, constants=constants)
    model = hardware_model(chip.model)
    return model.explain(case.workload(), changed, activity=Activity(case.activity))


def _totals(found: Explanation) -> dict[str, float]:
    cost = found.cost
    return {
        "energy": float(cost.energy_pj[0]),
        "latency": float(cost.latency_ns[0]),
        "area": float(cost.area_um2[0]),
    }
