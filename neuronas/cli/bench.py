"""``neuronas bench``: speed against a baseline in the same process, and agreement with others."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import DataDir, Format, OutputFormat, say, write_table, write_tables

if TYPE_CHECKING:
    from neuronas.benchmarks import search as trained
    from neuronas.benchmarks.proxies import Step

app = typer.Typer(
    no_args_is_help=True, help="Measure speed against a baseline, and agreement with a simulator."
)

_QUIET_SECONDS = 10.0

Repetitions = Annotated[int, typer.Option("--repetitions", min=1, help="Runs of each variant.")]


@app.command("cim")
def cim(repetitions: Repetitions = 5, form: Format = OutputFormat.TABLE) -> None:
    """Costing up to a million networks, against a loop over SpikeSim's closed form."""
    from neuronas.benchmarks.cim import bench_cim
    from neuronas.report import speed_table

    write_table(speed_table([asdict(row) for row in bench_cim(repetitions)]), form)


@app.command("hardware")
def hardware(
    data: Annotated[
        Path, typer.Option("--data", help="Cases of a simulator, as JSON.", show_default=False)
    ],
    leave_one_chip_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-chip-out",
            help="Show beside what constants give that were fitted without the case's chip.",
        ),
    ] = False,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Agreement of model 'cim' with a simulator: rank correlation, ratio, share within 2x."""
    from neuronas.benchmarks import agreement, calibration
    from neuronas.report import agreement_table

    cases = agreement.read_cases(data)
    rows = [asdict(row) | {"constants": "shipped"} for row in agreement.agreement(cases)]
    if leave_one_chip_out:
        refitted = calibration.leave_one_chip_out(cases)
        rows += [asdict(row) | {"constants": "without the chip"} for row in refitted]
    write_table(agreement_table(rows), form)


@app.command("lif")
def lif(repetitions: Repetitions = 15, form: Format = OutputFormat.TABLE) -> None:
    """Training LIF neurons, against stepping snntorch's."""
    from neuronas.benchmarks.lif import bench_lif
    from neuronas.report import timings_table

    write_table(timings_table([asdict(timing) for timing in bench_lif(repetitions)]), form)


