"""Model ``cim``: what a spiking network costs on a crossbar chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from neuronas.architecture import Workload
from neuronas.errors import HardwareModelError
from neuronas.hardware.chip import Chip
from neuronas.hardware.cim import batch
from neuronas.hardware.cim.batch import Ledger
from neuronas.hardware.cim.checks import (
    lossless_bits,
    require_quantized,
    require_same_current_bits,
    require_steps_in_order,
    warnings_of,
)
from neuronas.hardware.cim.compiled import numbers_of
from neuronas.hardware.cim.inputs import (
    Columns,
    design_of,
    empty_table,
    fill_table,
    graph_of,
    prices_of,
    whole_lanes,
)
from neuronas.hardware.cim.quantities import (
    AREA,
    ENERGY,
    TIMES,
    AreaPrices,
    EnergyPrices,
    charges,
)
from neuronas.hardware.cim.settings import CHOICES, MAPPINGS, MOST, SCHEDULES, CimSettings
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cost import Activity, Cost, Explanation, Floats, Parts


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
        described = _described(chip)
        found = _costed(workload, described, activity or Activity(), choices)
        return _cost(workload, found.totals, described.technology.settings)

    def explain(
        self, workload: Workload, chip: Chip, *, activity: Activity | None = None
    ) -> Explanation:
        """Return the cost of the one network of the workload, taken apart."""
        described = _described(chip)
        found = _costed(workload, described, activity or Activity(), None, explained=True)
        t = described.technology
        amounts, whole = found.ledger.amounts[1:], found.ledger.network
        energies = _by_component(charges(EnergyPrices, ENERGY), amounts, found.ledger.energy_priced)
        needed = lossless_bits(workload, found.ledger.matrices["rows"][:, 0], t.settings)
        return Explanation(
            cost=_cost(workload, found.totals, t.settings),
            energy_pj=Parts(energies, {"leakage": float(whole.leakage_pj[0])}),
            latency_ns=_latency_parts(workload, found),
            area_um2=Parts(
                _by_component(charges(AreaPrices, AREA), amounts, found.ledger.area_priced),
                {
                    "wires": float(whole.wires_um2[0]),
                    "membranes": float(whole.membranes_um2[0]),
                    "spike store": float(whole.store_um2[0]),
                },
            ),
            memory_bits=_memory(workload, found, t.settings),
            figures=_figures(found.ledger, t.settings) | {"lossless_adc_bits": needed},
            not_modelled=np.zeros(len(workload.slots), dtype=bool),
            warnings=warnings_of(workload, needed, t, energies),
        )


CHUNK = 2048
"""Networks that are costed at once: what is read of them stays in the last cache of a processor."""


class Described(NamedTuple):
    """A chip as numbers."""

    technology: Technology
    design: NDArray[Any]
    prices: NDArray[Any]


@lru_cache(maxsize=32)
def _described(chip: Chip) -> Described:
    technology = Technology(chip)
    return Described(technology, design_of(technology.settings), prices_of(technology))


class Costed(NamedTuple):
    """Costs of all networks, ``(len(TOTALS), N)``, and what those of the last are made of."""

    ledger: Ledger
    totals: Floats


def _costed(
    w: Workload,
    chip: Described,
    activity: Activity,
    choices: Mapping[str, NDArray[Any]] | None,
    *,
    explained: bool = False,
) -> Costed:
    require_quantized(w)
    require_same_current_bits(w, chip.technology.settings)
    chosen, graph = _choices(chip.technology.settings, choices or {}, w), graph_of(w)
    require_steps_in_order(w, chosen[list(CHOICES).index("schedule"), : len(w)])
    ledger = batch.empty_ledger(len(w.slots), explained=explained)
    totals = np.empty((len(batch.TOTALS), whole_lanes(len(w))))
    columns = Columns.of(w, activity)
    table = empty_table(columns, min(len(w), CHUNK))
    for start in range(0, len(w), CHUNK):
        fill_table(table, columns, slice(start, start + CHUNK))
        batch.cost_networks(totals, table, chosen, start, graph, chip.design, chip.prices, ledger)
    return Costed(ledger, totals[:, : len(w)])


def _choices(s: CimSettings, chosen: Mapping[str, NDArray[Any]], w: Workload) -> Floats:
    """Return the numbers of :class:`Choice`, of the chip or of each network, and time steps.

    Shape ``(6, N)``; the last network is repeated to fill all lanes.
    """
    settings = {
        "columns_per_adc": s.columns_per_adc,
        "pe_per_tile": s.pe_per_tile or 0,
        "columns": s.columns,
        "mapping": MAPPINGS.index(s.mapping),
        "schedule": SCHEDULES.index(s.schedule),
    }
    unknown = set(chosen) - set(settings)
    if unknown:
        raise HardwareModelError(
            f"'{min(unknown)}' is no choice per network; allowed: {', '.join(settings)}"
        )
    numbers = np.empty((len(settings) + 1, whole_lanes(len(w))))
    found = numbers[:, : len(w)]
    for place, (name, value) in enumerate(settings.items()):
        try:
            found[place] = chosen.get(name, value)
        except (TypeError, ValueError):
            raise HardwareModelError(
                f"choice '{name}': found shape {np.shape(chosen[name])} of "
                f"{np.asarray(chosen[name]).dtype}; allowed: a number for all {len(w)} networks, "
                "or one for each"
            ) from None
    if chosen:
        _require_possible(tuple(settings), found[:-1])
    found[-1] = w.time_steps
    numbers[:, len(w) :] = found[:, -1:]
    return numbers


_LEAST = np.array([1, 0, 1, 0, 0])[:, None]
_MOST = np.array([MOST, MOST, MOST, len(MAPPINGS) - 1, len(SCHEDULES) - 1])[:, None]
"""Of what networks may choose, in the order of ``CHOICES``; the last two are indices."""


def _require_possible(names: tuple[str, ...], values: Floats) -> None:
    """Check what networks choose, ``(choices, N)``."""
    possible = (values >= _LEAST) & (values <= _MOST)
    if possible.all():
        return
    place, network = (int(found[0]) for found in np.nonzero(~possible))
    raise HardwareModelError(
        f"network {network}: {names[place]} is {values[place, network]:g}; allowed: "
        f"{_LEAST[place, 0]} to {_MOST[place, 0]}"
    )


def _cost(w: Workload, totals: Floats, s: CimSettings) -> Cost:
    found = dict(zip(batch.TOTALS, totals, strict=True))
    tiles = found["num_tiles"]
    return Cost(
        parameters=w.total_parameters(),
        memory_bits=w.parameter_bits(),
        fits=np.ones(len(w), dtype=bool) if s.tiles is None else tiles <= s.tiles,
        **found,
    )


def _by_component(
    charged: list[tuple[str, str]], amounts: NDArray[Any], prices: Floats
) -> dict[str, Floats]:
    """Return what each layer takes of every component, ``(L,)``."""
    parts: dict[str, Floats] = {}
    for (component, quantity), price in zip(charged, prices, strict=True):
        part = amounts[quantity][:, 0] * price[0]
        parts[component] = parts[component] + part if component in parts else part
    return parts


def _latency_parts(w: Workload, found: Costed) -> Parts:
    """Return what each layer adds to the latency; what overlaps is counted once, by share."""
    alone = numbers_of(found.ledger.times)[:, : len(TIMES), 0] * w.steps[:, :1]
    alone[:, TIMES.index("wires")] *= found.ledger.network.reach[0]
    whole = alone.sum()
    factor = found.totals[batch.TOTALS.index("latency_ns"), 0] / whole if whole else 0.0
    return Parts({name: alone[:, part] * factor for part, name in enumerate(TIMES)})


def _memory(w: Workload, found: Costed, s: CimSettings) -> dict[str, float]:
    sums = found.ledger.amounts[0]
    parts = {
        "parameters": w.parameter_bits()[0],
        "weights": (w.weights * w.weight_bits).sum(),
        "stored cells, padding included": sums.crossbars[0] * s.rows * s.columns * s.cell_bits,
        "membrane potentials": sums.membrane_bits[0] + found.ledger.network.membrane_bits[0],
        "input buffers": sums.buffer_bits[0],
        "spike store": found.ledger.network.store_bits[0],
        "waiting currents": sums.waiting[0] * s.current_bits,
    }
    on_chip = sum(parts[name] for name in list(parts)[2:])
    return {name: float(bits) for name, bits in {**parts, "on chip in all": on_chip}.items()}


def _figures(ledger: Ledger, s: CimSettings) -> dict[str, Floats]:
    names = ("pe", "crossbars", "used_cells", "column_reads", "block_reads")
    pe, crossbars, used, columns, blocks = (ledger.amounts[name][1:, 0] for name in names)
    sides = (ledger.matrices[name][:, 0] for name in ("rows", "columns", "parallel", "copies"))
    cells = np.prod(tuple(sides), axis=0)
    return {
        "pe": pe,
        "crossbars": crossbars,
        "utilization": used / np.maximum(crossbars * s.rows * s.columns, 1.0),
        "replicas": used / np.maximum(cells, 1.0),
        "conversions": columns + blocks if s.signed_weights == "offset" else columns,
    }


MODEL = Cim()
