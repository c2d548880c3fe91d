"""Study files: what they may say, their defaults, and reading them."""

from neuronas.config.datasets import DATASETS, DatasetInfo
from neuronas.config.loading import load_study, read_budget, read_yaml, suggestion, validate
from neuronas.config.operations import OPERATION_INDEX, OPERATIONS, ZEROIZE, Kind, Operation
from neuronas.config.plugins import HARDWARE_MODELS, load_plugin, plugin_names
from neuronas.config.study import (
    BUDGET_PRESETS,
    DEFAULT_CHIPS,
    IMMUTABLE_SECTIONS,
    NAME_PATTERN,
    BitWidth,
    BudgetConfig,
    Decay,
    HardwareConfig,
    SearchConfig,
    SpaceConfig,
    StudyConfig,
    Threshold,
    TrainingConfig,
    WeightBitsConfig,
    chip_names,
    known,
)

__all__ = [
    "BUDGET_PRESETS",
    "DATASETS",
    "DEFAULT_CHIPS",
    "HARDWARE_MODELS",
    "IMMUTABLE_SECTIONS",
    "NAME_PATTERN",
    "OPERATIONS",
    "OPERATION_INDEX",
    "ZEROIZE",
    "BitWidth",
    "BudgetConfig",
    "DatasetInfo",
    "Decay",
    "HardwareConfig",
    "Kind",
    "Operation",
    "SearchConfig",
    "SpaceConfig",
    "StudyConfig",
    "Threshold",
    "TrainingConfig",
    "WeightBitsConfig",
    "chip_names",
    "known",
    "load_plugin",
    "load_study",
    "plugin_names",
    "read_budget",
    "read_yaml",
    "suggestion",
    "validate",
]
