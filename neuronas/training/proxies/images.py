"""The images that proxies are measured on: a dataset's, or noise."""

from __future__ import annotations

import numpy as np

from neuronas.errors import DatasetError
from neuronas.training.datasets import Images, Split


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
    return train.images[drawn]


def noise_images(input_shape: tuple[int, int, int], samples: int, seed: int) -> Images:
    """Return Gaussian noise with the mean 0 and variance 1 of a dataset's images.

    Args:
        input_shape: ``(C, H, W)`` of one sample.
        samples: How many.
        seed: Decides which.
    """
    generator = np.random.default_rng(seed)
    return generator.standard_normal((samples, *input_shape), dtype=np.float32)
