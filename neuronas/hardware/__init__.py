"""What a network costs on a compute-in-memory chip."""

from neuronas.hardware.budget import UNITS, Budget, presented
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
from neuronas.hardware.rates import SpikeRates, rate_table, read_rates
from neuronas.hardware.references import references
from neuronas.hardware.walk import walk

__all__ = [
    "NO_ROOM",
    "UNITS",
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
    "check_hardware_model",
    "compare_networks",
    "default_chip",
    "estimate",
    "hardware_model",
    "hardware_models",
    "option_codes",
    "presented",
    "rate_table",
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
