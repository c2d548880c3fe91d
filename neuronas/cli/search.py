"""``neuronas search`` and ``neuronas resume``."""

from __future__ import annotations

from collections.abc import Callable
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
    Trials,
    say,
    write_table,
)
from neuronas.cli.others import Others

if TYPE_CHECKING:
    from neuronas.searching import Progress, SearchResult, Work

Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Workers on this machine, a process each. 0: only store what is asked for, for "
        "workers elsewhere.",
    ),
]
StudyFile = Annotated[Path, typer.Argument(help="Study file.", show_default=False)]


def search(
    study: StudyFile,
    trials: Trials = None,
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    workers: Workers = 1,
    form: Format = OutputFormat.TABLE,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on although the stored study differs; another question goes on as a study of "
            "its own, NAME-2.",
        ),
    ] = False,
) -> None:
    """Search a study, or go on with it; print its Pareto front.

    An existing study is never overwritten: it goes on to the number of networks asked for.
    """
    from neuronas.config import load_study
    from neuronas.searching import accepted
    from neuronas.searching import search as run
    from neuronas.storage import resolve_url

    config = load_study(study)
    url, parent = resolve_url(storage, config.storage), config.name
    if accept_changes:
        name, config = config.name, accepted(config, storage=url)
        if config.name != name:
            say(f"study '{name}' asks another question; this one goes on as '{config.name}'")
    _run(
        config.name,
        url,
        form,
        Others(config.name, url, workers, _each(checkpoint_dir, data_dir, threads, device)),
        lambda listener, work: run(
            config,
            storage=url,
            trials=trials,
            checkpoint_dir=checkpoint_dir,
            data_dir=data_dir,
            threads=threads,
            device=device,
            accept_changes=accept_changes,
            parent=parent if accept_changes else None,
            listener=listener,
            work=work,
        ),
    )


def resume(
    name: Name,
    trials: Trials = None,
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    workers: Workers = 1,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Go on with a stored study, after an interruption or for more networks."""
    from neuronas.searching import resume as run
    from neuronas.storage import resolve_url

    url = resolve_url(storage)
    _run(
        name,
        url,
        form,
        Others(name, url, workers, _each(checkpoint_dir, data_dir, threads, device)),
        lambda listener, work: run(
            name,
            storage=url,
            trials=trials,
            checkpoint_dir=checkpoint_dir,
            data_dir=data_dir,
            threads=threads,
            device=device,
            listener=listener,
            work=work,
        ),
    )


def _each(
    checkpoint_dir: Path | None, data_dir: Path | None, threads: int, device: str | None
) -> dict[str, object]:
    """Return the options that the other workers get, too."""
    return {
        "--checkpoint-dir": checkpoint_dir,
        "--data-dir": data_dir,
        "--threads": threads,
        "--device": device,
    }


def _run(
    name: str,
    url: str,
    form: OutputFormat,
    others: Others,
    run: Callable[[Callable[[Progress], None], Work], SearchResult],
) -> None:
    from neuronas.cli.progress import shown_progress
    from neuronas.cli.stopping import stopped_by_user
    from neuronas.report import front_table
    from neuronas.searching import Work
    from neuronas.service.worker import PATIENCE_SECONDS
    from neuronas.storage import is_sqlite, storage_option

    go_on = f"nothing is lost. Go on with: neuronas resume {name}{storage_option(url)}"
    with stopped_by_user(go_on), others, shown_progress() as listener:
        # A server may be restarted; an SQLite file that cannot be used is the user's to mend.
        patience = 0.0 if is_sqlite(url) else PATIENCE_SECONDS
        share = None if others.workers else 0
        work = Work(on_join=others.start, patience_seconds=patience, max_trials=share)
        result = run(listener, work)
    counts = result.study.counts
    if result.study.state == "running" and not others.workers:
        say(f"stored, {counts['trained']} of {result.study.target_trials} networks trained")
        say(f"workers anywhere: neuronas worker {name}{storage_option(url)}")
        return
    done = f"{counts['trained']} networks trained, {counts['reused']} reused"
    if result.study.state == "exhausted":
        proposed = sum(counts[end] for end in ("complete", "exceeded", "failed", "pruned"))
        say(f"space exhausted after {proposed} networks")
    _say_what_stopped(result)
    say(f"{result.study.state}: {done}; hypervolume {result.hypervolume:.4f}")
    write_table(front_table(result.study, result.front), form)


def _say_what_stopped(result: SearchResult) -> None:
    """Say which rule ended a search before it had the networks it was asked for."""
    from neuronas.report.tables import number
    from neuronas.searching.stop_rules import holding_rule
    from neuronas.storage import storage_option

    study = result.study
    rule = holding_rule(study) if study.state == "finished" else None
    if rule is None or study.counts["trained"] >= study.target_trials:
        return
    say(
        f"stopped by {rule.key}: {number(rule.value)} {rule.counted}, limit {number(rule.limit)}. "
        "To go on, raise or remove it in the study file, then: neuronas search FILE"
        f"{storage_option(result.storage)}"
    )
