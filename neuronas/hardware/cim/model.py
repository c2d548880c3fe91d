"""Model ``cim``: what a spiking network costs on a crossbar chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from neuronas.architecture import Workload
from neuronas.hardware.chip import Chip
from neuronas.hardware.cim import area, energy, timing
from neuronas.hardware.cim.checks import lossless_bits, warnings_of
from neuronas.hardware.cim.mapping import Options, Placement, place
from neuronas.hardware.cim.settings import CHOICES, CimSettings
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cim.work import MatrixWork, SpikingWork, matrix_work, spiking_work
from neuronas.hardware.cost import Activity, Cost, Explanation, Floats, Parts, total

_CHUNK_CELLS = 16_384
"""Layers times networks that are costed at once: their arrays stay in a processor's cache."""

_UM2_PER_MM2 = 1e6


@dataclass(frozen=True, slots=True)
class _Costed:
    """Everything that is known of a batch; ``(L, N)`` per layer, ``(N,)`` what belongs to none."""

    placement: Placement
    matrix: MatrixWork
    spiking: SpikingWork
    area_um2: dict[str, Floats]
    shared_um2: dict[str, Floats]
    step_ns: dict[str, Floats]
    latency_ns: Floats
    interval_ns: Floats
    energy_pj: dict[str, Floats]
    shared_pj: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Cim:
    """The parametric model of a compute-in-memory chip for spiking networks."""

    name: str = "cim"
    settings: type[BaseModel] = CimSettings
    leaves_out: tuple[str, ...] = (
        "off-chip memory",
        "programming of weights",
        "clock distribution",
        "leakage of the spike store, whose banks are taken to be switched off when empty",
    )

    @property
    def choices(self) -> Mapping[str, tuple[Any, ...] | None]:
        """Settings that a study may search."""
        return CHOICES

    def cost(
        self,
        workload: Workload,
        chip: Chip,
        *,
        activity: Activity | None = None,
        choices: Mapping[str, NDArray[Any]] | None = None,
    ) -> Cost:
        """Return the cost of every network of the workload.

        Raises:
            HardwareModelError: The chip is another model's, or a layer cannot be costed.
        """
        technology, activity = Technology(chip), activity or Activity()
        options = Options.of(technology.settings, choices)
        count, size = len(workload), max(1, _CHUNK_CELLS // max(1, len(workload.slots)))
        chunks = [slice(start, start + size) for start in range(0, count, size)]
        costs = [
            _totals(part, _costed(part, technology, options.part(chunk), _part(activity, chunk)))
            for chunk in chunks
            for part in [_networks(workload, chunk)]
        ]
        if len(costs) == 1:
            return costs[0]
        names = [field.name for field in fields(Cost)]
        return Cost(**{name: np.concatenate([getattr(c, name) for c in costs]) for name in names})

    def explain(
        self, workload: Workload, chip: Chip, *, activity: Activity | None = None
    ) -> Explanation:
        """Return the cost of the one network of the workload, taken apart."""
        technology, activity = Technology(chip), activity or Activity()
        options = Options.of(technology.settings, None)
        found = _costed(workload, technology, options, activity)
        return Explanation(
            cost=_totals(workload, found),
            energy_pj=_parts(found.energy_pj, found.shared_pj),
            latency_ns=_latency_parts(workload, found),
            area_um2=_parts(found.area_um2, found.shared_um2),
            memory_bits=_memory(workload, found),
            figures=_figures(workload, found, technology),
            not_modelled=np.zeros(len(workload.slots), dtype=bool),
            warnings=warnings_of(workload, found.placement, technology, found.energy_pj),
        )


def _networks(w: Workload, chunk: slice) -> Workload:
    if chunk.start == 0 and chunk.stop >= len(w):
        return w
    arrays = {f.name: getattr(w, f.name)[..., chunk] for f in fields(Workload) if f.name != "slots"}
    return replace(w, **arrays)


def _part(activity: Activity, chunk: slice) -> Activity:
    def part(values: float | Floats) -> float | Floats:
        return values if np.ndim(values) == 0 else np.asarray(values)[..., chunk]

    return Activity(part(activity.spike_rate), part(activity.zero_rows))


def _sum(parts: Iterable[Floats], shape: tuple[int, ...]) -> Floats:
    result = np.zeros(shape)
    for values in parts:
        result += values
    return result


def _costed(w: Workload, t: Technology, options: Options, activity: Activity) -> _Costed:
    shape, s = w.kind.shape, t.settings
    m = place(w, s, options, activity, t["cell_current_beyond_4_bits"])
    matrix, spiking = matrix_work(w, m, activity.zero_rows), spiking_work(w, s)
    held, store = area.buffer_bits(spiking, m, w.time_steps.astype(np.float64))
    membranes, membrane = area.membrane_bits(spiking, m)
    bit = t["area_memory_bit"]
    areas = dict(area.core_parts(m, t)) | {"input buffers": held * t["area_buffer_bit"]}
    core = _sum(areas.values(), shape)
    layers = (m.copies > 0).sum(axis=0) * 1.0
    wires, per_crossbar = area.wire_area_um2(m, layers, core, t)
    areas |= {"membranes": membranes * bit} | dict(area.spiking_parts(spiking, m, t))
    own = _sum(areas.values(), shape)
    shared = {"wires": wires, "membranes": membrane * bit, "spike store": store * bit}
    # Wires reach over what computes; the store of spikes stands aside.
    chip_um2 = total(own) + wires + membrane * bit
    step = timing.layer_parts(w, m, t, chip_um2)
    step_ns = _sum(step.values(), shape)
    latency, interval = timing.schedule_ns(w, m, step_ns, step["buffers"] + step["wires"])
    tile_mm = m.side * np.sqrt(m.parallel * per_crossbar / _UM2_PER_MM2)
    chip_mm = np.sqrt(chip_um2 / _UM2_PER_MM2)
    steps = w.steps * 1.0
    energies = {
        name: values * steps
        for name, values in (
            *energy.matrix_parts(m, matrix, t, chip_mm, tile_mm),
            *energy.spiking_parts(spiking, m, t),
        )
    }
    # A layer leaks while others work; while it works itself, switching energy contains it.
    saved_ns = total(timing.sliced_ns(m, step) * steps)
    idle_ns = np.maximum(latency + saved_ns - step_ns * steps, 0.0)
    memory_mw = t["power_leakage_memory"] / _UM2_PER_MM2
    spiking_um2 = own - core
    energies["leakage"] = idle_ns * (energy.leakage_mw(m, t, chip_mm) + spiking_um2 * memory_mw)
    return _Costed(
        placement=m,
        matrix=matrix,
        spiking=spiking,
        area_um2=areas,
        shared_um2=shared,
        step_ns=step,
        latency_ns=latency,
        interval_ns=interval,
        energy_pj=energies,
        shared_pj={"leakage": membrane * bit * memory_mw * latency},
    )


def _totals(w: Workload, found: _Costed) -> Cost:
    shape, m = w.kind.shape, found.placement
    tiles, capacity = total(m.tiles), m.settings.tiles
    return Cost(
        energy_pj=total(_sum(found.energy_pj.values(), shape)) + sum(found.shared_pj.values()),
        latency_ns=found.latency_ns,
        interval_ns=found.interval_ns,
        area_um2=total(_sum(found.area_um2.values(), shape)) + sum(found.shared_um2.values()),
        parameters=w.total_parameters(),
        memory_bits=w.parameter_bits(),
        num_pe=total(m.pe),
        num_tiles=tiles,
        fits=np.ones(len(w), dtype=bool) if capacity is None else tiles <= capacity,
    )


def _parts(layers: dict[str, Floats], shared: dict[str, Floats]) -> Parts:
    return Parts(
        {name: values[:, 0] for name, values in layers.items()},
        {name: float(np.ravel(values)[0]) for name, values in shared.items()},
    )


def _latency_parts(w: Workload, found: _Costed) -> Parts:
    """Return what each layer adds to the latency; what overlaps is counted once, by share."""
    steps = found.step_ns
    alone = _sum(steps.values(), w.kind.shape)[:, 0] * w.steps[:, 0]
    whole = alone.sum()
    latency = float(found.latency_ns[0])
    factor = latency / whole if whole else 0.0
    return Parts({name: values[:, 0] * w.steps[:, 0] * factor for name, values in steps.items()})


def _memory(w: Workload, found: _Costed) -> dict[str, float]:
    m, s = found.placement, found.placement.settings
    held, store = area.buffer_bits(found.spiking, m, w.time_steps.astype(np.float64))
    membranes, membrane = area.membrane_bits(found.spiking, m)
    cells = m.crossbars.sum() * s.rows * float(m.options.columns) * s.cell_bits
    parts = {
        "parameters": float(w.parameter_bits()[0]),
        "weights": float((w.weights * w.weight_bits).sum()),
        "stored cells, padding included": float(cells),
        "membrane potentials": float(membranes.sum() + membrane.sum()),
        "input buffers": float(held.sum()),
        "spike store": float(store.sum()),
        "waiting currents": float((found.spiking.waiting * s.current_bits).sum()),
    }
    on_chip = sum(parts[name] for name in list(parts)[2:])
    return parts | {"on chip in all": on_chip}


def _figures(w: Workload, found: _Costed, t: Technology) -> dict[str, Floats]:
    m, s = found.placement, t.settings
    cells = m.crossbars * s.rows * float(m.options.columns)
    used = m.rows * m.columns * m.parallel * m.copies * m.replicas
    needed = lossless_bits(m, s)
    return {
        "pe": m.pe[:, 0],
        "crossbars": m.crossbars[:, 0],
        "utilization": (used / np.maximum(cells, 1.0))[:, 0],
        "replicas": np.where(m.copies > 0, m.replicas, 0.0)[:, 0],
        "conversions": found.matrix.conversions[:, 0] * w.steps[:, 0],
        "lossless_adc_bits": needed[:, 0],
    }


MODEL = Cim()
