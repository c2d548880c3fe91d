"""``neuronas proxy``: what can be told of networks without training them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuronas.cli.options import DataDir, Format, OutputFormat, write_table
from neuronas.errors import ConfigError, NeuronasError, TrainingFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from neuronas.architecture import Architecture
    from neuronas.training.proxies import Scored
    from neuronas.training.proxies.images import Images

    ImagesOf = Callable[[Architecture], Images]


def proxy(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Genotypes, or what 'show --format json' prints; JSON or YAML.",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="Score on its training samples; its shape and classes must be the networks'. "
            "Default: noise, which needs no data.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=2, help="Samples in the batch.")] = 128,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**63 - 1, help="Decides weights and images.")
    ] = 0,
    data_dir: DataDir = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Score networks without training them, a row per network.

    NASWOT, SAHD, SAHD as SNASNet's code has it, and spikes per image come from one forward pass;
    -inf (null in JSON) marks a network that is silent, not connected, or tells two images not
    apart. Scores compare networks at equal images and seed only.
    """
    from neuronas.report import proxies_table
    from neuronas.training.proxies import image_source

    networks = [(path, _genotype(path, dataset)) for path in files]
    images_of = image_source(dataset, samples=samples, seed=seed, data_dir=data_dir)
    rows = _rows(networks, images_of, seed)
    what = _sampled([network for _, network in networks], dataset)
    write_table(proxies_table(rows, f"On {samples} {what}, seed {seed}."), form)


def _sampled(networks: list[Architecture], dataset: str | None) -> str:
    """Return in words what the networks are scored on."""
    if dataset is not None:
        return f"training samples of {dataset}"
    events = "samples of Poisson noise (event frames)"
    kinds = {events if n.coding == "events" else "images of Gaussian noise" for n in networks}
    return " or ".join(sorted(kinds))


def _rows(
    networks: list[tuple[Path, Architecture]], images_of: ImagesOf, seed: int
) -> list[dict[str, Any]]:
    from neuronas.training.proxies import one_thread, score_proxies, warm_up
    from neuronas.training.trainer import reported_memory

    rows = []
    with one_thread():
        for number, (path, architecture) in enumerate(networks):
            try:
                with reported_memory():
                    images = images_of(architecture)
                    if not number:
                        warm_up(architecture, images)
                    rows.append(_row(path, score_proxies(architecture, images, seed)))
            except ConfigError as error:
                raise type(error)(error.problems, source=str(path)) from None
            except TrainingFailedError as error:
                raise NeuronasError(f"{path}: {error}; fewer --samples take less") from None
    return rows


def _genotype(path: Path, dataset: str | None) -> Architecture:
    """Return the network in a file; ConfigError if it is none, or not the dataset's."""
    from neuronas.architecture import Architecture
    from neuronas.config import read_yaml
    from neuronas.training.proxies import require_dataset

    content = read_yaml(path)
    if isinstance(content, dict) and content.keys() & {"layers", "in_ch_list"}:
        raise ConfigError(
            "plain layers can be costed, but not built; a proxy needs a genotype with "
            "input_shape, classes, cell_a, cell_b and channels",
            source=str(path),
        )
    architecture = Architecture.from_json(content, source=str(path))
    if dataset is not None:
        try:
            require_dataset(architecture, dataset)
        except ConfigError as error:
            raise ConfigError(error.problems, source=str(path)) from None
    return architecture


def _row(path: Path, scored: Scored) -> dict[str, Any]:
    from dataclasses import asdict

    values = asdict(scored.proxies).items()
    # JSON has no infinity.
    proxies = {name: None if value == -math.inf else value for name, value in values}
    return (
        {"network": str(path)}
        | proxies
        | {f"{group}_cpu_ms": seconds * 1e3 for group, seconds in scored.cpu_s.items()}
    )
