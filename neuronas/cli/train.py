"""``neuronas train``."""

from __future__ import annotations

from functools import partial
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
    post_training: Annotated[
        bool,
        typer.Option(
            "--post-training",
            help="Also train with weights of 32 bits under the same seeds, and quantize those "
            "afterwards; print both accuracies.",
        ),
    ] = False,
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
    from neuronas.cli.stopping import stopped_by_user
    from neuronas.report import final_table
    from neuronas.searching import train_final, weights_folder
    from neuronas.storage import resolve_url

    if trials and front:
        raise typer.BadParameter("name trials or --front, not both", param_hint="--front")
    url, weights = resolve_url(storage), weights_folder(checkpoint_dir)
    _say_if_searched_longer(name, url, epochs)
    with stopped_by_user("finished trainings are stored, the same command goes on"):
        found = train_final(
            name,
            epochs=epochs,
            seeds=seeds,
            trials=trials or None,
            post_training=post_training,
            storage=url,
            checkpoint_dir=weights,
            data_dir=data_dir,
            threads=threads,
            device=device,
            listener=partial(_say_step, weights=weights),
        )
    write_table(final_table(name, found, weights), form)


def _say_if_searched_longer(name: str, url: str, epochs: int) -> None:
    from neuronas.storage import Repository

    with Repository(url) as repository:
        searched = repository.study(name).config.training.epochs
    if epochs < searched:
        say(
            f"the search trained for {searched} epochs, longer than these {epochs}; "
            f"to completion is --epochs {searched} or more"
        )


def _say_step(step: FinalStep, *, weights: Path) -> None:
    e = step.evaluation
    how = "reused" if step.reused else f"trained in {e.train_seconds:.0f} s"
    which = f"trial {step.trial_number}" + (" at 32 bits" if step.twin else "")
    say(
        f"{step.done}/{step.wanted}: {which}, seed {e.key.seed}: test {e.test_accuracy:.2%}, "
        f"{how}, weights {weights / e.weights_path}"
    )
