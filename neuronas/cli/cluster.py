"""``neuronas cluster``: workers of a study on an engine such as Slurm."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import (
    CheckpointDir,
    DataDir,
    Device,
    Format,
    Name,
    OutputFormat,
    Storage,
    Threads,
    say,
    write,
    write_table,
)

if TYPE_CHECKING:
    from neuronas.records import StudyRecord
    from neuronas.service.engines import Engine, Pool

WORKER_OPTIONS = (
    "max-trials",
    "max-seconds",
    "lease-seconds",
    "patience-seconds",
    "log-format",
)
"""Options of a worker that say neither what it is given nor when it must have drained."""

app = typer.Typer(help="Workers of a study on an engine: Slurm, Ray, or processes of this machine.")

EngineName = Annotated[
    str,
    typer.Option("--engine", help="What starts the workers: slurm, local, ray, or a plug-in's."),
]


@app.command()
def submit(
    name: Name,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Workers to start.", show_default=False)
    ],
    engine: EngineName = "slurm",
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs for each worker.")] = 0,
    memory_gib: Annotated[
        float | None,
        typer.Option(
            "--memory-gib",
            min=0.1,
            help="Memory for each worker. Default: the engine's.",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            "--hours",
            min=0.1,
            help="Time limit of each worker; it drains before, and is started anew. Default: the "
            "engine's.",
            show_default=False,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="What only the engine knows, such as partition=gpu or licenses=vivado:1; may be "
            "given several times.",
            show_default=False,
        ),
    ] = None,
    worker_option: Annotated[
        list[str] | None,
        typer.Option(
            "--worker-option",
            metavar="KEY=VALUE",
            help=f"Further option of 'neuronas worker': {', '.join(WORKER_OPTIONS)}; may be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be run; write and start nothing.")
    ] = False,
) -> None:
    """Start workers of a stored study, each in a process that the engine looks after.

    What they share stands in CHECKPOINT_DIR/cluster/NAME/ENGINE: logs, the database's URL (for your
    eyes only), and what was asked for, so that scale starts more of the same.
    """
    from neuronas.searching import weights_folder
    from neuronas.service.engines import kept_pool, new_engine, new_pool
    from neuronas.storage import Repository, resolve_url

    chosen, weights, url = new_engine(engine), weights_folder(checkpoint_dir), resolve_url(storage)
    pool = new_pool(
        name,
        engine,
        weights,
        workers=workers,
        data_dir=data_dir and data_dir.absolute(),
        threads=threads,
        device=device,
        gpus=gpus,
        memory_mib=memory_gib and math.ceil(memory_gib * 1024),
        limit_minutes=hours and math.ceil(hours * 60),
        options=_pairs("--option", option or []),
        worker_options=_worker_options(worker_option or []),
    )
    shown = chosen.submit(pool, dry_run=True)
    if dry_run:
        write(shown)
        return
    _require_reachable(chosen, url)
    with Repository(url) as repository:
        _require_not_stopped(repository.study(name))
    earlier = kept_pool(name, engine, weights)
    if earlier is not None:
        _require_none_left(chosen, earlier)
    pool.keep(url)
    chosen.submit(pool)
    say(f"{workers} workers of '{name}' submitted to {engine}; logs: {pool.logs}")
    say(f"look at them with: neuronas cluster status {name} --engine {engine}")


@app.command()
def status(
    name: Name,
    engine: EngineName = "slurm",
    checkpoint_dir: CheckpointDir = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Show a study's workers: what each does, where, why it waits or ended, how often restarted."""
    from neuronas.report import workers_table

    chosen, pool = _kept(name, engine, checkpoint_dir)
    write_table(workers_table(chosen.status(pool), pool.workers, pool.logs), form)


