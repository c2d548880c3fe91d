"""The images that proxies are measured on: a dataset's, or noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Architecture
from neuronas.config import DATASETS, suggestion
from neuronas.errors import ConfigError, DatasetError
from neuronas.training.data import Split, load_dataset

Images = NDArray[np.float32]
InputShape = tuple[int, int, int]


def image_source(
    dataset: str | None, *, samples: int, seed: int, data_dir: Path | None = None
) -> Callable[[InputShape], Images]:
    """Return what gives images of a shape: a dataset's training images, noise without one.

    Args:
        dataset: Name as in study files, or None. It must agree with the networks, see
            :func:`require_dataset`.
        samples: How many images.
        seed: Decides which.
        data_dir: Folder with the dataset's files; its usual place when None.

    Raises:
        DatasetError: Files are absent or damaged, or the training split has fewer images.
    """
    if dataset is None:
        return lambda shape: noise_images(shape, samples, seed)
    images = training_images(load_dataset(dataset, data_dir).train, samples, seed)
    return lambda _: images


def require_dataset(architecture: Architecture, dataset: str) -> None:
    """Raise a ConfigError unless a network reads a dataset's images and tells its classes."""
    if dataset not in DATASETS:
        raise ConfigError(
            f"--dataset: found '{dataset}'; allowed: {', '.join(DATASETS)}"
            f"{suggestion(dataset, list(DATASETS))}"
        )
    info = DATASETS[dataset]
    wanted = {"input_shape": info.input_shape, "classes": info.classes}
    problems = [
        f"{name}: found {found}; '{dataset}' has {value}"
        for name, value in wanted.items()
        if (found := getattr(architecture, name)) != value
    ]
    if problems:
        raise ConfigError(problems)


def training_images(train: Split, samples: int, seed: int) -> Images:
    """Return ``samples`` images of a training split, shape ``(samples, C, H, W)``.

    Args:
        train: The split; its labels are not read.
        samples: How many to draw, without replacement.
        seed: Decides which.

    Raises:
        DatasetError: The split has fewer images.
    """
    if samples > len(train):
        raise DatasetError(
            f"samples: found {samples}; allowed: 2 to {len(train)}, the images of the training "
            "split"
        )
    drawn = np.random.default_rng(seed).choice(len(train), samples, replace=False)
    images: Images = train.batch(drawn)[0].numpy()
    return images


def noise_images(input_shape: InputShape, samples: int, seed: int) -> Images:
    """Return Gaussian noise with the mean 0 and variance 1 of a dataset's images.

    Args:
        input_shape: ``(C, H, W)`` of one sample.
        samples: How many.
        seed: Decides which.
    """
    generator = np.random.default_rng(seed)
    return generator.standard_normal((samples, *input_shape), dtype=np.float32)
