"""What a network costs on a compute-in-memory chip."""

from neuronas.hardware.budget import UNITS, Budget, presented
from neuronas.hardware.chip import Chip, ChipSettings, Constant
from neuronas.hardware.cost import Cost, HardwareModel
from neuronas.hardware.costing import HARDWARE_MODELS, Estimate, estimate, layer_costs
from neuronas.hardware.layer_list import LayerList
from neuronas.hardware.spikesim import SpikeSim

__all__ = [
    "HARDWARE_MODELS",
    "UNITS",
    "Budget",
    "Chip",
    "ChipSettings",
    "Constant",
    "Cost",
    "Estimate",
    "HardwareModel",
    "LayerList",
    "SpikeSim",
    "estimate",
    "layer_costs",
    "presented",
]