@app.command()
def scale(
    name: Name,
    workers: Annotated[
        int, typer.Argument(min=0, help="Workers there shall be.", show_default=False)
    ],
    engine: EngineName = "slurm",
    checkpoint_dir: CheckpointDir = None,
) -> None:
    """Start more workers like those submitted, or drain the newest; those that wait stop first."""
    chosen, pool = _kept(name, engine, checkpoint_dir)
    change = chosen.scale(pool, workers)
    pool.of_size(workers).keep()
    say(f"{change.started} workers started, {change.stopped} told to stop; {workers} asked for")


@app.command()
def cancel(
    name: Name,
    engine: EngineName = "slurm",
    grace_seconds: Annotated[
        float,
        typer.Option("--grace-seconds", min=0, help="Time to drain; what is left is killed then."),
    ] = 300.0,
    checkpoint_dir: CheckpointDir = None,
) -> None:
    """Let all workers of a study release their trials and end; kill what has not after a while."""
    from neuronas.cli.stopping import stopped_by_user

    chosen, pool = _kept(name, engine, checkpoint_dir)
    pool.of_size(0).keep()
    with stopped_by_user("the workers drain; the same command kills those that do not"):
        killed = chosen.cancel(pool, grace_seconds)
    say(f"all workers of '{name}' on {engine} ended" + (f", {killed} killed" if killed else ""))


def _kept(name: str, engine: str, checkpoint_dir: Path | None) -> tuple[Engine, Pool]:
    from neuronas.errors import EngineError
    from neuronas.searching import weights_folder
    from neuronas.service.engines import kept_pool, new_engine, pool_folder

    chosen, weights = new_engine(engine), weights_folder(checkpoint_dir)
    pool = kept_pool(name, engine, weights)
    if pool is None:
        raise EngineError(
            f"no workers of '{name}' were submitted to {engine}: nothing in "
            f"{pool_folder(weights, name, engine)}; submit some, or name the folder that they were "
            "submitted with by --checkpoint-dir"
        )
    return chosen, pool


def _require_not_stopped(study: StudyRecord) -> None:
    from neuronas.errors import StorageError

    if study.state == "stopped":
        raise StorageError(
            f"study '{study.name}' is stopped, so workers would end at once; let it go on with "
            f"'neuronas resume {study.name} --workers 0'"
        )


def _require_none_left(engine: Engine, pool: Pool) -> None:
    from neuronas.errors import EngineError
    from neuronas.service.engines import State

    left = sum(worker.state is not State.ENDED for worker in engine.status(pool))
    if left:
        raise EngineError(
            f"'{pool.study}' has {left} workers on {engine.name} already; change their number with "
            f"'neuronas cluster scale {pool.study} N --engine {engine.name}', or end them with "
            f"'neuronas cluster cancel {pool.study} --engine {engine.name}'"
        )


def _require_reachable(engine: Engine, url: str) -> None:
    from neuronas.errors import ConfigError

    if engine.several_machines and url.startswith("sqlite"):
        raise ConfigError(
            f"storage: found an SQLite file; allowed with --engine {engine.name}: "
            "postgresql://USER@HOST/DATABASE, since workers on several machines need a server"
        )


def _pairs(name: str, options: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in options:
        key, _, value = each.partition("=")
        if key in pairs:
            raise typer.BadParameter(f"{key} is given twice", param_hint=name)
        pairs[key] = value
    return pairs


def _worker_options(options: list[str]) -> dict[str, str]:
    """Return further options of workers, whose values the worker command itself has checked."""
    from neuronas.cli.worker import worker

    pairs = _pairs("--worker-option", options)
    for key in pairs:
        if key not in WORKER_OPTIONS:
            raise typer.BadParameter(
                f"found '{key}'; allowed: {', '.join(WORKER_OPTIONS)}",
                param_hint="--worker-option",
            )
    parser = typer.Typer(add_completion=False)
    parser.command()(worker)
    arguments = ["NAME", *(f"--{key}={value}" for key, value in pairs.items())]
    typer.main.get_command(parser).make_context("neuronas worker", arguments)
    return pairs
