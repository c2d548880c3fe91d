"""``neuronas proxy``: what can be told of networks without training them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuronas.cli.options import DataDir, Format, OutputFormat, say, write_table
from neuronas.errors import ConfigError, TrainingFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from neuronas.architecture import Architecture
    from neuronas.config import OwnDataset
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
    study: Annotated[
        Path | None,
        typer.Option(
            "--study",
            help="Study file whose dataset is taken, which may be your own files.",
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

    chosen = _dataset(dataset, study)
    networks = _networks(files, chosen, samples)
    images_of = image_source(chosen, samples=samples, seed=seed, data_dir=data_dir)
    if len({network.input_shape for _, network in networks}) > 1:
        say("these networks read samples of different shapes: their scores cannot be compared")
    rows = _rows(networks, images_of, seed)
    what = _sampled([network for _, network in networks], chosen)
    write_table(proxies_table(rows, f"On {samples} {what}, seed {seed}."), form)


def _dataset(name: str | None, study: Path | None) -> str | OwnDataset | None:
    """Return the dataset that the options name; None where none does."""
    from neuronas.config import dataset_names, load_study, suggestion

    if name is not None and study is not None:
        raise typer.BadParameter("give --dataset or --study, not both", param_hint="--study")
    if study is not None:
        return load_study(study).dataset
    names = dataset_names()
    if name is not None and name not in names:
        raise ConfigError(
            f"--dataset: found '{name}'; allowed: {', '.join(names)}{suggestion(name, names)}; "
            "your own files are taken from a study file: --study FILE"
        )
    return name


def _sampled(networks: list[Architecture], dataset: str | OwnDataset | None) -> str:
    """Return in words what the networks are scored on."""
    if dataset is not None:
        return f"training samples of {dataset if isinstance(dataset, str) else dataset.name}"
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
            except TrainingFailedError:
                raise ConfigError(
                    "memory ran out; fewer --samples take less", source=str(path)
                ) from None
    return rows


def _networks(
    files: list[Path], dataset: str | OwnDataset | None, samples: int
) -> list[tuple[Path, Architecture]]:
    """Return the networks in files; one ConfigError that names each file at fault."""
    networks, errors = [], []
    for path in files:
        try:
            networks.append((path, _genotype(path, dataset, samples)))
        except ConfigError as error:
            errors.append(type(error)(error.problems, source=str(path)))
    if len(errors) > 1:
        raise ConfigError([f"{e.source}: {problem}" for e in errors for problem in e.problems])
    if errors:
        raise errors[0]
    return networks


def _genotype(path: Path, dataset: str | OwnDataset | None, samples: int) -> Architecture:
    """Return the network in a file; ConfigError unless it can be scored on so many samples."""
    from neuronas.architecture import Architecture, Networks
    from neuronas.config import read_yaml
    from neuronas.training.memory import available_bytes
    from neuronas.training.proxies import require_dataset, scoring_bytes

    content = read_yaml(path)
    if isinstance(content, dict) and content.keys() & {"layers", "in_ch_list"}:
        raise ConfigError(
            "plain layers can be costed, but not built; a proxy needs a genotype with "
            "input_shape, classes, cell_a, cell_b and channels"
        )
    architecture = Architecture.from_json(content, source=str(path))
    if dataset is not None:
        require_dataset(architecture, dataset)
    if Networks.of([architecture]).connected()[0]:  # others are scored as such
        architecture.check()
    needed, left = scoring_bytes(architecture, samples), available_bytes()
    if left is not None and needed > left:
        raise ConfigError(
            f"--samples: found {samples}; scoring takes some {needed / 1e6:,.0f} MB, "
            f"{left / 1e6:,.0f} MB is left; take fewer"
        )
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
