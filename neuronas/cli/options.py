"""Options and output that commands share: stdout is data, stderr is talk."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from neuronas.errors import NeuronasError

if TYPE_CHECKING:
    from neuronas.report import Table


class OutputFormat(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class JsonFormat(StrEnum):
    """How nested data is written to stdout."""

    TABLE = "table"
    JSON = "json"


Name = Annotated[str, typer.Argument(help="Name of a stored study.", show_default=False)]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="Database: sqlite:///FILE, postgresql://USER@HOST/DATABASE, or @FILE, a file of mode "
        "0600 that holds it. Default: NEURONAS_STORAGE, else the file that NEURONAS_STORAGE_FILE "
        "names, else sqlite:///neuronas.db.",
        show_default=False,
    ),
]
Format = Annotated[OutputFormat, typer.Option("--format", help="Format of the data on stdout.")]
NestedFormat = Annotated[JsonFormat, typer.Option("--format", help="Format of the data on stdout.")]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=1,
        help="Networks newly trained in all; reused, pruned and failed ones do not count.",
        show_default=False,
    ),
]
ChipName = Annotated[
    str | None,
    typer.Option(
        "--chip",
        help="Chip preset or chip file. Default: the model's, rram-32nm without a model.",
        show_default=False,
    ),
]
CheckpointDir = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint-dir",
        help="Folder of weights. Default: NEURONAS_CHECKPOINT_DIR, else checkpoints.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder with the dataset's files, or with a folder of its name. Default: "
        "NEURONAS_DATA_DIR, else neuronas in the user's data folder.",
        show_default=False,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        min=1,
        help="Threads of torch; more help large networks only. Results repeat at an equal count.",
    ),
]

Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="cpu or cuda. Default: cuda where it is available.",
        show_default=False,
    ),
]


def write(text: str) -> None:
    """Write data to stdout.

    Raises:
        NeuronasError: It cannot be written; a reader that went away, such as head, is no error.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered must not be written when the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except OSError as error:
        raise NeuronasError(f"the output cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    """Write talk to stderr."""
    sys.stderr.write(f"{text}\n")


def write_table(table: Table, form: OutputFormat | JsonFormat) -> None:
    """Write a table to stdout, fitted to the terminal if it is one."""
    text = cast("Literal['table', 'json', 'csv']", form.value)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    write(table.render(text, width=width))


def write_tables(tables: Sequence[Table]) -> None:
    """Write tables for people to stdout, an empty line between them."""
    for index, table in enumerate(tables):
        if index:
            write("\n")
        write_table(table, OutputFormat.TABLE)
