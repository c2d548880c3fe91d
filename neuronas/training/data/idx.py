"""MNIST and Fashion-MNIST: four IDX files, gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.config import DATASETS
from neuronas.errors import DatasetError
from neuronas.sources import SOURCES, remedy
from neuronas.training.data.parts import Part, Parts, Reading, check_part

_UNSIGNED_BYTE = 8
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


def mnist_like(name: str, folder: Path) -> Reading:
    """Return the reading of a folder with MNIST's four files.

    Raises:
        DatasetError: A file is absent.
    """
    paths = {
        part: [_path(name, folder, f"{part}-{kind}") for kind in _KINDS]
        for part in ("train", "t10k")
    }

    def decode() -> Parts:
        parts = {part: _part(name, f"{folder}: {part}", *paths[part]) for part in paths}
        held_out = DATASETS[name].validation_samples
        return Parts(parts["train"], test=parts["t10k"], held_out=held_out)

    return Reading([path for pair in paths.values() for path in pair], decode)


def _path(name: str, folder: Path, file: str) -> Path:
    for path in (folder / f"{file}.gz", folder / file):
        if path.is_file():
            return path
    raise DatasetError(f"{name}: no {file}.gz in {folder}. {remedy(name, SOURCES[name])}")


def _part(name: str, where: str, images: Path, labels: Path) -> Part:
    part = Part(_array(images, 3)[:, None], _array(labels, 1).astype(np.int64))
    check_part(part, where, DATASETS[name])
    return part


def _array(path: Path, axes: int) -> NDArray[np.uint8]:
    """Return the array in an IDX file of bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zero, code, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DatasetError(f"{path}: damaged ({error}); get it again") from None
    size = len(content) - 4 - 4 * dimensions
    if (zero, code, dimensions) != (0, _UNSIGNED_BYTE, axes) or size != math.prod(shape):
        raise DatasetError(
            f"{path}: not an IDX file of bytes with {axes} dimensions, or cut short; get it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)
