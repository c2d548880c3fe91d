"""Costing one network: a genotype, a layer list, or a file with either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuronas.architecture import Architecture, Networks, Workload
from neuronas.config import Kind, read_yaml, validate
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware.chip import Chip, ChipSettings
from neuronas.hardware.cost import Cost, HardwareModel
from neuronas.hardware.layer_list import LayerList
from neuronas.hardware.spikesim import SpikeSim

HARDWARE_MODELS: dict[str, HardwareModel] = {"spikesim": SpikeSim()}


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of one network, with its parts and what they leave out.

    Attributes:
        model: Hardware model.
        chip: Chip, as costed.
        workload: Layer table, N = 1.
        cost: Cost, N = 1.
        memory_known: Whether weight bits are known, so that bits of memory can be told.
    """

    model: str
    chip: Chip
    workload: Workload
    cost: Cost
    memory_known: bool

    @property
    def energy_pj(self) -> float:
        """Energy of one inference."""
        return float(self.cost.energy_pj[0])

    @property
    def latency_ns(self) -> float:
        """Latency of one inference."""
        return float(self.cost.latency_ns[0])

    @property
    def area_um2(self) -> float:
        """Chip area."""
        return float(self.cost.area_um2[0])

    @property
    def parameters(self) -> int:
        """Parameters; the classifier's included where the network has one."""
        return int(self.cost.parameters[0])

    @property
    def not_modelled(self) -> list[str]:
        """Layers that energy, latency and area leave out."""
        return self.workload.names(self.cost.not_modelled[:, 0])

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values, units in the names."""
        cost = self.cost
        return {
            "model": self.model,
            "chip": self.chip.name,
            "settings": self.chip.settings.model_dump(),
            "num_pe": int(cost.num_pe[0]),
            "num_tiles": int(cost.num_tiles[0]),
            "area_um2": self.area_um2,
            "energy_pj": self.energy_pj,
            "latency_ns": self.latency_ns,
            "parameters": self.parameters,
            "memory_bits": int(cost.memory_bits[0]) if self.memory_known else None,
            "area_parts_um2": {k: float(v[0]) for k, v in cost.area_parts_um2.items()},
            "layers": layer_costs(self.workload, cost, 0),
            "not_modelled": {
                "layers": self.not_modelled,
                "effects": list(HARDWARE_MODELS[self.model].leaves_out),
            },
        }


def layer_costs(workload: Workload, cost: Cost, index: int) -> list[dict[str, Any]]:
    """Return one row per layer that network ``index`` has, as JSON values."""
    return [
        {
            "layer": slot.name,
            "kind": Kind(int(workload.kind[row, index])).name.lower(),
            "in_channels": int(workload.in_channels[row, index]),
            "out_channels": int(workload.out_channels[row, index]),
            "kernel": int(workload.kernel[row, index]),
            "parameters": int(workload.parameters[row, index]),
            "weight_bits": int(workload.weight_bits[row, index]),
            "macs": int(workload.macs[row, index]),
            "neurons": int(workload.neurons[row, index]),
            "pe": int(cost.layer_pe[row, index]),
            "area_um2": float(cost.layer_area_um2[row, index]),
            "energy_pj": float(cost.layer_energy_pj[row, index]),
            "latency_ns": float(cost.layer_latency_ns[row, index]),
            "modelled": not bool(cost.not_modelled[row, index]),
        }
        for row, slot in enumerate(workload.slots)
        if workload.kind[row, index] != Kind.NONE
    ]


def estimate(
    network: Architecture | LayerList | str | Path,
    *,
    model: str = "spikesim",
    chip: str | Chip = "spikesim-65nm",
) -> Estimate:
    """Return what one network costs on a chip, per layer and in total.

    Args:
        network: An architecture, a layer list in SpikeSim's input names, or the path of a JSON
            file with either.
        model: Hardware model.
        chip: A chip, or the name of a preset. Settings that a layer list gives go first.

    Raises:
        ConfigError: The file is absent or wrong.
        GenotypeError: The network is not connected.
        HardwareModelError: Unknown model or chip.

    Example:
        >>> import neuronas
        >>> network = neuronas.Architecture(
        ...     input_shape=(1, 8, 8), classes=10, cell_a="0300 0030 0003 0000",
        ...     cell_b="0001 0000 0000 0000", channels=8,
        ... )
        >>> cost = neuronas.estimate(network)
        >>> f"{cost.energy_pj / 1e6:.2f} uJ, {cost.area_um2 / 1e6:.2f} mm2"
        '0.90 uJ, 0.67 mm2'
        >>> cost.not_modelled
        ['cell_b.0->3', 'classifier.pool', 'classifier.head']
    """
    if model not in HARDWARE_MODELS:
        raise HardwareModelError(
            f"unknown hardware model '{model}'; allowed: {', '.join(HARDWARE_MODELS)}"
        )
    chip = Chip.preset(chip) if isinstance(chip, str) else chip
    source = None
    if isinstance(network, str | Path):
        source = str(network)
        network = _read(Path(network))
    if isinstance(network, LayerList):
        settings = validate(ChipSettings, network.settings(chip.settings), source=source)
        chip = replace(chip, settings=settings)
        workload = network.workload()
    else:
        network.check()
        workload = Workload.of(Networks.of([network]))
    cost = HARDWARE_MODELS[model].cost(workload, chip)
    return Estimate(model, chip, workload, cost, isinstance(network, Architecture))


def _read(path: Path) -> Architecture | LayerList:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(
            "found no mapping; expected a genotype (cell_a, cell_b, channels, ...) or a layer "
            "list (in_ch_list, out_ch_list, in_dim_list, out_dim_list, ...)",
            source=str(path),
        )
    if not content.keys().isdisjoint(LayerList.model_fields.keys() - {"time_steps"}):
        return validate(LayerList, content, source=str(path))
    return Architecture.from_json(content, source=str(path))
