"""The user's own arrays: an ``.npz`` file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.config import OwnDataset
from neuronas.errors import DatasetError
from neuronas.training.data.parts import Part, Parts, Reading, check_part
from neuronas.training.data.splits import Labels

_PARTS = ("train", "validation", "test")


def own_arrays(own: OwnDataset) -> Reading:
    """Return the reading of ``x_train, y_train`` and, where they are, of the other parts.

    Raises:
        DatasetError: The file is absent.
    """
    if not own.path.is_file():
        raise DatasetError(
            f"{own.path}: no such file; write it with numpy.savez(FILE, x_train=..., y_train=...), "
            "or correct dataset.npz in the study file"
        )
    return Reading([own.path], lambda: _parts(own))


def _parts(own: OwnDataset) -> Parts:
    arrays = _read(own.path)
    parts = {name: _part(name, arrays, own) for name in _PARTS if f"x_{name}" in arrays}
    if "train" not in parts:
        raise DatasetError(
            f"{own.path}: has no array 'x_train'; it has {', '.join(arrays) or 'none'}; write it "
            "with numpy.savez(FILE, x_train=..., y_train=...)"
        )
    types = {part.images.dtype for part in parts.values()}
    if len(types) > 1:
        raise DatasetError(f"{own.path}: x_train and the other images differ in type; use one")
    divisor = 255.0 if types == {np.dtype(np.uint8)} else 1.0
    return Parts(parts["train"], parts.get("validation"), parts.get("test"), divisor)


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise DatasetError(f"{path}: one array, no .npz file; write it with numpy.savez")
            return {
                name: arrays[name]
                for name in arrays.files
                if name[:2] in {"x_", "y_"} and name[2:] in _PARTS
            }
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"{path}: damaged, or no .npz file of plain arrays ({error}); write it again with "
            "numpy.savez"
        ) from None


def _part(name: str, arrays: dict[str, NDArray[np.generic]], own: OwnDataset) -> Part:
    where = f"{own.path}: x_{name}"
    if f"y_{name}" not in arrays:
        raise DatasetError(f"{own.path}: has x_{name} but no y_{name}; add its labels")
    images, labels = arrays[f"x_{name}"], arrays[f"y_{name}"]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DatasetError(
            f"{own.path}: y_{name} has shape {labels.shape} and type {labels.dtype}; expected one "
            "integer per image"
        )
    part = Part(_typed(images), _int64(labels))
    check_part(part, where, own.info)
    return part


def _typed(images: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the images unchanged; their type is checked with the rest."""
    return images  # type: ignore[return-value]


def _int64(labels: NDArray[np.generic]) -> Labels:
    return labels.astype(np.int64)
