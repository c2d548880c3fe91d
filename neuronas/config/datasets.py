"""What a study may name as its dataset: shapes, class counts and split sizes as plain data.

The readers are in ``neuronas.training.data``; this table lets a study file be checked and
hardware be costed without importing them.
"""

from __future__ import annotations

from dataclasses import dataclass

from neuronas.config.plugins import load_plugin, plugin_names
from neuronas.errors import ConfigError

DATASET_PLUGINS = "neuronas.datasets"
"""Entry points of datasets that other packages bring: objects with ``info`` and ``read``."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Shape and size of one dataset.

    Attributes:
        input_shape: ``(C, H, W)`` of one sample, or of one time step of it.
        classes: Number of classes.
        train_samples: Samples of the training split; None where only the files know.
        validation_samples, test_samples: Samples of the other splits; None likewise.
        event_frames: Whether a sample is events, binned into one frame per time step, instead
            of one image.
    """

    input_shape: tuple[int, int, int]
    classes: int
    train_samples: int | None = None
    validation_samples: int | None = None
    test_samples: int | None = None
    event_frames: bool = False


DATASETS: dict[str, DatasetInfo] = {
    "cifar10": DatasetInfo((3, 32, 32), 10, 45_000, 5_000, 10_000),
    "cifar100": DatasetInfo((3, 32, 32), 100, 45_000, 5_000, 10_000),
    "digits": DatasetInfo((1, 8, 8), 10, 1077, 360, 360),
    "fashion_mnist": DatasetInfo((1, 28, 28), 10, 50_000, 10_000, 10_000),
    "mnist": DatasetInfo((1, 28, 28), 10, 50_000, 10_000, 10_000),
    "n_mnist": DatasetInfo((2, 34, 34), 10, 50_000, 10_000, 10_000, event_frames=True),
    # The labels of its own test images were never published: its val/ folder is our test split.
    "tiny_imagenet": DatasetInfo((3, 64, 64), 200, 90_000, 10_000, 10_000),
}


def dataset_names() -> list[str]:
    """Return the names that a study may give: ours and those of installed packages, sorted.

    Raises:
        ConfigError: A package brings a dataset with the name of one of ours.
    """
    brought = plugin_names(DATASET_PLUGINS)
    twice = sorted(DATASETS.keys() & set(brought))
    if twice:
        raise ConfigError(
            f"an installed package has an entry point '{twice[0]}' of group '{DATASET_PLUGINS}', "
            "but neuronas has a dataset of that name; remove the package, or rename its entry point"
        )
    return sorted([*DATASETS, *brought])


def named_dataset(name: str) -> DatasetInfo:
    """Return shape and size of a dataset that :func:`dataset_names` lists.

    Raises:
        ConfigError: The package that brings it cannot be loaded, or does not say its shape.
    """
    if name in DATASETS:
        return DATASETS[name]
    info = getattr(load_plugin(DATASET_PLUGINS, name), "info", None)
    if not isinstance(info, DatasetInfo):
        raise ConfigError(
            f"{DATASET_PLUGINS} '{name}' has no attribute 'info' that is a "
            "neuronas.config.DatasetInfo; its package is not made for this version"
        )
    return info
