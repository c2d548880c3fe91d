"""A dataset in memory or memory-mapped: three splits, and batches of them for torch."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronas.config import AugmentConfig
from neuronas.errors import DatasetError
from neuronas.training.data.augmenting import crop_and_flip

Images = NDArray[np.uint8] | NDArray[np.float32]
Labels = NDArray[np.int64]
Chosen = slice | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How stored values become the network's input: ``(value / divisor - mean) / deviation``.

    Attributes:
        divisor: Brings stored values to [0, 1].
        mean, deviation: Of each channel over the training split, after the division; one of each
            holds for all channels.
    """

    divisor: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)

    def apply(self, images: Tensor) -> Tensor:
        """Return images, shape ``(B, ..., C, H, W)``, as float32 of the same shape."""
        mean, deviation = (
            torch.tensor(values, dtype=torch.float32)[:, None, None]
            for values in (self.mean, self.deviation)
        )
        return images.to(torch.float32).div(self.divisor).sub_(mean).div_(deviation)


@dataclass(frozen=True, slots=True)
class Split:
    """Samples of one part of a dataset, as they are stored.

    Attributes:
        images: Shape ``(N, C, H, W)``, or ``(N, T, C, H, W)`` of event frames; uint8 or float32,
            possibly memory-mapped and read-only.
        labels: Shape ``(N,)``.
        scaling: How images become the network's input.
    """

    images: Images
    labels: Labels
    scaling: Scaling = Scaling()

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[Callable[..., Split], tuple[object, ...]]:
        """Return how to make it again in another process: memory-mapped as here, not copied."""
        images: Images | str = self.images
        whole: object = self.images.base  # of a part of a map it is the map
        if isinstance(images, np.memmap) and isinstance(whole, mmap.mmap):
            images = str(images.filename)
        return _again, (images, self.labels, self.scaling)

    def take(self, chosen: Chosen) -> Split:
        """Return some of the samples: a view for a slice, a copy for indices."""
        return replace(self, images=self.images[chosen], labels=self.labels[chosen])

    def batch(
        self,
        chosen: Chosen,
        augment: AugmentConfig | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the network's input for some of the samples, and their labels.

        Args:
            chosen: Which samples: a slice, or indices of shape ``(B,)``.
            augment: Random crop and mirroring; none when None.
            generator: Decides them; needed with ``augment``.

        Returns:
            Images, float32, shape ``(B, C, H, W)`` or ``(B, T, C, H, W)``, with zero mean and unit
            variance over the training split (event frames: counts); labels, int64, shape ``(B,)``.
        """
        images = torch.from_numpy(np.array(self.images[chosen]))
        labels = torch.from_numpy(np.array(self.labels[chosen]))
        if augment is not None:
            if generator is None:
                raise ValueError("random crop and mirroring need a generator")
            images = crop_and_flip(images, augment, generator)
        return self.scaling.apply(images), labels


def _again(images: Images | str, labels: Labels, scaling: Scaling) -> Split:
    if not isinstance(images, str):
        return Split(images, labels, scaling)
    try:
        return Split(np.load(images, mmap_mode="r", allow_pickle=False), labels, scaling)
    except OSError as error:
        raise DatasetError(
            f"{images}: cannot be read again ({error.strerror}); start again, it is then made anew"
        ) from None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with its three splits.

    Attributes:
        description: Name, version of the split, its sizes and a digest of its content; part of
            the training digest.
        train, validation, test: The splits.
    """

    description: str
    train: Split
    validation: Split
    test: Split

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the network's input for a black and for a white pixel, shape ``(C, 1, 1)`` each.

        Bytes reach from 0 to what they are divided by; other values from the least to the greatest
        of all splits and 0, which the border of a crop is made of.
        """
        splits = (self.train, self.validation, self.test)
        scaling, channels = self.train.scaling, self.train.images.shape[-3]
        ends = (0.0, scaling.divisor)
        if self.train.images.dtype != np.uint8:
            ends = (
                min(0.0, *(float(split.images.min()) for split in splits)),
                max(0.0, *(float(split.images.max()) for split in splits)),
            )
        black, white = (scaling.apply(torch.full((channels, 1, 1), end)) for end in ends)
        return black, white
