"""From parts to a dataset: fixed splits, statistics, and a digest of the content."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from neuronas.errors import DatasetError
from neuronas.training.data.parts import Part, Parts, check_classes
from neuronas.training.data.splits import Dataset, Images, Labels, Scaling, Split

SPLIT_VERSION = "stratified split 1"
"""Version of the rule below that decides which samples are held out."""

_SPLIT_SEED = 0
_CHUNK_VALUES = 1 << 24
_SMALL_VALUES = 1 << 27
_MISSING_SHARE = 6

Allocate = Callable[[str, tuple[int, ...], np.dtype[np.uint8] | np.dtype[np.float32]], Images]
"""Makes room for an array of this name, shape and type."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where the samples at ``rows`` of a part go."""

    name: str
    rows: Labels


def stratified(labels: Labels, held_out: int, where: str) -> tuple[Labels, Labels]:
    """Return the indices kept and held out, sorted; the same every time.

    Stratified by class, unless one of the two has fewer samples than there are classes.

    Args:
        labels: Shape ``(N,)``.
        held_out: Samples to hold out.
        where: File, folder or name of the dataset, for messages.

    Raises:
        DatasetError: A class has one sample only, which cannot be on both sides.
    """
    smaller = min(held_out, len(labels) - held_out)
    found, counts = np.unique(labels, return_counts=True)
    classes = labels if smaller >= len(found) else None
    if classes is not None and counts.min() < 2:  # noqa: PLR2004 - one for each side
        raise DatasetError(
            f"{where}: class {found[counts.argmin()]} has one sample only, and samples are "
            "to be held out of each class; add samples to it, or give validation and test parts"
        )
    kept, out = train_test_split(
        np.arange(len(labels)), test_size=held_out, stratify=classes, random_state=_SPLIT_SEED
    )
    return np.sort(kept), np.sort(out)


def assemble(
    title: str, parts: Parts, allocate: Allocate, where: str, classes: int | None = None
) -> Dataset:
    """Return the dataset that parts make.

    Each image is read once, in the order of its file, so that a part may be larger than memory.

    Args:
        title: Begin of the description.
        parts: What was read.
        allocate: Makes room for the images of a split.
        where: File, folder or name of the dataset, for messages.
        classes: Number of classes that must have training samples; None where nobody checks.

    Raises:
        DatasetError: Too few samples to split, a class without any, or values that are not finite.
    """
    digest = hashlib.sha256()
    images: dict[str, Images] = {}
    labels: dict[str, Labels] = {}
    plan = _plan(parts, where)
    if classes is not None:
        check_classes(parts.train.labels[plan[0][1][0].rows], classes, where)
    for part, pieces in plan:
        for piece in pieces:
            shape = (len(piece.rows), *part.images.shape[1:])
            images[piece.name] = allocate(piece.name, shape, part.images.dtype)
            labels[piece.name] = part.labels[piece.rows]
        _copy(part, pieces, images, parts.divisor, digest.update, where)
        digest.update(part.labels.tobytes())
    scaling = _scaling(images["train"], parts.divisor, where)
    splits = [Split(images[k], labels[k], scaling) for k in ("train", "validation", "test")]
    sizes = "/".join(str(len(split)) for split in splits)
    content = digest.hexdigest()[:16]
    return Dataset(f"{title}, {SPLIT_VERSION}, {sizes}, sha256 {content}", *splits)


def _plan(parts: Parts, where: str) -> list[tuple[Part, list[_Piece]]]:
    """Return the parts, each with the splits that its samples go to."""
    labels = parts.train.labels
    share = len(labels) // _MISSING_SHARE if parts.held_out is None else parts.held_out
    missing = [k for k in ("test", "validation") if getattr(parts, k) is None]
    if missing and not 0 < share * len(missing) < len(labels):
        raise DatasetError(
            f"{where}: {len(labels)} training samples are too few to hold out "
            f"{' and '.join(missing)}; add samples, or give these parts of your own"
        )
    rows = np.arange(len(labels))
    pieces = []
    for name in missing:
        kept, out = stratified(labels[rows], share, where)
        pieces.append(_Piece(name, rows[out]))
        rows = rows[kept]
    plan = [(parts.train, [_Piece("train", rows), *pieces])]
    given = {"validation": parts.validation, "test": parts.test}
    for name, part in given.items():
        if part is not None:
            plan.append((part, [_Piece(name, np.arange(len(part.labels)))]))
    return plan


def _copy(
    part: Part,
    pieces: list[_Piece],
    images: dict[str, Images],
    divisor: float,
    update: Callable[[bytes], None],
    where: str,
) -> None:
    count = len(part.labels)
    owner = np.zeros(count, dtype=np.int64)
    for index, piece in enumerate(pieces):
        owner[piece.rows] = index
    filled = [0] * len(pieces)
    step = _samples_at_once(part.images.shape)
    for start in range(0, count, step):
        chunk = part.images[start : start + step]
        values = chunk.astype(np.float32) / np.float32(divisor)
        finite = np.isfinite(values).reshape(len(chunk), -1).all(axis=1)
        if not finite.all():
            raise DatasetError(
                f"{where}: {pieces[0].name} image {start + finite.argmin()}, counted from 0, holds "
                "values that are not finite (NaN or infinity); repair it, or leave it out"
            )
        update(values.tobytes())
        for index, piece in enumerate(pieces):
            mine = chunk[owner[start : start + step] == index]
            images[piece.name][filled[index] : filled[index] + len(mine)] = mine
            filled[index] += len(mine)


def _scaling(images: Images, divisor: float, where: str) -> Scaling:
    """Return zero mean and unit variance of each channel; event frames stay counts."""
    image_axes = 4
    if images.ndim != image_axes:
        return Scaling(divisor)
    if images.shape[1] == 1 and images.size <= _SMALL_VALUES:
        # At once and in float32, as before there were channels: results on digits and
        # Fashion-MNIST stay the same to the last bit.
        values = images.astype(np.float32) / np.float32(divisor)
        mean, deviation = [float(values.mean())], [float(values.std())]
    else:
        mean, deviation = _by_channel(images, divisor)
    constant = [channel for channel, value in enumerate(deviation) if value == 0.0]
    if constant:
        raise DatasetError(
            f"{where}: channel {constant[0]} has the same value in all pixels of all training "
            "images; nothing can be learned from it, leave it out"
        )
    return Scaling(divisor, tuple(mean), tuple(deviation))


def _samples_at_once(shape: tuple[int, ...]) -> int:
    return max(1, _CHUNK_VALUES // math.prod(shape[1:]))


def _by_channel(images: Images, divisor: float) -> tuple[list[float], list[float]]:
    step = _samples_at_once(images.shape)

    def total(values: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.zeros(images.shape[1])
        for start in range(0, len(images), step):
            chunk = images[start : start + step].astype(np.float64) / divisor
            sums += values(chunk).sum(axis=(0, 2, 3))
        average: NDArray[np.float64] = sums / (images.size // images.shape[1])
        return average

    mean = total(lambda chunk: chunk)
    variance = total(lambda chunk: (chunk - mean[:, None, None]) ** 2)
    return mean.tolist(), np.sqrt(variance).tolist()


def in_memory(
    _: str, shape: tuple[int, ...], dtype: np.dtype[np.uint8] | np.dtype[np.float32]
) -> Images:
    """Make room in memory, for datasets that are small."""
    return np.empty(shape, dtype)
