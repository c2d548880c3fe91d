"""``neuronas train``."""

from __future__ import annotations

import signal
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
    write_table,
)

if TYPE_CHECKING:
    from neuronas.searching import FinalStep


def train(
    name: Name,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Epochs of each training.", show_default=False)
    ],
    trials: Annotated[
        list[int] | None,
        typer.Argument(metavar="TRIAL", help="Trials to train.", show_default=False),
    ] = None,
    front: Annotated[
        bool, typer.Option("--front", help="Train the Pareto front; also where no trial is named.")
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings per network.")] = 3,
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Train networks of a study to completion, several times; print test accuracy and cost.

    On the whole training split, with seeds that the search did not use. What is trained is stored:
    the same command goes on where it was stopped.
    """
    from neuronas.report import final_table
    from neuronas.searching import train_final
    from neuronas.storage import resolve_url

    if trials and front:
        raise typer.BadParameter("name trials or --front, not both", param_hint="--front")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: stop in good order
    try:
        found = train_final(
            name,
            epochs=epochs,
            seeds=seeds,
            trials=trials or None,
            storage=resolve_url(storage),
            checkpoint_dir=checkpoint_dir,
            data_dir=data_dir,
            threads=threads,
            device=device,
            listener=_say_step,
        )
    except KeyboardInterrupt:
        say("stopped; finished trainings are stored, the same command goes on")
        raise typer.Exit(130) from None
    write_table(final_table(name, found), form)


def _say_step(step: FinalStep) -> None:
    e = step.evaluation
    how = "reused" if step.reused else f"trained in {e.train_seconds:.0f} s"
    say(
        f"{step.done}/{step.wanted}: trial {step.trial_number}, seed {e.key.seed}: test "
        f"{e.test_accuracy:.2%}, {how}"
    )
