"""``neuronas data``: which datasets there are, where their files are, and getting them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import Format, OutputFormat, say, write, write_table

if TYPE_CHECKING:
    from neuronas.sources import Listener

app = typer.Typer(help="Datasets: which there are, where their files are, and getting them.")

Dataset = Annotated[str, typer.Argument(help="Name of a dataset.", show_default=False)]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder with a folder for each dataset. Default: NEURONAS_DATA_DIR, else neuronas "
        "in the user's data folder.",
        show_default=False,
    ),
]


@app.command("list")
def list_datasets(data_dir: DataDir = None, form: Format = OutputFormat.TABLE) -> None:
    """List the datasets: shape, classes, splits, and where the files are."""
    from neuronas.config import dataset_names, named_dataset
    from neuronas.report import datasets_table
    from neuronas.sources import SOURCES, damage, find

    infos = {name: named_dataset(name) for name in dataset_names()}
    found = {name: find(name, source, data_dir) for name, source in SOURCES.items()}
    damaged = {n for n, folder in found.items() if folder and damage(SOURCES[n], folder)}
    write_table(datasets_table(infos, found, damaged), form)


@app.command()
def path(name: Dataset, data_dir: DataDir = None) -> None:
    """Print the folder with a dataset's files."""
    from neuronas.sources import require, require_whole, source_of

    source = source_of(name)
    folder = require(name, source, data_dir)
    require_whole(name, source, folder)
    write(f"{folder}\n")


@app.command()
def fetch(name: Dataset, data_dir: DataDir = None) -> None:
    """Get a dataset's files from its official address, checked; goes on where it was cut."""
    from neuronas.sources import data_root, find, require, require_whole, source_of
    from neuronas.sources import fetch as get

    source = source_of(name)
    there, folder = find(name, source, data_dir), data_root(data_dir) / name
    if there is None or there.is_relative_to(folder):
        with _shown() as listener:
            get(source, folder, listener)
        there = require(name, source, folder)
    require_whole(name, source, there)
    say(f"{name} is in {there}")


@contextmanager
def _shown() -> Iterator[Listener]:
    """Give a listener that shows what is got: a live line on a terminal, one line elsewhere."""
    told: set[str] = set()

    def tell(file: str, done: int, total: int | None) -> None:
        if file not in told:
            told.add(file)
            say(f"getting {file}" + (f", {_megabytes(total)}" if total else ""))

    if not sys.stderr.isatty():
        yield tell
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("connecting") as status:
        yield lambda file, done, total: status.update(
            f"getting {file}: {_megabytes(done)}" + (f" of {_megabytes(total)}" if total else "")
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
