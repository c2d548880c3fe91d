"""``neuronas chips`` and ``neuronas compare``: what chips are made of, and who fits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from neuronas.cli.options import (
    Format,
    JsonFormat,
    NestedFormat,
    OutputFormat,
    write,
    write_table,
)

app = typer.Typer()


@app.callback(invoke_without_command=True)
def list_by_default(context: typer.Context) -> None:
    """Chips: presets, and every constant with unit and source. Without a command, the list."""
    if context.invoked_subcommand is None:
        list_chips()


@app.command("list")
def list_chips(form: Format = OutputFormat.TABLE) -> None:
    """List the chip presets."""
    from neuronas.config import chip_names
    from neuronas.hardware import Chip
    from neuronas.report import chips_table

    write_table(chips_table([Chip.of(name) for name in chip_names()]), form)


@app.command()
def show(
    chip: Annotated[str, typer.Argument(help="Chip preset or chip file.", show_default=False)],
    form: NestedFormat = JsonFormat.TABLE,
) -> None:
    """Show what is chosen on a chip, and every constant with unit, node and source."""
    from neuronas.hardware import Chip
    from neuronas.report import constants_table, settings_table

    made = Chip.of(chip)
    if form is JsonFormat.JSON:
        content = {
            "name": made.name,
            "model": made.model,
            "source": made.source,
            "settings": made.settings.model_dump(mode="json"),
            "constants": {name: c.model_dump() for name, c in made.constants.items()},
        }
        write(json.dumps(content, indent=2) + "\n")
        return
    write_table(settings_table(made), OutputFormat.TABLE)
    write("\n")
    write_table(constants_table(made), OutputFormat.TABLE)


def compare(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Genotypes or layers, JSON or YAML.", show_default=False),
    ] = None,
    chip: Annotated[
        list[str] | None,
        typer.Option(
            "--chip",
            help="Chip preset or chip file; once for each of several. Default: rram-32nm.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget", help="Preset, or limits such as energy_uj=120,area_mm2=100,parameters=4e6."
        ),
    ] = "neuronas-v1",
    form: Format = OutputFormat.TABLE,
) -> None:
    """Compare networks, and references that ship, under both models and a budget."""
    from neuronas.config import read_budget
    from neuronas.hardware import (
        Budget,
        Chip,
        compare_networks,
        default_chip,
        read_network,
        references,
        require_agreement,
    )
    from neuronas.report import comparison_table

    for path in files or ():
        for name in chip or ():
            require_agreement(path, name)
    networks = {path.name: read_network(path) for path in files or ()} | references()
    chips = [Chip.of(name) for name in chip or [default_chip("cim")]]
    if all(one.model != "spikesim" for one in chips):
        chips.append(Chip.of(default_chip("spikesim")))
    limits = read_budget(budget).limits()
    write_table(comparison_table(compare_networks(networks, chips, Budget(limits))), form)
