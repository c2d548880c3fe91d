"""The images of the benchmark: a part of Fashion-MNIST, averaged to 14x14."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from neuronas.benchmarks.proxies.networks import SIDE
from neuronas.training import Dataset, Split, load_dataset
from neuronas.training.proxies.images import Images

TRAINING = 4_000
"""Images that networks are trained on."""

VALIDATION = 2_000
"""Images that brief training is scored on."""


def fashion_14(data_dir: Path | None = None) -> Dataset:
    """Return 4,000 training, 2,000 validation and all 10,000 test images of 14x14 pixels.

    Brief training is scored on validation images, as in a search, longer training on the test
    images: were they the same, errors of the sample would be taken for agreement.

    Raises:
        DatasetError: Fashion-MNIST's files are absent or damaged.
    """
    whole = load_dataset("fashion_mnist", data_dir, TRAINING)
    images = averaged(whole.train, TRAINING)
    mean, deviation = float(images.mean()), float(images.std())

    def small(split: Split, count: int) -> Split:
        part = averaged(split, count)
        return Split((part - mean) / deviation, split.labels[:count])

    return replace(
        whole,
        description=f"{whole.description}, {SIDE}x{SIDE}, {VALIDATION} of validation",
        train=small(whole.train, TRAINING),
        validation=small(whole.validation, VALIDATION),
        test=small(whole.test, len(whole.test)),
    )


def averaged(split: Split, count: int) -> Images:
    """Return the first images of a split, ``(count, 1, 14, 14)``, each pixel the mean of four."""
    images: Images = split.batch(slice(count))[0].numpy()
    return np.asarray(images.reshape(len(images), 1, SIDE, 2, SIDE, 2).mean(axis=(3, 5)))