@app.command("proxies")
def proxies(
    networks: Annotated[int, typer.Option("--networks", min=2, help="Networks to measure.")] = 100,
    state: Annotated[
        Path,
        typer.Option("--state", help="File of what was measured; it is gone on with."),
    ] = Path("bench-proxies.json"),
    data_dir: DataDir = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """How well proxies and brief training rank networks as longer training does.

    Fashion-MNIST at 14x14. Takes about a minute per network; the state is written after each, and
    the same command goes on where it was stopped or killed.
    """
    from neuronas.benchmarks.proxies import bench_proxies, fidelities
    from neuronas.cli.stopping import stopped_by_user
    from neuronas.report import fidelities_table

    with stopped_by_user(f"what was measured is in {state}, the same command goes on"):
        measured = bench_proxies(networks, state, data_dir=data_dir, listener=_say_step)
    write_table(fidelities_table([asdict(row) for row in fidelities(measured)]), form)


def _say_step(step: Step) -> None:
    left = "" if step.seconds_left is None else f", {step.seconds_left / 60:.0f} min left"
    say(f"{step.done}/{step.networks} networks measured{left}")


@app.command("search")
def search(
    data: Annotated[
        Path,
        typer.Option("--data", help="Trainings of SpikeNAS-Bench, as npz.", show_default=False),
    ],
    problem: Annotated[
        list[str] | None,
        typer.Option(
            "--problem",
            help="YAML or JSON file with objectives, satisfied_share or budget, and "
            "reference_accuracy; or a to e. May be repeated. Default: a to e.",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option("--sampler", help="May be repeated. Default: all.", show_default=False),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, help="Default: 30, with --quick 4; of gp a third.", show_default=False
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds, 60 trainings, no gp.")
    ] = False,
    state: Annotated[
        Path,
        typer.Option("--state", help="File of what was run; it is gone on with."),
    ] = Path("bench-search.json"),
    processes: Annotated[int, typer.Option("--processes", min=1, help="Runs at once.")] = 2,
    form: Format = OutputFormat.TABLE,
) -> None:
    """What each sampler leaves unfound of the true front, on cells whose trainings are known.

    Share of the front's hypervolume; where accuracy is the only objective, accuracy. Truth is
    estimated from several trainings of equal networks, or from the like; costs are those of model
    cim on its default chip. The state is written after each run, and the same command goes on where
    it was stopped or killed.
    """
    from neuronas.benchmarks import search as trained
    from neuronas.cli.stopping import stopped_by_user
    from neuronas.report import search_table, search_tables

    asked = [trained.problem_named(text) for text in problem or trained.PROBLEMS]
    plans = trained.plans([p.name for p in asked], sampler or [], seeds, quick=quick)
    with stopped_by_user(f"what was run is in {state}, the same command goes on"):
        bench = trained.Bench.of(trained.read_table(data), asked)
        for made in bench.problems.values():
            say(made.told())
        runs = trained.run_all(
            bench, plans, data=data, state=state, processes=processes, listener=_say_now_and_then()
        )
        rows = [asdict(row) for row in trained.results(bench, runs)]
    if form is OutputFormat.TABLE:
        write_tables(search_tables(rows))
    else:
        write_table(search_table(rows), form)


@app.command("fidelity")
def fidelity(
    data: Annotated[
        Path,
        typer.Option("--data", help="Trainings of SpikeNAS-Bench, as npz.", show_default=False),
    ],
    problem: Annotated[
        list[str] | None,
        typer.Option(
            "--problem",
            help="As of bench search. May be repeated. Default: a and b.",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="One of bench search's.")] = (
        "hardware-aware"
    ),
    rungs: Annotated[
        str, typer.Option("--rungs", help="Epochs at which trainings pause, of 100.")
    ] = "10,30",
    epochs: Annotated[
        int,
        typer.Option("--epochs", min=200, help="Of a search with rungs; without, five times it."),
    ] = 4000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs of each.")] = 12,
    form: Format = OutputFormat.TABLE,
) -> None:
    """What a search in rungs leaves unfound, and one of full trainings, by the epochs they take.

    Each training pauses with the accuracy of its recorded curve. That of a truncated long schedule
    is not that of a short one, so rungs of trainings planned to be short may do better.
    """
    from neuronas.benchmarks import search as trained
    from neuronas.report import fidelity_table

    stops = trained.rungs_named(rungs)
    asked = [trained.problem_named(text) for text in problem or ("a", "b")]
    plans = trained.fidelity_plans([p.name for p in asked], sampler, stops, epochs, seeds)
    bench = trained.Bench.of(trained.read_table(data), asked)
    rows = trained.fidelity_results(bench, plans, _say_runs())
    write_table(fidelity_table([asdict(row) for row in rows]), form)


def _say_runs() -> Callable[[int, int], None]:
    """Return what tells now and then how many runs are done."""
    told_at = time.monotonic()

    def tell(done: int, runs: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _QUIET_SECONDS:
            told_at = time.monotonic()
            say(f"{done}/{runs} runs")

    return tell


def _say_now_and_then() -> Callable[[trained.Step], None]:
    """Return what tells how far the benchmark is, but not each of a thousand runs."""
    told_at = float("-inf")

    def tell(step: trained.Step) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= _QUIET_SECONDS or step.done == step.runs:
            told_at = now
            left = "" if step.seconds_left is None else f", {step.seconds_left / 60:.1f} min left"
            say(f"{step.done}/{step.runs} runs{left}")

    return tell


@app.command("service")
def service(
    storage: Annotated[
        str,
        typer.Option(
            "--storage", help="Database for this alone; studies are left in it.", show_default=False
        ),
    ],
    clients: Annotated[
        list[int] | None,
        typer.Option("--clients", min=1, help="May be repeated. Default: 1, 4, 16, 64."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials of each run. Default: 192, or 12 per worker if that is more.",
            show_default=False,
        ),
    ] = None,
    train_seconds: Annotated[float, typer.Option(min=0.0, help="Time of each training.")] = 0.0,
    repetitions: Repetitions = 3,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Trials per second that a database takes from many workers, against plain Optuna.

    Workers do everything but train. Both sides run alternately, with the same sampler.
    """
    from neuronas.benchmarks.service import CLIENTS, bench_service
    from neuronas.report import service_table
    from neuronas.storage import resolve_url

    rows = bench_service(
        resolve_url(storage),
        clients or CLIENTS,
        trials=trials,
        repetitions=repetitions,
        train_seconds=train_seconds,
        listener=say,
    )
    write_table(service_table([asdict(row) for row in rows]), form)


@app.command("training")
def training(
    repetitions: Repetitions = 7,
    channels: Annotated[
        str, typer.Option("--channels", help="Channels of cell A, separated by commas.")
    ] = "16,32",
    form: Format = OutputFormat.TABLE,
) -> None:
    """Training the reference network on one thread, against snntorch and spikingjelly.

    Images per second of processor time; of two workers side by side, of wall-clock time.
    """
    from neuronas.benchmarks.training import bench_training
    from neuronas.report import training_table

    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", channels):
        raise typer.BadParameter("give numbers above 0, such as 16,32", param_hint="--channels")
    widths = [int(width) for width in channels.split(",")]
    rows = bench_training(repetitions, widths, say)
    write_table(training_table([asdict(row) for row in rows]), form)
