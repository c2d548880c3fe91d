"""The folders where a dataset's files are looked for."""

from __future__ import annotations

import os
from pathlib import Path

from neuronas.config import DATASETS, dataset_names, suggestion
from neuronas.errors import DatasetError
from neuronas.sources.catalogue import SOURCES, Source

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEAST = 18
"""Bytes of the header and the trailer of a zipped file."""


def data_root(data_dir: Path | None = None) -> Path:
    """Return the folder that has a folder for each dataset.

    It is ``data_dir``, else ``NEURONAS_DATA_DIR``, else ``neuronas`` in the user's data folder
    (``XDG_DATA_HOME``, else ``~/.local/share``).
    """
    named = data_dir or os.environ.get("NEURONAS_DATA_DIR")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "neuronas"


def source_of(name: str) -> Source:
    """Return where a dataset's files come from.

    Raises:
        DatasetError: There is no such dataset, or it needs no files of its own.
    """
    if name in SOURCES:
        return SOURCES[name]
    require_known(name)
    package = "scikit-learn" if name in DATASETS else "an installed package"
    raise DatasetError(f"{name}: comes with {package}; it needs no files, there is nothing to get")


def require_known(name: str) -> None:
    """Raise a DatasetError that tells the nearest name unless there is such a dataset."""
    names = dataset_names()
    if name not in names:
        raise DatasetError(
            f"no dataset '{name}'; there are {', '.join(names)}{suggestion(name, names)}"
        )


def find(name: str, source: Source, data_dir: Path | None = None) -> Path | None:
    """Return the folder that has a dataset's files; None if none is found.

    Looked for in ``data_dir`` itself if it is named, then in the folder of the dataset's name in
    :func:`data_root`, then where a package of the system puts them.
    """
    for folder in _candidates(name, source, data_dir):
        names = {source.marker, source.marker.removesuffix(".gz")}
        if any((folder / name).exists() for name in names):
            return folder
    return None


def require(name: str, source: Source, data_dir: Path | None = None) -> Path:
    """Return the folder that has a dataset's files.

    Raises:
        DatasetError: None is found; the message says where was looked and how to get the files.
    """
    folder = find(name, source, data_dir)
    if folder is not None:
        return folder
    looked = ", ".join(map(str, _candidates(name, source, data_dir)))
    raise DatasetError(f"{name}: no {source.marker} in {looked}. {remedy(name, source)}")


def damage(source: Source, folder: Path) -> str | None:
    """Return what is wrong with a dataset's files, as far as sizes tell; None if nothing is.

    A zipped file ends with the size of its content, so none is read; readers look closer.
    """
    for file, size in source.files.items():
        plain = folder / file.removesuffix(".gz")
        path = folder / file if (folder / file).exists() else plain
        if not path.exists():
            return f"no {file} in {folder}"
        try:
            found = _content_size(path) if size is not None else None
        except OSError as error:
            return f"{path}: cannot be read: {error.strerror}"
        if found != size:
            return f"{path}: cut short, or of another format"
    return None


def _content_size(path: Path) -> int | None:
    """Return the bytes in a file, unzipped; None if it is not the zipped file that it claims."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        if path.suffix != ".gz":
            return length
        file.seek(0)
        if length < _GZIP_LEAST or file.read(2) != _GZIP_MAGIC:
            return None
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def require_whole(name: str, source: Source, folder: Path) -> None:
    """Raise a DatasetError that tells what to do if a dataset's files are damaged."""
    problem = damage(source, folder)
    if problem is None:
        return
    cure = f"move {folder} away, then run 'neuronas data fetch {name}'"
    if folder == source.packaged:
        cure = f"on Debian: apt-get install --reinstall {source.package}"
    raise DatasetError(f"{name}: {problem}; {cure}")


def remedy(name: str, source: Source) -> str:
    """Return how a dataset's files are got."""
    package = f", or on Debian: apt-get install {source.package}" if source.package else ""
    return (
        f"Get it with 'neuronas data fetch {name}'{package}; or put the files of {source.page} "
        "into a folder and name it with --data-dir"
    )


def _candidates(name: str, source: Source, data_dir: Path | None) -> list[Path]:
    root = data_root(data_dir)
    folders = [root / name]
    if data_dir is not None:  # a folder that is named may be the dataset's own
        folders.insert(0, root)
    if source.packaged is not None:
        folders.append(source.packaged)
    if source.unpacked:
        folders = [each for folder in folders for each in (folder / source.unpacked, folder)]
    return folders
