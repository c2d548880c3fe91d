"""The walk from SpikeSim's script over its corrections to another model: what each is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neuronas.hardware.chip import Chip
from neuronas.hardware.cost import DEFAULT_SPIKE_RATE
from neuronas.hardware.costing import Network, estimate
from neuronas.hardware.layer_list import LayerList
from neuronas.hardware.rates import SpikeRates
from neuronas.hardware.spikesim import CORRECTIONS, Correction


def walk(
    network: Network,
    chip: Chip,
    *,
    start: Chip,
    time_steps: int | None = None,
    spike_rate: SpikeRates = DEFAULT_SPIKE_RATE,
) -> list[dict[str, Any]]:
    """Return what a network costs by the script, by each correction in turn, and on ``chip``.

    Args:
        network: The network.
        chip: Where the walk ends: other physics and constants.
        start: A chip of model ``spikesim``.
        time_steps: Time steps in place of the network's own.
        spike_rate: Spike rates, which only the last step sees.

    Returns:
        One row per step: totals, and by which factor each changes.
    """
    places: list[tuple[str, Chip, str]] = [("script", start, "the published script")]
    done: tuple[Correction, ...] = ()
    for correction, what in CORRECTIONS.items():
        done = (*done, correction)
        corrected = start.settings.model_copy(update={"corrections": done})
        places.append((correction, replace(start, settings=corrected), what))
    places.append((chip.name, chip, f"model '{chip.model}': other physics and constants"))
    rows: list[dict[str, Any]] = []
    for step, place, what in places:
        given: Network = network
        if isinstance(network, LayerList) and place.model != start.model:
            given = network.model_copy(update={"clk_freq": None})  # only the script has a clock
        found = estimate(given, chip=place, time_steps=time_steps, spike_rate=spike_rate)
        row: dict[str, Any] = {
            "step": step,
            "what": what,
            "area_mm2": found.area_um2 / 1e6,
            "energy_uj": found.energy_pj / 1e6,
            "latency_ms": found.latency_ns / 1e6,
        }
        for name in ("area_mm2", "energy_uj", "latency_ms"):
            row[f"{name}_change"] = row[name] / rows[-1][name] if rows else None
        rows.append(row)
    return rows
