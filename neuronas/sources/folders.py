"""The folders where a dataset's files are looked for."""

from __future__ import annotations

import os
from pathlib import Path

from neuronas.config import dataset_names, suggestion
from neuronas.errors import DatasetError
from neuronas.sources.catalogue import SOURCES, Source


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
    if name in dataset_names():
        raise DatasetError(f"{name}: comes with an installed package; there is nothing to get")
    raise DatasetError(
        f"no dataset '{name}'; there are {', '.join(SOURCES)}{suggestion(name, list(SOURCES))}"
    )


def find(name: str, source: Source, data_dir: Path | None = None) -> Path | None:
    """Return the folder that has a dataset's files; None if none is found."""
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
    elif source.packaged is not None:
        folders.append(source.packaged)
    if source.unpacked:
        folders = [each for folder in folders for each in (folder / source.unpacked, folder)]
    return folders
