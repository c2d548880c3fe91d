"""``neuronas ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import (
    CheckpointDir,
    DataDir,
    Device,
    Format,
    OutputFormat,
    Storage,
    Threads,
    say,
    write_table,
)

if TYPE_CHECKING:
    from neuronas.searching import AblationStep


def ablate(
    study: Annotated[Path, typer.Argument(help="Study file.", show_default=False)],
    networks: Annotated[
        int, typer.Option("--networks", min=2, help="Networks to train of each space.")
    ] = 16,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings per network.")] = 1,
    storage: Storage = None,
    checkpoint_dir: CheckpointDir = None,
    data_dir: DataDir = None,
    threads: Threads = 1,
    device: Device = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Remove one operation of a study's space at a time; print what that changes.

    Accuracy of random networks that fit, trained as in the search, and their costs, with 95 %
    intervals. What is trained is stored: the same command goes on where it was stopped, and the
    search of the study trains none of it again.
    """
    from neuronas.cli.stopping import stopped_by_user
    from neuronas.config import load_study
    from neuronas.report import ablation_table
    from neuronas.searching import ablate as run

    config = load_study(study)
    with stopped_by_user("finished trainings are stored, the same command goes on"):
        found = run(
            config,
            networks=networks,
            seeds=seeds,
            storage=storage,
            checkpoint_dir=checkpoint_dir,
            data_dir=data_dir,
            threads=threads,
            device=device,
            listener=_say_step,
        )
    write_table(ablation_table(found), form)


def _say_step(step: AblationStep) -> None:
    space = f"without {step.removed}" if step.removed else "whole space"
    result = step.failure if step.accuracy is None else f"{step.accuracy:.1%}"
    say(f"{step.done}/{step.wanted}: {space}: {result}{', reused' if step.reused else ''}")
