"""Decoded datasets on disk, memory-mapped: made once, whole or not at all, shared by processes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from neuronas.errors import DatasetError
from neuronas.training.data.assembling import Allocate
from neuronas.training.data.splits import Dataset, Images, Scaling, Split
from neuronas.training.data.workspace import workspace

FORMAT = 2
"""Version of the files below, and of how readers decode."""

_SPLITS = ("train", "validation", "test")
_ABOUT = "about.json"


def cache_root() -> Path:
    """Return the folder of decoded datasets; it may be deleted at any time.

    It is ``NEURONAS_CACHE_DIR``, else ``neuronas`` in the user's cache folder
    (``XDG_CACHE_HOME``, else ``~/.cache``).
    """
    named = os.environ.get("NEURONAS_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronas"


def cache_key(files: Iterable[Path], transforms: dict[str, Any]) -> str:
    """Return what changes with the source files and with all that is done to them.

    Files count by path, size and times of change: there may be a hundred thousand of them. Their
    content is digested when they are decoded, and that digest is part of the description.

    Raises:
        DatasetError: A file is absent.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, transforms], sort_keys=True).encode())
    for path in sorted(files):
        try:
            found = path.stat()
        except OSError as error:
            raise DatasetError(
                f"{path}: cannot be read: {error.strerror}; put it there again"
            ) from None
        facts = (str(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:20]


def cached(name: str, key: str, make: Callable[[Allocate], Dataset]) -> Dataset:
    """Return a decoded dataset, from the cache if it is there.

    Of two processes that make it at once, one finishes first and both use what that one made. What
    processes left that were killed while they made one is deleted when the next is made.

    Args:
        name: Begin of the folder's name.
        key: Its :func:`cache_key`.
        make: Makes the dataset in the room that it is given; called if the cache has none, or a
            damaged one.

    Raises:
        DatasetError: The cache cannot be written.
    """
    folder = cache_root() / "datasets" / f"{name}-{key}"
    found = _opened(folder)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with workspace(folder.parent, folder.name) as temporary:
            _write(temporary / "new", make)
            _place(temporary, folder)
    except OSError as error:
        raise DatasetError(
            f"{folder}: the decoded dataset cannot be written: {error.strerror or error}; free "
            "space, or name another folder with NEURONAS_CACHE_DIR"
        ) from None
    made = _opened(folder)
    if made is None:
        raise DatasetError(f"{folder}: changed while it was written; run this again")
    return made


def _write(folder: Path, make: Callable[[Allocate], Dataset]) -> None:
    folder.mkdir()

    def allocate(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Images:
        path = folder / f"{name}-images.npy"
        room: Images = np.lib.format.open_memmap(path, "w+", dtype, shape)
        # A memory map's hole that finds no room when it is filled would kill the process.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return room

    dataset = make(allocate)
    for name in _SPLITS:
        split: Split = getattr(dataset, name)
        if isinstance(split.images, np.memmap):
            split.images.flush()
        np.save(folder / f"{name}-labels.npy", split.labels)
    scaling = dataset.train.scaling
    about = {
        "description": dataset.description,
        "divisor": scaling.divisor,
        "mean": scaling.mean,
        "deviation": scaling.deviation,
    }
    (folder / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")


def _place(temporary: Path, folder: Path) -> None:
    """Put what was written under its name, unless another process has done so meanwhile."""
    try:
        (temporary / "new").rename(folder)
    except OSError:
        if _opened(folder) is not None:
            return
        folder.rename(temporary / "damaged")
        (temporary / "new").rename(folder)


def _opened(folder: Path) -> Dataset | None:
    """Return a cached dataset; None if it is absent or damaged."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        scaling = Scaling(about["divisor"], tuple(about["mean"]), tuple(about["deviation"]))
        splits = [
            Split(
                np.load(folder / f"{name}-images.npy", mmap_mode="r", allow_pickle=False),
                np.load(folder / f"{name}-labels.npy", allow_pickle=False),
                scaling,
            )
            for name in _SPLITS
        ]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    if any(len(split.images) != len(split.labels) for split in splits):
        return None
    return Dataset(about["description"], *splits)
