"""The images or event frames that proxies are measured on: a dataset's, or noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Architecture
from neuronas.config import CODINGS, OwnDataset
from neuronas.config.own_data import dataset_info
from neuronas.errors import ConfigError
from neuronas.training.data import Split, load_dataset

Images = NDArray[np.float32]
InputShape = tuple[int, int, int]


def image_source(
    dataset: str | OwnDataset | None, *, samples: int, seed: int, data_dir: Path | None = None
) -> Callable[[Architecture], Images]:
    """Return what gives a network its samples: a dataset's training samples, noise without one.

    Args:
        dataset: As in study files, or None. It must agree with the networks, see
            :func:`require_dataset`.
        samples: How many.
        seed: Decides which.
        data_dir: Folder with the dataset's files; its usual place when None.

    Returns:
        A function, which raises DatasetError where files are absent or damaged, and ConfigError
        where the training split has fewer samples.
    """

    @cache
    def drawn(time_steps: int | None) -> Images:
        assert dataset is not None
        found = load_dataset(dataset, data_dir, time_steps=time_steps)
        return training_images(found.train, samples, seed)

    def images_of(architecture: Architecture) -> Images:
        steps = architecture.time_steps if architecture.coding == "events" else None
        if dataset is not None:
            return drawn(steps)
        if steps is not None:
            return noise_frames(architecture.input_shape, steps, samples, seed)
        return noise_images(architecture.input_shape, samples, seed)

    return images_of


def sample_shape(architecture: Architecture) -> tuple[int, ...]:
    """Return the shape of one sample: ``(C, H, W)``, or ``(T, C, H, W)`` of event frames."""
    frames = (architecture.time_steps,) if architecture.coding == "events" else ()
    return (*frames, *architecture.input_shape)


def require_dataset(architecture: Architecture, dataset: str | OwnDataset) -> None:
    """Raise a ConfigError unless a network reads a dataset's samples and tells its classes."""
    info = dataset_info(dataset)
    name = dataset if isinstance(dataset, str) else dataset.name
    wanted = {"input_shape": info.input_shape, "classes": info.classes}
    problems = [
        f"{key}: found {found}; '{name}' has {value}"
        for key, value in wanted.items()
        if (found := getattr(architecture, key)) != value
    ]
    if info.event_frames != (architecture.coding == "events"):
        made_of = "event frames" if info.event_frames else "images"
        allowed = [c for c in CODINGS if info.event_frames == (c == "events")]
        problems.append(
            f"coding: found '{architecture.coding}'; '{name}' is made of {made_of}; allowed: "
            f"{', '.join(allowed)}"
        )
    if problems:
        raise ConfigError(problems)


def training_images(train: Split, samples: int, seed: int) -> Images:
    """Return samples of a training split, ``(samples, C, H, W)`` or ``(samples, T, C, H, W)``.

    Args:
        train: The split; its labels are not read.
        samples: How many to draw, without replacement.
        seed: Decides which.

    Raises:
        ConfigError: The split has fewer images.
    """
    if samples > len(train):
        raise ConfigError(
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


def noise_frames(input_shape: InputShape, time_steps: int, samples: int, seed: int) -> Images:
    """Return event frames of noise: counts that are Poisson distributed.

    A pixel sees one event of each polarity per sample on average, the order of N-MNIST's.

    Args:
        input_shape: ``(C, H, W)`` of one frame.
        time_steps: Frames of one sample.
        samples: How many.
        seed: Decides which.

    Returns:
        Shape ``(samples, T, C, H, W)``.
    """
    generator = np.random.default_rng(seed)
    counts = generator.poisson(1 / time_steps, (samples, time_steps, *input_shape))
    return counts.astype(np.float32)
