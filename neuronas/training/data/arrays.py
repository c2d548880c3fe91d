"""The user's own arrays: an ``.npz`` file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.config import OwnDataset, suggestion
from neuronas.errors import DatasetError
from neuronas.training.data.parts import Part, Parts, Reading, check_part
from neuronas.training.data.splits import Labels

_PARTS = ("train", "validation", "test")
_NAMES = [f"{axis}_{part}" for part in _PARTS for axis in "xy"]
_WRITE = "numpy.savez(FILE, x_train=..., y_train=...)"


def own_arrays(own: OwnDataset) -> Reading:
    """Return the reading of ``x_train, y_train`` and, where they are, of the other parts.

    Raises:
        DatasetError: The file is absent.
    """
    if own.path.is_dir():
        raise DatasetError(
            f"{own.path}: is a folder; name an .npz file as dataset.npz in the study file, or, for "
            "a folder of image files, say 'images:' instead of 'npz:'"
        )
    if not own.path.is_file():
        raise DatasetError(
            f"{own.path}: no such file; write it with {_WRITE}, or correct dataset.npz in the "
            "study file"
        )
    return Reading([own.path], lambda: _parts(own))


def _parts(own: OwnDataset) -> Parts:
    arrays = _read(own.path)
    if "x_train" not in arrays:
        raise DatasetError(
            f"{own.path}: has no array 'x_train'; it has {', '.join(arrays) or 'none'}; write it "
            f"with {_WRITE}"
        )
    given = {name[2:] for name in arrays}
    parts = {name: _part(name, arrays, own) for name in _PARTS if name in given}
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
            _check_names(path, arrays.files)
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"{path}: damaged, or no .npz file of plain arrays ({error}); write it again with "
            "numpy.savez"
        ) from None


def _check_names(path: Path, found: list[str]) -> None:
    """Raise a DatasetError if an array would be left out of account."""
    unknown = [name for name in found if name not in _NAMES]
    if unknown:
        raise DatasetError(
            f"{path}: unknown array '{unknown[0]}'; it has {', '.join(found)}; allowed: "
            f"{', '.join(_NAMES)}; rename it or leave it out, as with {_WRITE}"
            f"{suggestion(unknown[0], _NAMES)}"
        )


def _part(name: str, arrays: dict[str, NDArray[np.generic]], own: OwnDataset) -> Part:
    for there, lacking, what in (("x", "y", "labels"), ("y", "x", "images")):
        if f"{lacking}_{name}" not in arrays:
            raise DatasetError(
                f"{own.path}: has {there}_{name} but no {lacking}_{name}; add its {what}"
            )
    images, labels = arrays[f"x_{name}"], arrays[f"y_{name}"]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DatasetError(
            f"{own.path}: y_{name} has shape {labels.shape} and type {labels.dtype}; expected one "
            "integer per image"
        )
    part = Part(_typed(images), _int64(labels))
    check_part(part, own.path, own.info, name)
    return part


def _typed(images: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the images unchanged; their type is checked with the rest."""
    return images  # type: ignore[return-value]


def _int64(labels: NDArray[np.generic]) -> Labels:
    return labels.astype(np.int64)
