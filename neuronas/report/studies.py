"""Tables of studies, their fronts and their progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuronas.architecture import GROUPS, Architecture
from neuronas.config import OPERATIONS, SNASNET_OPERATIONS, StudyConfig
from neuronas.hardware import UNITS
from neuronas.records import StudyRecord, Trial
from neuronas.report.tables import Column, Row, Table, number, percent

_COSTS = tuple(
    Column(name, f"{name.rsplit('_', 1)[0]} ({unit})" if unit else name, number)
    for name, unit in reversed(UNITS.items())
)


def front_table(study: StudyRecord, front: Sequence[Trial]) -> Table:
    """Return a study's Pareto front, best validation accuracy first.

    Test accuracy is shown for a final front only.
    """
    final = study.state != "running"
    choices = _searched(study.config)
    rows: list[Row] = []
    for trial in sorted(front, key=_validation_accuracy, reverse=True):
        network = trial.candidate.architecture
        cell_a, cell_b = network.canonical().cnt_mats()
        evaluation = trial.evaluation
        rows.append(
            {
                "trial": trial.candidate.trial_number,
                "validation_accuracy": evaluation and evaluation.validation_accuracy,
                "test_accuracy": evaluation and evaluation.test_accuracy if final else None,
                **trial.cost.presented(),
                "time_steps": network.time_steps,
                "channels": network.channels,
                "cell_a": cell_a,
                "cell_b": cell_b,
                **{name: _choice(network, name) for name in choices},
                **{f"chip.{name}": value for name, value in trial.candidate.chip.items()},
                "genotype": network.to_json(),
            }
        )
    chosen = sorted({name for trial in front for name in trial.candidate.chip})
    columns = (
        Column("trial", "trial", number),
        Column("validation_accuracy", "validation", percent),
        Column("test_accuracy", "test", percent),
        *_COSTS,
        Column("time_steps", "T", number),
        Column("channels", "channels", number),
        *(Column(name, _CHOICES.get(name, name), _chosen) for name in choices),
        Column("cell_a", "cell A"),
        Column("cell_b", "cell B"),
        *(Column(f"chip.{name}", name.replace("_", " ")) for name in chosen),
    )
    used = {name for trial in front for name in trial.candidate.architecture.operations()}
    used |= set(SNASNET_OPERATIONS)
    symbols = ", ".join(f"{op.symbol} {op.name}" for op in OPERATIONS if op.name in used)
    caption = f"Cells: one row per node, one digit per node it leads to: {symbols}."
    if front:
        effects = ", ".join(front[0].cost.not_modelled["effects"])
        caption += f"\nEnergy, latency and area leave out: {effects}."
    return Table(columns, rows, f"Pareto front of '{study.name}'", caption)


_CHOICES = {f"weight_bits.{group}": f"bits {group.replace('_', ' ')}" for group in GROUPS}


def _searched(study: StudyConfig) -> list[str]:
    """Return what a study searches of the network beside cells, channels and time steps."""
    space = study.space
    scalars = ("ratio", "pool", "hidden", "decay", "threshold", "votes", "coding")
    searched = [name for name in scalars if len(getattr(space, name)) > 1]
    bits = [group for group in GROUPS if len(getattr(space.weight_bits, group)) > 1]
    return searched + [f"weight_bits.{group}" for group in bits]


def _choice(network: Architecture, name: str) -> object:
    group = name.removeprefix("weight_bits.")
    return getattr(network if group == name else network.weight_bits, group)


def _chosen(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _validation_accuracy(trial: Trial) -> float:
    return trial.evaluation.validation_accuracy if trial.evaluation else 0.0


def studies_table(studies: Sequence[tuple[StudyRecord, str, float, int]]) -> Table:
    """Return one row per study.

    Args:
        studies: Each with its state, hypervolume and front size.
    """
    rows = [
        {
            "study": study.name,
            "state": state,
            "trained": study.counts["trained"],
            "target": study.target_trials,
            "reused": study.counts["reused"],
            "pruned": study.counts["pruned"],
            "failed": study.counts["failed"],
            "front": front_size,
            "hypervolume": hypervolume,
            "dataset": study.config.dataset_name,
            "created_at": study.created_at.isoformat(timespec="seconds"),
        }
        for study, state, hypervolume, front_size in studies
    ]
    columns = (
        Column("study", "study"),
        Column("state", "state"),
        *(Column(key, key, number) for key in ("trained", "target", "reused", "pruned")),
        Column("failed", "failed", number),
        Column("front", "front", number),
        Column("hypervolume", "hypervolume", number),
        Column("dataset", "dataset"),
        Column("created_at", "created"),
    )
    return Table(columns, rows)


_STATES = ("reused", "pruned", "failed", "interrupted", "paused", "running")


def status_json(
    study: StudyRecord, state: str, hypervolume: float, front_size: int, queued: int
) -> dict[str, Any]:
    """Return everything that is counted of one study, as JSON values."""
    return {
        "study": study.name,
        "state": state,
        "trained": study.counts["trained"],
        "target": study.target_trials,
        **{name: study.counts[name] for name in _STATES},
        "failures": dict(study.failures),
        "queued": queued,
        "drawn": study.drawn,
        "rejected": study.rejected,
        "rejections": dict(study.rejections),
        "front": front_size,
        "hypervolume": hypervolume,
        "config": study.config.model_dump(mode="json"),
    }


def status_table(
    study: StudyRecord, state: str, hypervolume: float, front_size: int, queued: int
) -> Table:
    """Return everything that is counted of one study, one quantity a row."""
    rows: list[Row] = [
        {"quantity": "state", "value": state},
        {"quantity": "networks trained", "value": study.counts["trained"]},
        {"quantity": "networks asked for", "value": study.target_trials},
        *({"quantity": f"trials {name}", "value": study.counts[name]} for name in _STATES),
        *(
            {"quantity": f"  failed: {reason}", "value": count}
            for reason, count in sorted(study.failures.items())
        ),
        {"quantity": "networks queued", "value": queued},
        {"quantity": "genotypes drawn", "value": study.drawn},
        {"quantity": "genotypes rejected", "value": study.rejected},
        *(
            {"quantity": f"  for {reason}", "value": count}
            for reason, count in sorted(study.rejections.items())
        ),
        {"quantity": "front size", "value": front_size},
        {"quantity": "hypervolume", "value": hypervolume},
    ]

    def value(found: object) -> str:
        return found if isinstance(found, str) else number(float(str(found)))

    columns = (Column("quantity", "quantity"), Column("value", "value", value))
    caption = "One rejected genotype may break several budgets."
    return Table(columns, rows, f"Study '{study.name}'", caption)
