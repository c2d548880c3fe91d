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


def check_part(part: Part, where: Path | str, info: DatasetInfo, frames: int | None = None) -> None:
    """Raise a DatasetError unless a part is what it should be.

    Args:
        part: What was read.
        where: File or folder, for the message.
        info: Shape and classes that it should have.
        frames: Time steps of event frames; None where a sample is one image.
    """
    shape = info.input_shape if frames is None else (frames, *info.input_shape)
    found, count = part.images.shape, len(part.labels)
    if found[1:] != shape:
        raise DatasetError(
            f"{where} has images of {_times(found[1:])}, expected {_times(shape)}; the files are "
            "another dataset's, or the study file's shape is not theirs"
        )
    if part.images.dtype not in (np.uint8, np.float32):
        raise DatasetError(
            f"{where} has images of type {part.images.dtype}; allowed: uint8, float32; store them "
            "so, as with images.astype('float32')"
        )
    if found[0] != count:
        raise DatasetError(
            f"{where} has {found[0]} images but {count} labels; "
            "the files do not belong together, get them again"
        )
    if not count:
        raise DatasetError(f"{where} has no samples; get it again")
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= info.classes:
        raise DatasetError(
            f"{where} has labels from {low} to {high}, expected 0 to {info.classes - 1}; the file "
            "is damaged, or another dataset's"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
