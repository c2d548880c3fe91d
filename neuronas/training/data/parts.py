"""What a reader gives: the parts of a dataset as its files have them, before they are split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuronas.config import DatasetInfo
from neuronas.errors import DatasetError
from neuronas.training.data.splits import Images, Labels


class ImageSource(Protocol):
    """Images that are read a slice at a time; an array is one.

    Attributes:
        shape: ``(N, C, H, W)``, or ``(N, T, C, H, W)`` of event frames.
        dtype: uint8 or float32.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all images."""

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.float32]:
        """Type of the values."""

    def __getitem__(self, part: slice, /) -> Images:
        """Return some of the images."""


@dataclass(frozen=True)
class DecodedFiles:
    """Files of one sample each, decoded a slice at a time.

    Attributes:
        paths: The files.
        sample_shape: Shape of one sample.
        decode: Returns the sample of a file, given its shape.
    """

    paths: Sequence[Path]
    sample_shape: Sequence[int]
    decode: Callable[[Path, Sequence[int]], NDArray[np.uint8]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all samples."""
        return (len(self.paths), *self.sample_shape)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Type of the values: bytes."""
        return np.dtype(np.uint8)

    def __getitem__(self, part: slice) -> NDArray[np.uint8]:
        """Return some of the samples."""
        return np.stack([self.decode(path, self.sample_shape) for path in self.paths[part]])


@dataclass(frozen=True, slots=True)
class Part:
    """Images of one part, and their labels of shape ``(N,)``."""

    images: ImageSource
    labels: Labels


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a dataset's files have.

    Attributes:
        train: The official training part, or all there is.
        validation, test: The other parts; None where they are to be split off ``train``.
        divisor: Largest value that a stored value can have: 255 of bytes that are brightness, 1 of
            values that are taken as they are.
        held_out: Samples that each missing part takes off ``train``; a sixth of it when None.
    """

    train: Part
    validation: Part | None = None
    test: Part | None = None
    divisor: float = 255.0
    held_out: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A dataset that can be read.

    Attributes:
        files: All files that it is decoded from.
        decode: Reads and checks them.
    """

    files: Sequence[Path]
    decode: Callable[[], Parts]


def check_part(part: Part, where: Path | str, info: DatasetInfo, own: str = "") -> None:
    """Raise a DatasetError unless a part is what it should be.

    Args:
        part: What was read.
        where: File or folder, for the message.
        info: Shape and classes that it should have.
        own: Name of the part where it is of the user's own arrays, which he cannot get again.
    """
    images, labels = (f"{where}: {axis}_{own}" if own else where for axis in "xy")
    again = "the files are damaged, or another dataset's; get them again"
    shape, found, count = info.input_shape, part.images.shape, len(part.labels)
    if found[1:] != shape:
        raise DatasetError(
            f"{images} has images of {_times(found[1:])}, expected {_times(shape)}; "
            + ("correct dataset.shape in the study file, or store them so" if own else again)
        )
    if part.images.dtype not in (np.uint8, np.float32):
        raise DatasetError(
            f"{images} has images of type {part.images.dtype}; allowed: uint8, float32; store them "
            "so, as with images.astype('float32')"
        )
    if found[0] != count:
        raise DatasetError(
            f"{images} has {found[0]} images but {count} labels; "
            + (f"store as many in y_{own} as in x_{own}" if own else again)
        )
    if not count:
        raise DatasetError(f"{images} has no samples; {'add some' if own else again}")
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= info.classes:
        raise DatasetError(
            f"{labels} has labels from {low} to {high}, expected 0 to {info.classes - 1}; "
            + (
                "number classes from 0, or correct dataset.classes in the study file"
                if own
                else again
            )
        )


def check_classes(labels: Labels, classes: int, where: Path | str) -> None:
    """Raise a DatasetError unless each class has a training sample.

    Args:
        labels: Of the training split.
        classes: Number of classes.
        where: File, folder or name of the dataset, for the message.
    """
    absent = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if absent.size:
        few = 5
        named = ", ".join(map(str, absent[:few])) + (", ..." if absent.size > few else "")
        raise DatasetError(
            f"{where}: of classes 0 to {classes - 1}, {absent.size} without a training sample: "
            f"{named}; add samples of each, or number the classes that there are from 0 and "
            "state so many"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
