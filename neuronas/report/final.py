"""Networks trained to completion, as rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuronas.report.tables import Column, Row, Table, number, percent

if TYPE_CHECKING:
    from neuronas.searching import FinalNetwork

_ACCURACY_COLUMNS = (
    Column("trial", "trial", number),
    Column("epochs", "epochs", number),
    Column("seeds", "seeds", number),
    Column("search_accuracy", "in the search", percent),
    Column("validation_accuracy", "validation", percent),
    Column("test_accuracy", "test", percent),
    Column("test_deviation", "± seeds", percent),
    Column("test_worst", "worst", percent),
    Column("test_best", "best", percent),
)
_TWIN_COLUMNS = (
    Column("full_precision_accuracy", "at 32 bits", percent),
    Column("full_precision_deviation", "± seeds", percent),
    Column("post_training_accuracy", "quantized after", percent),
    Column("post_training_deviation", "± seeds", percent),
)
_COST_COLUMNS = (
    Column("energy_uj", "energy (µJ)", number),
    Column("assumed_energy_uj", "as assumed (µJ)", number),
    Column("latency_ms", "latency (ms)", number),
    Column("area_mm2", "area (mm²)", number),
    Column("train_seconds", "training (s)", number),
)


def final_table(study: str, networks: Sequence[FinalNetwork]) -> Table:
    """Return one row per network: accuracy over seeds, and cost at measured spike rates.

    Where networks have twins, their accuracy is shown beside.
    """
    rows = [_row(network) for network in networks]
    caption = (
        "in the search: validation accuracy after its brief training, by which the network was "
        "chosen. validation, test: means over seeds that the search did not use. energy: at the "
        "spike rates that these trainings measured; as assumed: what the search counted with."
    )
    columns: tuple[Column, ...] = _ACCURACY_COLUMNS + _COST_COLUMNS
    if any(network.twins for network in networks):
        columns = _ACCURACY_COLUMNS + _TWIN_COLUMNS + _COST_COLUMNS
        caption += (
            " at 32 bits: test accuracy of the network trained with weights of 32 bits under the "
            "same seeds; quantized after: once those are quantized to its bits, without training. "
            "training: without these."
        )
    return Table(columns, rows, f"Final training of '{study}'", caption)


def _row(network: FinalNetwork) -> Row:
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
        "assumed_energy_uj": network.trial.cost.presented()["energy_uj"],
        "latency_ms": network.cost.latency_ns / 1e6,
        "area_mm2": network.cost.area_um2 / 1e6,
        "train_seconds": sum(e.train_seconds for e in kept),
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
