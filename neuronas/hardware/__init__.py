"""What a network costs on a compute-in-memory chip."""

from neuronas.hardware.budget import Budget, broken
from neuronas.hardware.chip import Chip, Constant
from neuronas.hardware.comparison import NO_ROOM, compare_networks
from neuronas.hardware.contract import check_hardware_model
from neuronas.hardware.cost import Activity, Cost, Explanation, HardwareModel, Parts
from neuronas.hardware.costing import (
    Estimate,
    default_chip,
    estimate,
    read_network,
    require_agreement,
    workload_of,
)
from neuronas.hardware.layer_list import LayerList, Layers
from neuronas.hardware.models import (
    hardware_model,
    hardware_models,
    option_codes,
    require_possible,
    require_steps_in_order,
    require_usable,
)
from neuronas.hardware.quantities import HIGHER_IS_BETTER, UNITS, Activations, presented
from neuronas.hardware.rates import SpikeRates, measured_activity, read_rates
from neuronas.hardware.references import references
from neuronas.hardware.walk import walk

__all__ = [
    "HIGHER_IS_BETTER",
    "NO_ROOM",
    "UNITS",
    "Activations",
    "Activity",
    "Budget",
    "Chip",
    "Constant",
    "Cost",
    "Estimate",
    "Explanation",
    "HardwareModel",
    "LayerList",
    "Layers",
    "Parts",
    "SpikeRates",
    "broken",
    "check_hardware_model",
    "compare_networks",
    "default_chip",
    "estimate",
    "hardware_model",
    "hardware_models",
    "measured_activity",
    "option_codes",
    "presented",
    "read_network",
    "read_rates",
    "references",
    "require_agreement",
    "require_possible",
    "require_steps_in_order",
    "require_usable",
    "walk",
    "workload_of",
]
