"""Small datasets in the layouts of the official ones, and looking at what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuronas.config import OwnDataset
from neuronas.errors import DatasetError
from neuronas.training import Dataset, Split, load_dataset

Sized = Callable[..., None]
"""Makes small sizes the official ones of a dataset: name, training, validation, test samples."""


def splits(dataset: Dataset) -> tuple[Split, Split, Split]:
    return dataset.train, dataset.validation, dataset.test


def sizes(dataset: Dataset) -> list[int]:
    return [len(split) for split in splits(dataset)]


def inputs(split: Split) -> np.ndarray:
    """Return what the network is given of a split."""
    return split.batch(slice(None))[0].numpy()


def assert_equal(left: Dataset, right: Dataset) -> None:
    assert left.description == right.description
    for mine, yours in zip(splits(left), splits(right), strict=True):
        assert mine.scaling == yours.scaling
        assert np.array_equal(mine.images, yours.images)
        assert np.array_equal(mine.labels, yours.labels)


def numbers(split: Split) -> list[int]:
    """Return which samples are in a split: the writers here number them in their first pixel."""
    return split.images.reshape(len(split), -1)[:, 0].tolist()


def message_of(dataset: str | OwnDataset, folder: Path | None = None, **options: object) -> str:
    """Return the message with which a dataset is refused."""
    with pytest.raises(DatasetError) as caught:
        load_dataset(dataset, folder, **options)
    assert caught.value.exit_code == 6
    return str(caught.value)


def numbered(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return random bytes of shape ``(N, ...)``, the number of each sample in its first pixel."""
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    images.reshape(len(images), -1)[:, 0] = np.arange(len(images))
    return images


def save_image(path: Path, pixels: np.ndarray) -> None:
    """Write pixels of shape ``(C, H, W)`` as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels_last = pixels.transpose(1, 2, 0)
    Image.fromarray(channels_last[..., 0] if len(pixels) == 1 else channels_last).save(path)


def encoded(events: list[tuple[int, int, int, int]]) -> np.ndarray:
    """Return events (column, row, polarity, microseconds) as in the official files."""
    return np.array(
        [[x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255] for x, y, p, t in events], dtype=np.uint8
    )


def write_n_mnist(folder: Path) -> None:
    """Write three samples a digit to train and one to test; sample d has d + 1 events."""
    number = 0
    for part, count in (("Train", 3), ("Test", 1)):
        for digit in range(10):
            place = folder / part / str(digit)
            place.mkdir(parents=True)
            for _ in range(count):
                number += 1
                events = [(digit, 0, 1, 1000 * k) for k in range(digit + 1)]
                (place / f"{number:05}.bin").write_bytes(encoded(events).tobytes())
