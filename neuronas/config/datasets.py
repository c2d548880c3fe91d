"""What a study may name as its dataset: shapes and class counts as plain data.

The readers are in ``neuronas.training.datasets``; this table lets a study file be checked and
hardware be costed without importing them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Shape of one dataset.

    Attributes:
        input_shape: ``(C, H, W)`` of one sample.
        classes: Number of classes.
        train_samples: Samples of the training split.
    """

    input_shape: tuple[int, int, int]
    classes: int
    train_samples: int


DATASETS: dict[str, DatasetInfo] = {
    "cifar10": DatasetInfo((3, 32, 32), 10, 45_000),
    "digits": DatasetInfo((1, 8, 8), 10, 1077),
    "fashion_mnist": DatasetInfo((1, 28, 28), 10, 50_000),
}
