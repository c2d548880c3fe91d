"""``neuronas bench``: timings against a baseline that runs alternately in the same process."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import Format, OutputFormat, write_table

if TYPE_CHECKING:
    from neuronas.benchmarks import Timing

app = typer.Typer(no_args_is_help=True, help="Measure speed against a baseline, in pairs.")

Repetitions = Annotated[int, typer.Option("--repetitions", min=1, help="Runs of each variant.")]


@app.command("hardware")
def hardware(repetitions: Repetitions = 15, form: Format = OutputFormat.TABLE) -> None:
    """Costing networks one by one and in batches."""
    from neuronas.benchmarks.hardware import bench_hardware

    _write(bench_hardware(repetitions), form)


@app.command("lif")
def lif(repetitions: Repetitions = 15, form: Format = OutputFormat.TABLE) -> None:
    """Training LIF neurons, against stepping snntorch's."""
    from neuronas.benchmarks.lif import bench_lif

    _write(bench_lif(repetitions), form)


def _write(timings: list[Timing], form: OutputFormat) -> None:
    from neuronas.report import timings_table

    write_table(timings_table([asdict(timing) for timing in timings]), form)
