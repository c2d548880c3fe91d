"""``neuronas worker``: one of the many that search a study."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas import interrupts
from neuronas.cli.options import CheckpointDir, DataDir, Device, Name, Storage, Threads, say

if TYPE_CHECKING:
    from neuronas.searching import Event


class LogFormat(StrEnum):
    """How a worker's log is written to stderr."""

    TEXT = "text"
    JSON = "json"


def worker(
    name: Name,
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    max_trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Networks that this worker trains newly at most. Default: what the study asks "
            "for, with all workers.",
            show_default=False,
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Time after which it begins no other network.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Workers to run on this machine, a process each.")
    ] = 1,
    gpus: Annotated[
        str | None,
        typer.Option(
            help="GPUs, such as 0,1: a worker on each. Not where an engine assigns GPUs.",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="Format of the log.")] = LogFormat.TEXT,
    lease_seconds: Annotated[
        float,
        typer.Option(
            min=1.0,
            help="Silence after which a worker is taken for dead; the same for all of a study.",
        ),
    ] = 300.0,
    patience_seconds: Annotated[
        float, typer.Option(min=0.0, help="For how long to wait for a database that is away.")
    ] = 600.0,
    drain_seconds: Annotated[
        float,
        typer.Option(
            min=0.0, help="For how long to train on, to the end of the epoch, when asked to end."
        ),
    ] = 240.0,
) -> None:
    """Take part in a stored study, beside other workers, until it asks for nothing more.

    SIGTERM, SIGUSR1 or Ctrl-C drain it: its network pauses at the end of the epoch, and it ends
    with 0. It ends with 75 where the database was away for too long, and with 78 where packages
    or data differ from the study's.
    """
    with interrupts.draining(drain_seconds):
        from neuronas.errors import NeuronasError, StorageUnavailableError
        from neuronas.service.worker import UNAVAILABLE, Machine, run_worker
        from neuronas.storage import resolve_url

        url = resolve_url(storage)
        if workers > 1 or gpus is not None:
            if workers > 1 and gpus is not None:
                raise NeuronasError("--workers and --gpus: give one; a GPU gets one worker")
            each = {
                "--checkpoint-dir": checkpoint_dir,
                "--data-dir": data_dir,
                "--threads": threads,
                "--device": device,
                "--max-trials": max_trials,
                "--max-seconds": max_seconds,
                "--log-format": log_format.value,
                "--lease-seconds": lease_seconds,
                "--patience-seconds": patience_seconds,
                "--drain-seconds": drain_seconds,
            }
            raise typer.Exit(_several(name, url, each, workers, gpus))
        try:
            result = run_worker(
                name,
                url,
                Machine(checkpoint_dir, data_dir, threads, device),
                log=_log(log_format),
                max_trials=max_trials,
                max_seconds=max_seconds,
                lease_seconds=lease_seconds,
                patience_seconds=patience_seconds,
            )
        except KeyboardInterrupt as stop:
            for note in getattr(stop, "__notes__", ()):
                say(note)
            say(f"drained; '{name}' goes on with its other workers")
            return
        except StorageUnavailableError as error:
            say("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]))
            raise typer.Exit(UNAVAILABLE) from None
    counts = result.study.counts
    say(f"{result.study.state}: {counts['trained']} networks trained by all workers")
    if result.study.state == "stopped":
        say(f"to let workers go on: neuronas resume {name} --workers 0")
    elif result.study.state == "running":
        say(f"this worker is done; '{name}' goes on with its other workers")


def _several(
    name: str, url: str, options: Mapping[str, object], workers: int, gpus: str | None
) -> int:
    """Run several workers; return the exit code of the one that says most."""
    from neuronas.service.children import Children, gpu_names

    children = Children(name, url, options)
    with children.signals_passed_on():
        if gpus is None:
            children.start(workers)
        else:
            children.start_on_gpus(gpu_names(gpus))
        return children.wait(say)


def _log(form: LogFormat) -> Callable[[Event], None]:
    def text(event: Event) -> None:
        say(f"{datetime.now(UTC):%H:%M:%S} worker {event.worker}: {event.message}")

    def lines(event: Event) -> None:
        record = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "study": event.study,
            "worker": event.worker,
            "trial": event.trial,
            "lease": None if event.trial is None else f"{event.worker}/{event.trial}",
            "message": event.message,
        }
        say(json.dumps(record))

    return lines if form is LogFormat.JSON else text
