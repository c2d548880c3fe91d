"""Networks trained to completion, as rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuronas.report.tables import Column, Row, Table, number, percent

if TYPE_CHECKING:
    from neuronas.records import Evaluation
    from neuronas.searching import FinalNetwork

_ACCURACY_COLUMNS = (
    Column("trial", "trial", number),
    Column("epochs", "epochs", number, on_screen=False),
    Column("seeds", "seeds", number, on_screen=False),
    Column("search_accuracy", "in the search", percent),
    Column("validation_accuracy", "validation", percent),
    Column("test_accuracy", "test", percent, deviation="test_deviation"),
    Column("test_worst", "worst", percent, on_screen=False),
    Column("test_best", "best", percent, on_screen=False),
)
_TWIN_COLUMNS = tuple(
    Column(f"{name}_accuracy", title, percent, deviation=f"{name}_deviation")
    for name, title in (("full_precision", "at 32 bits"), ("post_training", "quantized after"))
)
_COST_COLUMNS = (
    Column("energy_uj", "energy (µJ)", number),
    Column("assumed_energy_uj", "as assumed", number),
    Column("latency_ms", "latency (ms)", number),
    Column("area_mm2", "area (mm²)", number),
    Column("train_seconds", "training (s)", number, on_screen=False),
)
_CAPTION = """\
in the search: validation accuracy after its brief training, by which the network was chosen.
validation, test: means over seeds that the search did not use, test ± their standard deviation.
energy: at the spike rates that these trainings measured; as assumed: what the search counted with.
Weights of each seed, worst and best: --format json. Loading them: README, 'Python'."""
_TWIN_CAPTION = """
at 32 bits: test accuracy of the network trained with weights of 32 bits under the same seeds.
quantized after: once those are quantized to its bits, without training."""


def final_table(study: str, networks: Sequence[FinalNetwork], weights: Path) -> Table:
    """Return one row per network: accuracy over seeds, and cost at measured spike rates.

    Where networks have twins, their accuracy is shown beside.

    Args:
        study: Its name.
        networks: At least one.
        weights: Folder of all studies' weights.
    """
    rows = [_row(network, weights) for network in networks]
    columns: tuple[Column, ...] = _ACCURACY_COLUMNS + _COST_COLUMNS
    caption = _CAPTION
    if any(network.twins for network in networks):
        columns = _ACCURACY_COLUMNS + _TWIN_COLUMNS + _COST_COLUMNS
        caption += _TWIN_CAPTION
    title = f"Final training of '{study}': {rows[0]['epochs']} epochs, {rows[0]['seeds']} seeds"
    return Table(columns, rows, title, caption)


def _row(network: FinalNetwork, weights: Path) -> Row:
    kept, brief = network.evaluations, network.trial.evaluation
    found = network.test_accuracies
    return {
        "trial": network.trial.candidate.trial_number,
        "epochs": kept[0].key.epochs,
        "seeds": len(kept),
        "search_accuracy": None if brief is None else brief.validation_accuracy,
        "validation_accuracy": sum(e.validation_accuracy for e in kept) / len(kept),
        **_over_seeds("test", found),
        "test_worst": min(found),
        "test_best": max(found),
        **_of_twins(network),
        "energy_uj": network.cost.energy_pj / 1e6,
        "assumed_energy_uj": network.trial.cost.quantities["energy_uj"],
        "latency_ms": network.cost.latency_ns / 1e6,
        "area_mm2": network.cost.area_um2 / 1e6,
        "train_seconds": sum(e.train_seconds for e in kept),
        "runs": [_run(evaluation, weights) for evaluation in kept],
        "genotype": network.trial.candidate.architecture.to_json(),
    }


def _run(evaluation: Evaluation, weights: Path) -> Row:
    return {
        "seed": evaluation.key.seed,
        "validation_accuracy": evaluation.validation_accuracy,
        "test_accuracy": evaluation.test_accuracy,
        "weights": (weights / evaluation.weights_path).as_posix(),
    }


def _of_twins(network: FinalNetwork) -> Row:
    if not network.twins:
        return {}
    return {
        **_over_seeds("full_precision", network.full_precision_accuracies),
        **_over_seeds("post_training", network.post_training_accuracies),
    }


def _over_seeds(name: str, accuracies: Sequence[float]) -> Row:
    return {
        f"{name}_accuracy": statistics.mean(accuracies),
        f"{name}_deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
    }
