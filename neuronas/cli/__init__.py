"""The command line: one thin function per command; heavy imports happen inside them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from neuronas import __version__
from neuronas.cli import (
    ablate,
    bench,
    care,
    chips,
    cluster,
    data,
    db,
    hardware,
    options,
    proxies,
    search,
    serve,
    studies,
    train,
    worker,
)
from neuronas.errors import NeuronasError

app = typer.Typer(
    name="neuronas",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Search spiking neural networks that fit a compute-in-memory chip.",
)


def _version(value: bool) -> None:
    if value:
        options.write(f"neuronas {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command("search")(search.search)
app.command("resume")(search.resume)
app.command("worker")(worker.worker)
app.command("stop")(care.stop)
app.command("delete")(care.delete)
app.command("compare-studies")(care.compare_studies)
app.command("enqueue")(studies.enqueue)
app.command("list")(studies.list_studies)
app.command("status")(studies.status)
app.command("front")(studies.front)
app.command("history")(studies.history)
app.command("show")(studies.show)
app.command("train")(train.train)
app.command("check")(hardware.check)
app.command("ablate")(ablate.ablate)
app.command("estimate")(hardware.estimate)
app.command("compare")(chips.compare)
app.command("serve")(serve.serve)
app.command("proxy")(proxies.proxy)
app.add_typer(chips.app, name="chips")
app.add_typer(cluster.app, name="cluster")
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")
app.add_typer(bench.app, name="bench")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; our own errors end it with their message and exit code.

    Exit codes: 0 done, 2 usage, 3 wrong input, 4 nothing fits the budget, 5 storage, 6 data,
    7 failed training, 8 an engine of a cluster, 75 database away for too long, 78 packages or
    data of a worker differ, 130 stopped by the user.
    """
    try:
        app(arguments, prog_name="neuronas")
    except NeuronasError as error:
        options.say("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]))
        sys.exit(error.exit_code)
