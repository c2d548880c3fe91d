"""N-MNIST: files of events, binned into one frame per time step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.config import DATASETS
from neuronas.errors import DatasetError
from neuronas.sources import SOURCES, remedy
from neuronas.training.data.parts import DecodedFiles, Part, Parts, Reading
from neuronas.training.data.records import read_records

_EVENT_BYTES = 5
_OVERFLOW_ROW = 240
_OVERFLOW_US = 1 << 13
"""An event in this row is none: it says that the clock of all later events has wrapped once."""


def n_mnist(name: str, folder: Path, frames: int) -> Reading:
    """Return the reading of ``Train/DIGIT/*.bin`` and ``Test/DIGIT/*.bin``.

    A frame counts the events of each polarity and pixel in one of ``frames`` equal parts of the
    time from a sample's first event to its last, up to 255.

    Raises:
        DatasetError: A folder is absent or empty.
    """
    info = DATASETS[name]
    found = {part: _by_digit(name, folder / part, info.classes) for part in ("Train", "Test")}
    shape = (frames, *info.input_shape)

    def decode() -> Parts:
        train, test = (
            Part(DecodedFiles(paths, shape, _frames), np.array(labels, dtype=np.int64))
            for paths, labels in found.values()
        )
        return Parts(train, test=test, divisor=1.0, held_out=info.validation_samples)

    return Reading([path for paths, _ in found.values() for path in paths], decode)


def _by_digit(name: str, folder: Path, classes: int) -> tuple[list[Path], list[int]]:
    paths: list[Path] = []
    labels: list[int] = []
    for digit in range(classes):
        files = sorted((folder / str(digit)).glob("*.bin"))
        if not files:
            raise DatasetError(
                f"{name}: no event files in {folder / str(digit)}. {remedy(name, SOURCES[name])}"
            )
        paths += files
        labels += [digit] * len(files)
    return paths, labels


def _frames(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    return bin_events(read_records(path, _EVENT_BYTES, "events"), shape, path)


def bin_events(
    events: NDArray[np.uint8], shape: Sequence[int], path: Path | str
) -> NDArray[np.uint8]:
    """Return the frames of one sample.

    Args:
        events: Shape ``(E, 5)``; bytes of column, row, and 24 bits: polarity, then microseconds.
        shape: ``(T, 2, H, W)`` of the frames.
        path: File, for the message.

    Raises:
        DatasetError: No event, or an event outside the frame.
    """
    steps, _, height, width = shape
    x, y = events[:, 0], events[:, 1]
    polarity = events[:, 2] >> 7
    high, middle, low = (events[:, 2] & 0x7F).astype(np.int64), events[:, 3], events[:, 4]
    wrapped = y == _OVERFLOW_ROW
    time = (high << 16 | middle.astype(np.int64) << 8 | low) + _OVERFLOW_US * np.cumsum(wrapped)
    x, y, polarity, time = (values[~wrapped] for values in (x, y, polarity, time))
    if not len(x) or x.max() >= width or y.max() >= height:
        raise DatasetError(
            f"{path}: has no events, or some outside of {width}x{height} pixels; it is damaged, "
            "get it again"
        )
    time -= time.min()
    step = time * steps // (time.max() + 1)
    places = np.ravel_multi_index((step, polarity, y, x), tuple(shape))
    counts = np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)
    return np.minimum(counts, 255).astype(np.uint8)
