"""Model ``cim``: what a spiking network costs on a crossbar chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
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
from neuronas.hardware.cim.terms import Sums, Term, by_component
from neuronas.hardware.cim.work import MatrixWork, SpikingWork, matrix_work, spiking_work
from neuronas.hardware.cost import Activity, Cost, Explanation, Floats, Parts

_CHUNK_CELLS = 16_384
"""Layers times networks that are costed at once: their arrays stay in a processor's cache."""

_HEAP = 2**21
"""Numbers that are allocated and freed once before chunks are costed.

The C library then keeps freed memory of arrays up to this size at hand; else every chunk would ask
the kernel for fresh pages, which takes longer than its arithmetic.
"""

_UM2_PER_MM2 = 1e6

_LAST: list[Technology] = []


@dataclass(frozen=True, slots=True)
class _Costed:
    """Everything that is known of a batch; ``(L, N)`` per layer, ``(N,)`` what belongs to none."""

    sums: Sums
    placement: Placement
    matrix: MatrixWork
    spiking: SpikingWork
    area_um2: list[Term]
    layers_um2: Floats
    shared_um2: dict[str, Floats]
    step_ns: dict[str, Floats]
    latency_ns: Floats
    interval_ns: Floats
    energy_pj: Iterable[Term]
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
        technology, activity = _technology(chip), activity or Activity()
        options = Options.of(technology.settings, choices)
        count, size = len(workload), max(1, _CHUNK_CELLS // max(1, len(workload.slots)))
        if count > size:
            np.empty(_HEAP)
        chunks = [slice(start, start + size) for start in range(0, count, size)]
        costs = [
            _cost(
                _networks(workload, chunk),
                technology,
                options.part(chunk),
                _part(activity, chunk),
            )
            for chunk in chunks
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
        terms = list(found.energy_pj)
        energies = by_component(terms)
        return Explanation(
            cost=_totals(workload, found, terms),
            energy_pj=_parts(energies, found.shared_pj),
            latency_ns=_latency_parts(workload, found),
            area_um2=_parts(by_component(found.area_um2), found.shared_um2),
            memory_bits=_memory(workload, found),
            figures=_figures(workload, found, technology),
            not_modelled=np.zeros(len(workload.slots), dtype=bool),
            warnings=warnings_of(workload, found.placement, technology, energies),
        )


def _technology(chip: Chip) -> Technology:
    """Return the constants of a chip; of the one asked for last, those that are known."""
    if not _LAST or _LAST[0].chip is not chip:
        _LAST[:] = [Technology(chip)]
    return _LAST[0]


def _networks(w: Workload, chunk: slice) -> Workload:
    if chunk.start == 0 and chunk.stop >= len(w):
        return w
    whole = {f.name: getattr(w, f.name) for f in fields(Workload) if f.name != "slots"}
    # Columns that are one array stay so: what is known of one is known of the other.
    parts = {id(values): values[..., chunk] for values in whole.values()}
    return replace(w, **{name: parts[id(values)] for name, values in whole.items()})


def _part(activity: Activity, chunk: slice) -> Activity:
    def part(values: float | Floats) -> float | Floats:
        return values if np.ndim(values) == 0 else np.asarray(values)[..., chunk]

    return Activity(part(activity.spike_rate), part(activity.zero_rows))


def _costed(w: Workload, t: Technology, options: Options, activity: Activity) -> _Costed:
    s, sums = t.settings, Sums(len(w))
    m = place(w, s, options, activity, t["cell_current_beyond_4_bits"])
    matrix, spiking = matrix_work(w, m, activity.zero_rows), spiking_work(w, m)
    held, store = area.buffer_bits(spiking, m, w.time_steps)
    membranes, membrane = area.membrane_bits(spiking, m)
    bit = t["area_memory_bit"]
    core = [*area.core_terms(m, t), Term("input buffers", held, t["area_buffer_bit"])]
    beside = [Term("membranes", membranes, bit), *area.spiking_terms(spiking, m, t)]
    core_um2 = sums.of_terms(core)
    layers_um2 = core_um2 + sums.of_terms(beside)
    wires = area.wire_area_um2(m, core_um2, sums, t)
    shared = {"wires": wires, "membranes": membrane * bit, "spike store": store * bit}
    # Wires reach over what computes; the store of spikes stands aside.
    chip_um2 = layers_um2 + wires + membrane * bit
    step, hidden_ns = timing.layer_parts(w, m, spiking.neurons, t, chip_um2)
    transfer_ns = step["buffers"] + step["wires"]
    step_ns = step["conversions"] + step["row selection"] + step["accumulation"]
    step_ns = step_ns + transfer_ns + step["neurons and pooling"]
    latency, interval = timing.schedule_ns(w, m, step_ns, transfer_ns)
    chip_mm = np.sqrt(chip_um2 / _UM2_PER_MM2)
    leaking_ns = latency + sums.of(hidden_ns * w.steps)
    energies = chain(
        energy.matrix_terms(m, matrix, t, chip_mm),
        energy.spiking_terms(spiking, w.steps, w.time_steps, m, t),
        energy.leakage_terms(m, beside, t, chip_mm, leaking_ns),
    )
    memory_mw = t["power_leakage_memory"] / _UM2_PER_MM2
    return _Costed(
        sums=sums,
        placement=m,
        matrix=matrix,
        spiking=spiking,
        area_um2=[*core, *beside],
        layers_um2=layers_um2,
        shared_um2=shared,
        step_ns=step,
        latency_ns=latency,
        interval_ns=interval,
        energy_pj=energies,
        shared_pj={"leakage": membrane * bit * memory_mw * latency},
    )


def _cost(w: Workload, t: Technology, options: Options, activity: Activity) -> Cost:
    found = _costed(w, t, options, activity)
    return _totals(w, found, found.energy_pj)


def _totals(w: Workload, found: _Costed, energies: Iterable[Term]) -> Cost:
    m, sums = found.placement, found.sums
    tiles, capacity = sums.of(m.tiles), m.settings.tiles
    return Cost(
        energy_pj=sums.of_terms(energies) + sum(found.shared_pj.values()),
        latency_ns=found.latency_ns,
        interval_ns=found.interval_ns,
        area_um2=found.layers_um2 + sum(found.shared_um2.values()),
        parameters=w.total_parameters(),
        memory_bits=w.parameter_bits(),
        num_pe=sums.of(m.pe),
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
    alone = np.asarray(sum(steps.values()))[:, 0] * w.steps[:, 0]
    whole = alone.sum()
    latency = float(found.latency_ns[0])
    factor = latency / whole if whole else 0.0
    return Parts({name: values[:, 0] * w.steps[:, 0] * factor for name, values in steps.items()})


def _memory(w: Workload, found: _Costed) -> dict[str, float]:
    m, s = found.placement, found.placement.settings
    held, store = area.buffer_bits(found.spiking, m, w.time_steps)
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
    needed = lossless_bits(w, m, s)
    return {
        "pe": m.pe[:, 0],
        "crossbars": m.crossbars[:, 0],
        "utilization": (used / np.maximum(cells, 1.0))[:, 0],
        "replicas": np.where(m.copies > 0, m.replicas, 0.0)[:, 0],
        "conversions": _conversions(found),
        "lossless_adc_bits": needed[:, 0],
    }


def _conversions(found: _Costed) -> Floats:
    x, signs = found.matrix, found.placement.settings.signed_weights
    return (x.column_reads + x.block_reads if signs == "offset" else x.column_reads)[:, 0]


MODEL = Cim()
