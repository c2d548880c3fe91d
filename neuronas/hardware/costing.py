"""Costing one network: a genotype, a layer list, or a file with either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from neuronas.architecture import Architecture, Networks, Workload, workload_of_layers
from neuronas.config import DEFAULT_CHIPS, Kind, read_yaml, validate
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware.chip import Chip
from neuronas.hardware.cost import DEFAULT_SPIKE_RATE, Activity, Explanation
from neuronas.hardware.layer_list import LayerList, Layers
from neuronas.hardware.models import hardware_model
from neuronas.hardware.quantities import presented
from neuronas.hardware.rates import SpikeRates, activity_of

Network = Architecture | LayerList | Layers


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of one network, with its parts and what they leave out.

    Attributes:
        chip: Chip, as costed.
        workload: Layer table, N = 1.
        activity: What the data does to the network.
        explanation: Totals and parts.
        memory_known: Whether weight bits are known, so that bits of memory can be told.
    """

    chip: Chip
    workload: Workload
    activity: Activity
    explanation: Explanation
    memory_known: bool

    @property
    def energy_pj(self) -> float:
        """Energy of one inference."""
        return float(self.explanation.cost.energy_pj[0])

    @property
    def latency_ns(self) -> float:
        """Latency of one inference."""
        return float(self.explanation.cost.latency_ns[0])

    @property
    def area_um2(self) -> float:
        """Chip area."""
        return float(self.explanation.cost.area_um2[0])

    @property
    def parameters(self) -> int:
        """Parameters; the classifier's included where the network has one."""
        return int(self.explanation.cost.parameters[0])

    @property
    def quantities(self) -> dict[str, float]:
        """Every quantity that a budget may limit, in its unit."""
        found = presented(self.explanation.cost, self.workload, self.activity)
        return {n: float(values[0]) for n, values in found.items()} | {
            "parameters": self.parameters
        }

    def known_quantities(self) -> dict[str, float | None]:
        """Return :attr:`quantities` without what made-up weight bits decide."""
        unknown = () if self.memory_known else ("memory_bytes", "bit_synops")
        return {n: None if n in unknown else value for n, value in self.quantities.items()}

    @property
    def not_modelled(self) -> list[str]:
        """Layers that energy, latency and area leave out."""
        return self.workload.names(self.explanation.not_modelled)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values, units in the names."""
        found = self.explanation
        cost = found.cost
        effects = found.leaves_out
        if effects is None:
            effects = hardware_model(self.chip.model).leaves_out
        return {
            "model": self.chip.model,
            "chip": self.chip.name,
            "settings": self.chip.settings.model_dump(mode="json"),
            "num_pe": int(cost.num_pe[0]),
            "num_tiles": int(cost.num_tiles[0]),
            "area_um2": self.area_um2,
            "energy_pj": self.energy_pj,
            "latency_ns": self.latency_ns,
            "interval_ns": float(cost.interval_ns[0]),
            "parameters": self.parameters,
            "memory_bits": int(cost.memory_bits[0]) if self.memory_known else None,
            "fits": bool(cost.fits[0]),
            "quantities": self.known_quantities(),
            "area_parts_um2": found.area_um2.by_component(),
            "energy_parts_pj": found.energy_pj.by_component(),
            "latency_parts_ns": found.latency_ns.by_component(),
            "memory_parts_bits": found.memory_bits if self.memory_known else {},
            "layers": layer_rows(self.workload, found),
            "not_modelled": {
                "layers": self.not_modelled,
                "effects": list(effects),
            },
            "warnings": [*found.warnings, *self._assumed_bits(effects)],
        }

    def _assumed_bits(self, effects: Sequence[str]) -> list[str]:
        """Return the warning that weight bits are made up, where they are and matter."""
        if self.memory_known or "weight bits" in effects:
            return []
        return [f"weight bits are not given: {self.workload.weight_bits.max()} are assumed"]


def layer_rows(workload: Workload, found: Explanation) -> list[dict[str, Any]]:
    """Return one row per layer that the network has, as JSON values."""
    energy, latency, area = (
        parts.by_layer() for parts in (found.energy_pj, found.latency_ns, found.area_um2)
    )
    return [
        {
            "layer": slot.name,
            "kind": Kind(int(workload.kind[row, 0])).name.lower(),
            "in_channels": int(workload.in_channels[row, 0]),
            "out_channels": int(workload.out_channels[row, 0]),
            "kernel": int(workload.kernel[row, 0]),
            "parameters": int(workload.parameters[row, 0]),
            "weight_bits": int(workload.weight_bits[row, 0]),
            "macs": int(workload.macs[row, 0]),
            "neurons": int(workload.neurons[row, 0]),
            **{name: float(values[row]) for name, values in found.figures.items()},
            "area_um2": float(area[row]),
            "energy_pj": float(energy[row]),
            "latency_ns": float(latency[row]),
            "modelled": not bool(found.not_modelled[row]),
        }
        for row, slot in enumerate(workload.slots)
        if workload.kind[row, 0] != Kind.NONE
    ]


def default_chip(model: str) -> str:
    """Return the chip of a model where none is named.

    Raises:
        HardwareModelError: There is no such model, or it is another package's.
    """
    hardware_model(model)
    if model not in DEFAULT_CHIPS:
        raise HardwareModelError(f"hardware model '{model}' has no default chip; name one")
    return DEFAULT_CHIPS[model]


def estimate(
    network: Network | str | Path,
    *,
    chip: str | Path | Mapping[str, Any] | Chip | None = None,
    model: str | None = None,
    time_steps: int | None = None,
    spike_rate: SpikeRates = DEFAULT_SPIKE_RATE,
    zero_rows: float = 0.0,
) -> Estimate:
    """Return what one network costs on a chip, per layer and in total.

    Args:
        network: An architecture, a list of layers, or the path of a JSON or YAML file with one.
        chip: A chip, the name of a preset, or the path of a chip file. Settings that a layer list
            in SpikeSim's names gives go first, and those that a trial chose, in its JSON.
        model: Hardware model; the chip's where None, ``cim`` where neither is given.
        time_steps: Time steps in place of the network's own.
        spike_rate: Spikes per neuron and time step: one number, or one per layer that fires.
        zero_rows: Share of a crossbar's reads without any spike, in [0, 1], for chips that skip
            them.

    Raises:
        ConfigError: A file is absent or wrong, or time steps or spike rates cannot be.
        GenotypeError: The network is not connected.
        HardwareModelError: Unknown model or chip, or a chip of another model.

    Example:
        >>> import neuronas
        >>> network = neuronas.Architecture(
        ...     input_shape=(1, 8, 8), classes=10, cell_a="0300 0030 0003 0000",
        ...     cell_b="0001 0000 0000 0000", channels=8,
        ... )
        >>> cost = neuronas.estimate(network, chip="spikesim-65nm-rram")
        >>> f"{cost.energy_pj / 1e6:.2f} uJ, {cost.area_um2 / 1e6:.2f} mm2"
        '1.06 uJ, 0.68 mm2'
        >>> cost.not_modelled
        ['reduction.pool', 'cell_b.0->3', 'classifier.pool', 'classifier.head']
    """
    if chip is None:
        chip = default_chip(model or "cim")
    made = chip if isinstance(chip, Chip) else Chip.of(chip)
    if model is not None and made.model != model:
        raise HardwareModelError(
            f"chip '{made.name}' describes hardware model '{made.model}', not '{model}'"
        )
    source = str(network) if isinstance(network, str | Path) else None
    found = read_network(Path(network)) if isinstance(network, str | Path) else network
    if isinstance(found, LayerList):
        made = found.on(made, source)
    if source is not None:
        made = made.changed(_chosen_on(made, Path(source)))
    workload = workload_of(found, time_steps)
    if not 0 <= zero_rows <= 1:
        raise ConfigError(f"zero_rows: found {zero_rows!r}; allowed: a number in [0, 1]")
    activity = replace(activity_of(workload, spike_rate), zero_rows=zero_rows)
    explanation = hardware_model(made.model).explain(workload, made, activity=activity)
    return Estimate(made, workload, activity, explanation, not isinstance(found, LayerList))


def _chosen_on(chip: Chip, path: Path) -> dict[str, Any]:
    """Return what a trial, as ``neuronas show --format json`` prints it, chose on its chip."""
    content = read_yaml(path)
    chosen = content.get("chip") if isinstance(content, dict) and "genotype" in content else None
    if not isinstance(chosen, dict):
        return {}
    return {name: v for name, v in chosen.items() if name in type(chip.settings).model_fields}


def workload_of(network: Network, time_steps: int | None = None) -> Workload:
    """Return the layer table of one network.

    Args:
        network: The network.
        time_steps: Time steps in place of the network's own.

    Raises:
        ConfigError: The network cannot be built, or the time steps cannot be.
    """
    if time_steps is not None:
        if not isinstance(time_steps, int) or time_steps < 1:
            raise ConfigError(f"time_steps: found {time_steps!r}; allowed: an integer, 1 or more")
        network = network.model_copy(update={"time_steps": time_steps})
    if isinstance(network, Architecture):
        return _table(network).copy()
    if isinstance(network, LayerList):
        return network.workload()
    return workload_of_layers([network.layers], network.time_steps)


@lru_cache(maxsize=16)
def _table(network: Architecture) -> Workload:
    # A worker asks for that of one network several times: at assumed and at measured spike rates.
    network.check()
    return Workload.of(Networks.of([network]))


def read_network(path: Path) -> Network:
    """Return the network in a file: a genotype, layers, or a layer list in SpikeSim's names.

    Raises:
        ConfigError: The file is absent or wrong, or its network cannot be built.
    """
    found = _network_in(path)
    try:
        workload_of(found)
    except ConfigError as error:
        raise type(error)(error.problems, source=str(path)) from None
    return found


def require_agreement(path: Path, chip: str) -> None:
    """Check that a file with a network says nothing else of the chip than the one named beside it.

    Only a layer list in SpikeSim's names says anything of a chip.

    Args:
        path: The file.
        chip: Name of a preset, or path of a chip file.

    Raises:
        ConfigError: They contradict each other; or a file is absent or wrong.
        HardwareModelError: There is no such chip.
    """
    network = read_network(path)
    if isinstance(network, LayerList):
        network.require_agreement(Chip.of(chip), str(path))


def _network_in(path: Path) -> Network:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(
            "found no mapping; expected a genotype (cell_a, cell_b, channels, ...), layers "
            "(layers: [{kind: conv, ...}, ...]) or a layer list in SpikeSim's names (in_ch_list, "
            "out_ch_list, in_dim_list, out_dim_list, ...)",
            source=str(path),
        )
    if "layers" in content:
        return validate(Layers, content, source=str(path))
    if not content.keys().isdisjoint(LayerList.model_fields.keys() - {"time_steps"}):
        return validate(LayerList, content, source=str(path))
    return Architecture.from_json(content, source=str(path))
