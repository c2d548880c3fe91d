"""Networks trained to completion, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuronas.report.tables import Column, Row, Table, number, percent

if TYPE_CHECKING:
    from neuronas.searching import FinalNetwork

_COLUMNS = (
    Column("trial", "trial", number),
    Column("epochs", "epochs", number),
    Column("seeds", "seeds", number),
    Column("search_accuracy", "in the search", percent),
    Column("validation_accuracy", "validation", percent),
    Column("test_accuracy", "test", percent),
    Column("test_deviation", "± seeds", percent),
    Column("test_worst", "worst", percent),
    Column("test_best", "best", percent),
    Column("energy_uj", "energy (µJ)", number),
    Column("assumed_energy_uj", "as assumed (µJ)", number),
    Column("latency_ms", "latency (ms)", number),
    Column("area_mm2", "area (mm²)", number),
    Column("train_seconds", "training (s)", number),
)


def final_table(study: str, networks: Sequence[FinalNetwork]) -> Table:
    """Return one row per network: accuracy over seeds, and cost at measured spike rates."""
    rows = [_row(network) for network in networks]
    caption = (
        "in the search: validation accuracy after its brief training, by which the network was "
        "chosen. validation, test: means over seeds that the search did not use. energy: at the "
        "spike rates that these trainings measured; as assumed: what the search counted with."
    )
    return Table(_COLUMNS, rows, f"Final training of '{study}'", caption)


def _row(network: FinalNetwork) -> Row:
    kept, brief = network.evaluations, network.trial.evaluation
    found = network.test_accuracies
    return {
        "trial": network.trial.candidate.trial_number,
        "epochs": kept[0].key.epochs,
        "seeds": len(kept),
        "search_accuracy": None if brief is None else brief.validation_accuracy,
        "validation_accuracy": sum(e.validation_accuracy for e in kept) / len(kept),
        "test_accuracy": network.mean,
        "test_deviation": network.deviation,
        "test_worst": min(found),
        "test_best": max(found),
        "energy_uj": network.cost.energy_pj / 1e6,
        "assumed_energy_uj": network.trial.cost.presented()["energy_uj"],
        "latency_ms": network.cost.latency_ns / 1e6,
        "area_mm2": network.cost.area_um2 / 1e6,
        "train_seconds": sum(e.train_seconds for e in kept),
    }
