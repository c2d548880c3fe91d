"""Study files: what they may say, their defaults, and reading them."""

from neuronas.config.datasets import (
    DATASET_PLUGINS,
    DATASETS,
    DatasetInfo,
    dataset_names,
    named_dataset,
)
from neuronas.config.fields import BitWidth, Decay, Threshold, default_note, known_bits
from neuronas.config.loading import load_study, read_budget, read_yaml, suggestion, validate
from neuronas.config.neurons import CODINGS, USUAL_NEURON, BatchNorm, Coding, NeuronConfig
from neuronas.config.operations import (
    CONV_THRESHOLDS,
    OPERATION_INDEX,
    OPERATIONS,
    SNASNET_OPERATIONS,
    ZEROIZE,
    Kind,
    Operation,
)
from neuronas.config.own_data import OwnDataset
from neuronas.config.plugins import ENGINES, HARDWARE_MODELS, load_plugin, plugin_names
from neuronas.config.search import RANKED_SAMPLERS, SearchConfig
from neuronas.config.stopping import StopConfig
from neuronas.config.study import (
    BUDGET_PRESETS,
    DEFAULT_CHIPS,
    IMMUTABLE_SECTIONS,
    BudgetConfig,
    HardwareConfig,
    ObjectiveName,
    Origin,
    SpaceConfig,
    StudyConfig,
    StudyName,
    WeightBitsConfig,
    chip_names,
)
from neuronas.config.training import AugmentConfig, TrainingConfig

__all__ = [
    "BUDGET_PRESETS",
    "CODINGS",
    "CONV_THRESHOLDS",
    "DATASETS",
    "DATASET_PLUGINS",
    "DEFAULT_CHIPS",
    "ENGINES",
    "HARDWARE_MODELS",
    "IMMUTABLE_SECTIONS",
    "OPERATIONS",
    "OPERATION_INDEX",
    "RANKED_SAMPLERS",
    "SNASNET_OPERATIONS",
    "USUAL_NEURON",
    "ZEROIZE",
    "AugmentConfig",
    "BatchNorm",
    "BitWidth",
    "BudgetConfig",
    "Coding",
    "DatasetInfo",
    "Decay",
    "HardwareConfig",
    "Kind",
    "NeuronConfig",
    "ObjectiveName",
    "Operation",
    "Origin",
    "OwnDataset",
    "SearchConfig",
    "SpaceConfig",
    "StopConfig",
    "StudyConfig",
    "StudyName",
    "Threshold",
    "TrainingConfig",
    "WeightBitsConfig",
    "chip_names",
    "dataset_names",
    "default_note",
    "known_bits",
    "load_plugin",
    "load_study",
    "named_dataset",
    "plugin_names",
    "read_budget",
    "read_yaml",
    "suggestion",
    "validate",
]
