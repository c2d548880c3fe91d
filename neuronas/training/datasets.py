"""Datasets as arrays with fixed splits: train, validation, test.

The search sees validation accuracy only; the test split is read for the final front alone.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from neuronas.errors import DatasetError

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

FASHION_MNIST_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Split:
    """Samples of one part of a dataset.

    Attributes:
        images: Shape ``(N, C, H, W)``; zero mean and unit variance over the training split.
        labels: Shape ``(N,)``.
    """

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


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


def load_dataset(name: str, data_dir: Path | None = None, samples: int | None = None) -> Dataset:
    """Return a dataset by its name in study files.

    Args:
        name: ``digits`` or ``fashion_mnist``.
        data_dir: Folder with the dataset's files; its usual place when None.
        samples: Training samples to keep, the same stratified ones every time; all when None.

    Raises:
        DatasetError: Files are absent or damaged; the message says how to get them.
    """
    if name not in _READERS:
        raise DatasetError(
            f"{name}: hardware can be checked and estimated for it, but this version cannot train "
            f"on it yet; it can on {', '.join(_READERS)}"
        )
    dataset = _READERS[name](data_dir)
    if samples is None or samples == len(dataset.train):
        return dataset
    if samples > len(dataset.train):
        raise DatasetError(
            f"{name}: training.samples is {samples}, but the training split has only "
            f"{len(dataset.train)} images"
        )
    kept, _ = _stratified(dataset.train.labels, len(dataset.train) - samples)
    train = Split(dataset.train.images[kept], dataset.train.labels[kept])
    return replace(dataset, description=f"{dataset.description}, {samples} kept", train=train)


def _stratified(labels: Labels, held_out: int) -> tuple[Labels, Labels]:
    """Return the indices kept and held out; the same every time.

    Stratified by class, unless one of the two has fewer samples than there are classes.
    """
    smaller = min(held_out, len(labels) - held_out)
    classes = labels if smaller >= len(np.unique(labels)) else None
    kept, out = train_test_split(
        np.arange(len(labels)), test_size=held_out, stratify=classes, random_state=_SPLIT_SEED
    )
    return np.sort(kept), np.sort(out)


def _assemble(
    name: str, train: tuple[Images, Labels], held_out: int, test: tuple[Images, Labels]
) -> Dataset:
    images, labels = train
    kept, validation = _stratified(labels, held_out)
    mean, deviation = float(images[kept].mean()), float(images[kept].std())

    def split(images: Images, labels: Labels) -> Split:
        return Split(((images - mean) / deviation).astype(np.float32), labels)

    parts = (
        split(images[kept], labels[kept]),
        split(images[validation], labels[validation]),
        split(*test),
    )
    sizes = "/".join(str(len(part)) for part in parts)
    content = _content_digest(*train, *test)
    return Dataset(f"{name}, stratified split 1, {sizes}, sha256 {content}", *parts)


def _content_digest(*arrays: Images | Labels) -> str:
    """Return what tells files of equal names and shapes apart."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _digits(_: Path | None) -> Dataset:
    bunch = load_digits()
    images = (bunch.images[:, None] / 16.0).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    rest, test = _stratified(labels, 360)
    return _assemble("digits", (images[rest], labels[rest]), 360, (images[test], labels[test]))


def _fashion_mnist(data_dir: Path | None) -> Dataset:
    folder = data_dir or FASHION_MNIST_DEBIAN
    train, test = (
        (
            _idx(folder, f"{part}-images-idx3-ubyte")[:, None].astype(np.float32) / 255.0,
            _idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64),
        )
        for part in ("train", "t10k")
    )
    for part, (images, labels) in (("train", train), ("t10k", test)):
        if images.shape[1:] != (1, 28, 28):
            raise DatasetError(
                f"{folder}: {part} has images of {images.shape[2]}x{images.shape[3]} pixels, "
                "expected 28x28; the files are another dataset's"
            )
        if len(images) != len(labels):
            raise DatasetError(
                f"{folder}: {part} has {len(images)} images but {len(labels)} labels; "
                "the files do not belong together, get them again"
            )
    return _assemble("fashion_mnist", train, len(train[1]) // 6, test)


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Return the array in an IDX file, gzipped or not."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            break
    else:
        raise DatasetError(
            f"fashion_mnist: no {name}.gz in {folder}. On Debian: apt-get install "
            "dataset-fashion-mnist; or put the four IDX files (https://github.com/"
            "zalandoresearch/fashion-mnist) into a folder and name it with --data-dir"
        )
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zero, code, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DatasetError(f"{path}: damaged ({error}); get it again") from None
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions)
    unsigned_byte = 8
    if zero != 0 or code != unsigned_byte or values.size != math.prod(shape):
        raise DatasetError(f"{path}: not an IDX file of bytes, or cut short; get it again")
    return values.reshape(shape)


_READERS: dict[str, Callable[[Path | None], Dataset]] = {
    "digits": _digits,
    "fashion_mnist": _fashion_mnist,
}
