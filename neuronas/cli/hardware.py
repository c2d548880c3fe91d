"""``neuronas check`` and ``neuronas estimate``: hardware, without training anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from neuronas.cli.options import JsonFormat, NestedFormat, OutputFormat, say, write, write_table


def check(
    study: Annotated[Path, typer.Argument(help="Study file.", show_default=False)],
    candidates: Annotated[
        int, typer.Option("--candidates", min=1, help="Random candidates to cost.")
    ] = 100_000,
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Check a study file: how much of its space fits the budget, and what rejects the rest.

    Nothing is trained or stored.
    """
    from neuronas.config import load_study
    from neuronas.report import extremes_table, survey_json, survey_table
    from neuronas.searching import FeasibleRegion, Stream, generator, survey_region

    config = load_study(study)
    region = FeasibleRegion.of(config)
    source = generator(config.search.seed, Stream.SURVEY)
    found = survey_region(region, source, candidates)
    if not found.fit:
        region.draw(source, lambda _: True)  # looks harder, and explains if nothing fits
    if form is JsonFormat.JSON:
        write(json.dumps(survey_json(found) | {"genotypes": region.space.size}, indent=2) + "\n")
        return
    say(f"study '{config.name}': {region.space.size:,} genotypes")
    write_table(survey_table(found), OutputFormat.TABLE)
    if found.fit:
        write("\n")
        write_table(extremes_table(found), OutputFormat.TABLE)
    else:
        say("networks that fit exist, but are too rare to be met by chance")


def estimate(
    file: Annotated[
        Path,
        typer.Argument(help="Genotype or SpikeSim layer list, as JSON.", show_default=False),
    ],
    model: Annotated[str, typer.Option("--model", help="Hardware model.")] = "spikesim",
    chip: Annotated[str, typer.Option("--chip", help="Chip preset.")] = "spikesim-65nm",
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Estimate what one network costs on a chip, per layer and in total."""
    from neuronas.hardware import estimate as run
    from neuronas.report import estimate_summary, layers_table

    result = run(file, model=model, chip=chip)
    if form is JsonFormat.JSON:
        write(json.dumps(result.to_json(), indent=2) + "\n")
        return
    write_table(estimate_summary(result), OutputFormat.TABLE)
    write("\n")
    write_table(layers_table(result.to_json()["layers"]), OutputFormat.TABLE)
