"""``neuronas check`` and ``neuronas estimate``: hardware, without training anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas.cli.options import (
    ChipName,
    JsonFormat,
    NestedFormat,
    OutputFormat,
    say,
    write,
    write_table,
    write_tables,
)
from neuronas.errors import ConfigError

if TYPE_CHECKING:
    from neuronas.hardware import SpikeRates


def check(
    study: Annotated[Path, typer.Argument(help="Study file.", show_default=False)],
    candidates: Annotated[
        int, typer.Option("--candidates", min=1, help="Random candidates to cost.")
    ] = 100_000,
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Check a study file: how much of its space fits the budget, and what rejects the rest.

    Nothing is trained or stored; your own data are read if they are there. The same networks are
    costed by our other hardware model too.
    """
    from neuronas.config import DEFAULT_CHIPS, OwnDataset, load_study
    from neuronas.hardware import Chip
    from neuronas.report import extremes_table, survey_json, survey_table
    from neuronas.searching import Stream, generator, surveys

    config = load_study(study)
    if isinstance(config.dataset, OwnDataset) and config.dataset.path.exists():
        from neuronas.training import load_dataset

        load_dataset(config.dataset, samples=config.training.samples)
    others = {model: Chip.of(name) for model, name in DEFAULT_CHIPS.items()}
    region, found = surveys(config, candidates, others, say)
    own = found[region.model.name]
    if not own.fit:
        # Looks harder, and explains if nothing fits.
        region.draw(generator(config.search.seed, Stream.SURVEY), lambda _: True)
    if form is JsonFormat.JSON:
        write(json.dumps(survey_json(found) | {"genotypes": region.space.size}, indent=2) + "\n")
        return
    say(f"study '{config.name}': {region.space.size:,} genotypes on chip '{region.chip.name}'")
    write_table(survey_table(found), OutputFormat.TABLE)
    if own.fit:
        write("\n")
        write_table(extremes_table(own), OutputFormat.TABLE)
    else:
        say("networks that fit exist, but are too rare to be met by chance")


def estimate(
    file: Annotated[
        Path,
        typer.Argument(
            help="Genotype, layers, or layer list in SpikeSim's names; JSON or YAML.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", help="Hardware model. Default: the chip's.", show_default=False),
    ] = None,
    chip: ChipName = None,
    time_steps: Annotated[
        int | None,
        typer.Option("--time-steps", min=1, help="Default: the network's own.", show_default=False),
    ] = None,
    spike_rate: Annotated[
        str | None,
        typer.Option(
            "--spike-rate",
            help="Spikes per element and time step: a number in [0, 1], or a JSON file with one "
            "per layer that fires. Default: 0.1.",
            show_default=False,
        ),
    ] = None,
    zero_rows: Annotated[
        float,
        typer.Option(
            "--zero-rows",
            help="Share of reads without any spike, for a chip with skip_zero_rows.",
        ),
    ] = 0.0,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            help="'spikesim': show the walk from that script, correction by correction.",
            show_default=False,
        ),
    ] = None,
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Estimate what one network costs on a chip, per layer and in total."""
    from neuronas.hardware import estimate as run
    from neuronas.hardware import read_rates, require_agreement
    from neuronas.report import cost_tables, estimate_summary

    rates = read_rates(spike_rate)
    if chip is not None:
        require_agreement(file, chip)
    if compare is not None:
        if model is not None or zero_rows:
            raise ConfigError("--compare: takes neither --model nor --zero-rows")
        _compare(file, chip, time_steps, rates, compare, form)
        return
    result = run(
        file,
        model=model,
        chip=chip,
        time_steps=time_steps,
        spike_rate=rates,
        zero_rows=zero_rows,
    )
    if form is JsonFormat.JSON:
        write(json.dumps(result.to_json(), indent=2) + "\n")
        return
    write_tables([estimate_summary(result), *cost_tables(result)])


def _compare(
    file: Path,
    chip: str | None,
    time_steps: int | None,
    rates: SpikeRates,
    start: str,
    form: JsonFormat,
) -> None:
    from neuronas.hardware import Chip, default_chip, read_network, walk
    from neuronas.report import walk_table

    if start != "spikesim":
        raise ConfigError(f"--compare: found '{start}'; allowed: spikesim")
    steps = walk(
        read_network(file),
        Chip.of(chip or default_chip("cim")),
        start=Chip.of(default_chip("spikesim")),
        time_steps=time_steps,
        spike_rate=rates,
    )
    write_table(walk_table(steps), form)
