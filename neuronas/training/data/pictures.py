"""Image files: Tiny-ImageNet-200, and folders of the user's own."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from neuronas.config import DATASETS, OwnDataset
from neuronas.errors import DatasetError
from neuronas.sources import SOURCES, remedy
from neuronas.training.data.parts import DecodedFiles, Part, Parts, Reading, check_part
from neuronas.training.data.splits import Labels

_SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {"1", "L", "P", "RGB", "CMYK"}
"""What Pillow calls pixels of 8 bits a channel at most, without transparency."""


def _decoded(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    channels, height, width = shape
    try:
        content = io.BytesIO(path.read_bytes())
        with Image.open(content) as image:
            image.verify()  # what is not needed to decode too, such as a PNG file's checksums
        with Image.open(content) as image:
            if image.size != (width, height):
                raise DatasetError(
                    f"{path}: has {image.width}x{image.height} pixels (width x height), expected "
                    f"{width}x{height}; resize all images to one size, or state theirs as shape"
                )
            if image.mode not in _MODES:
                raise DatasetError(
                    f"{path}: has pixels of Pillow's mode {image.mode}; save it with 8 bits a "
                    "channel and without transparency"
                )
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise DatasetError(
            f"{path}: damaged, or no image{why}; put a whole one in its place, or take it away"
        ) from None
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)


def _listed(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; hidden ones left out."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be read: {error.strerror}; put it there again"
        ) from None


def tiny_imagenet(name: str, folder: Path) -> Reading:
    """Return the reading of Tiny-ImageNet's own folders.

    Classes are numbered in the order of their WordNet identifiers. The folder ``val`` is the test
    part, because the labels of ``test`` were never published.

    Raises:
        DatasetError: A file or folder is absent or damaged.
    """
    shape = DATASETS[name].input_shape
    try:
        classes = sorted((folder / "wnids.txt").read_text(encoding="ascii").split())
        lines = (folder / "val" / "val_annotations.txt").read_text(encoding="ascii").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{name}: no {error.filename}. {remedy(name, SOURCES[name])}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{folder}: wnids.txt or val_annotations.txt: {error}") from None
    train = _by_class({wnid: folder / "train" / wnid / "images" for wnid in classes})
    test = _annotated(folder / "val", lines, classes)

    def decode() -> Parts:
        parts = [
            Part(DecodedFiles(paths, shape, _decoded), labels) for paths, labels in (train, test)
        ]
        for part, where in zip(parts, ("train", "val"), strict=True):
            check_part(part, folder / where, DATASETS[name])
        return Parts(parts[0], test=parts[1], held_out=DATASETS[name].validation_samples)

    listing = [folder / "wnids.txt", folder / "val" / "val_annotations.txt"]
    return Reading([*listing, *train[0], *test[0]], decode)


def _annotated(
    folder: Path, lines: Sequence[str], classes: Sequence[str]
) -> tuple[list[Path], Labels]:
    numbers = {wnid: number for number, wnid in enumerate(classes)}
    paths, labels = [], []
    for index, line in enumerate(lines, 1):
        file, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in numbers:
            raise DatasetError(
                f"{folder / 'val_annotations.txt'}: line {index} names no class of wnids.txt; it "
                "is damaged, get it again"
            )
        paths.append(folder / "images" / file)
        labels.append(numbers[wnid])
    return paths, np.array(labels, dtype=np.int64)


def _by_class(folders: dict[str, Path]) -> tuple[list[Path], Labels]:
    """Return the images of one folder per class, and their labels."""
    paths: list[Path] = []
    counts = []
    for folder in folders.values():
        found = [folder / file for file in _listed(folder) if file.lower().endswith(_SUFFIXES)]
        if not found:
            raise DatasetError(
                f"{folder}: has no images ({', '.join(_SUFFIXES)}); put the images of this class "
                "there"
            )
        paths += found
        counts.append(len(found))
    return paths, np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def own_pictures(own: OwnDataset) -> Reading:
    """Return the reading of ``train/CLASS/*``, and of ``validation`` and ``test`` where they are.

    Classes are numbered in the order of their folders' names.

    Raises:
        DatasetError: A folder is absent or empty, or there are other classes than stated.
    """
    if not own.path.is_dir():
        told = "is a file" if own.path.exists() else "no such folder"
        raise DatasetError(
            f"{own.path}: {told}; name a folder with train/CLASS/ as dataset.images in the study "
            "file, or, for an .npz file, say 'npz:' instead of 'images:'"
        )
    names = _listed(own.path)
    if "train" not in names:
        raise DatasetError(
            f"{own.path}: has no folder 'train'; put the images into train/CLASS/, and those of "
            "other parts, if you have any, into validation/CLASS/ and test/CLASS/"
        )
    classes = _classes(own.path / "train", own.classes)
    found = {
        part: _by_class({each: own.path / part / each for each in classes})
        for part in ("train", "validation", "test")
        if part in names
    }

    def decode() -> Parts:
        parts = {
            k: Part(DecodedFiles(paths, own.shape, _decoded), labels)
            for k, (paths, labels) in found.items()
        }
        return Parts(parts["train"], parts.get("validation"), parts.get("test"))

    return Reading([path for paths, _ in found.values() for path in paths], decode)


def _classes(folder: Path, count: int) -> list[str]:
    classes = [name for name in _listed(folder) if (folder / name).is_dir()]
    if len(classes) != count:
        raise DatasetError(
            f"{folder}: has {len(classes)} folders of classes, the study file says {count}; state "
            "their number as dataset.classes"
        )
    return classes
