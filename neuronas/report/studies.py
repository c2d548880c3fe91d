"""Tables of studies, their fronts and their progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neuronas.architecture import GROUPS, Architecture
from neuronas.config import OPERATIONS, SNASNET_OPERATIONS, StudyConfig
from neuronas.records import StudyRecord, Trial
from neuronas.report.tables import Column, Row, Table, number, percent
from neuronas.report.units import quantity_columns
from neuronas.searching import QUANTITIES
from neuronas.searching.stop_rules import StopRule, holding_rule, stop_rules

if TYPE_CHECKING:
    from neuronas.searching.care import Compared


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
                **trial.known_cost.quantities,
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
        *quantity_columns(_asked(study.config)),
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


def _asked(study: StudyConfig) -> list[str]:
    """Return the quantities that a study asks for, as objectives or by limits."""
    wanted = [QUANTITIES[name] for name in study.objectives if name in QUANTITIES]
    return [*wanted, *study.budget.limits()]


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


def compared_table(studies: Sequence[Compared]) -> Table:
    """Return studies with the same objectives side by side, the largest hypervolume first."""
    rows: list[Row] = []
    for compared in sorted(studies, key=lambda c: c.hypervolume, reverse=True):
        study = compared.study
        best = max(map(_validation_accuracy, compared.front), default=None)
        rows.append(
            {
                "study": study.name,
                "trained": study.counts["trained"],
                "epochs": study.epochs,
                "front": len(compared.front),
                "on_common_front": len(compared.on_common_front),
                "hypervolume": compared.hypervolume,
                "best_accuracy": best,
                "trials_on_common_front": compared.on_common_front,
            }
        )
    columns = (
        Column("study", "study"),
        Column("trained", "trained", number),
        Column("epochs", "epochs", number),
        Column("front", "front", number),
        Column("on_common_front", "of it on the common front", number),
        Column("hypervolume", "hypervolume", number),
        Column("best_accuracy", "best accuracy", percent),
    )
    note = "Hypervolumes are measured from the worst of the studies' references."
    return Table(columns, rows, title="Studies compared", caption=note)


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
            "exceeded": study.counts["exceeded"],
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
        *(
            Column(key, key, number)
            for key in ("trained", "target", "reused", "pruned", "exceeded")
        ),
        Column("failed", "failed", number),
        Column("front", "front", number),
        Column("hypervolume", "hypervolume", number),
        Column("dataset", "dataset"),
        Column("created_at", "created"),
    )
    return Table(columns, rows)


_STATES = ("reused", "pruned", "exceeded", "failed", "interrupted", "paused", "running")


def status_json(
    study: StudyRecord,
    state: str,
    hypervolume: float,
    front_size: int,
    queued: int,
    workers: int = 0,
) -> dict[str, Any]:
    """Return everything that is counted of one study, as JSON values."""
    return {
        "study": study.name,
        "state": state,
        "workers": workers,
        "trained": study.counts["trained"],
        "target": study.target_trials,
        "epochs": study.epochs,
        "wall_seconds": study.wall_seconds,
        "since_gain": study.since_gain,
        "limits": {rule.key: rule.limit for rule in stop_rules(study)},
        "stopped_by": stopped_by.key if (stopped_by := _stopped_by(study, state)) else None,
        **{name: study.counts[name] for name in _STATES},
        "measured": {
            "networks": study.counts["trained"] + study.counts["reused"],
            "exceeded": study.counts["exceeded"],
            "stated": asdict(study.stated) if study.stated.networks else None,
        },
        "failures": dict(study.failures),
        "queued": queued,
        "drawn": study.drawn,
        "rejected": study.rejected,
        "rejections": dict(study.rejections),
        "front": front_size,
        "hypervolume": hypervolume,
        "config": study.config.model_dump(mode="json"),
    }


def _exceeded(study: StudyRecord) -> str:
    """Return how many trained networks broke a budget, against what samplers stated of them."""
    counts, stated = study.counts, study.stated
    networks = counts["trained"] + counts["reused"]
    found = f"{counts['exceeded']} of {networks}"
    if stated.networks == 0:
        return found
    if stated.networks == networks:
        return f"{found} (expected {stated.expected:.1f})"
    return (
        f"{found}; {stated.exceeded} of the {stated.networks} stated "
        f"(expected {stated.expected:.1f})"
    )


def status_table(
    study: StudyRecord,
    state: str,
    hypervolume: float,
    front_size: int,
    queued: int,
    workers: int = 0,
) -> Table:
    """Return everything that is counted of one study, one quantity a row."""
    stopped_by = _stopped_by(study, state)
    rows: list[Row] = [
        {"quantity": "state", "value": state},
        *([{"quantity": "stopped by", "value": stopped_by.key}] if stopped_by else []),
        {"quantity": "workers", "value": workers},
        *(
            {"quantity": rule.counted, "value": rule.value, "limit": rule.limit}
            for rule in stop_rules(study)
        ),
        *({"quantity": f"trials {name}", "value": study.counts[name]} for name in _STATES),
        *(
            {"quantity": f"  failed: {reason}", "value": count}
            for reason, count in sorted(study.failures.items())
        ),
        {"quantity": "over budget when measured", "value": _exceeded(study)},
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

    columns = (
        Column("quantity", "quantity"),
        Column("value", "value", value),
        Column("limit", "limit", number),
    )
    caption = "One rejected genotype may break several budgets."
    return Table(columns, rows, f"Study '{study.name}'", caption)


def _stopped_by(study: StudyRecord, state: str) -> StopRule | None:
    """Return the rule that stopped a study; None where it is searched, or nothing was left."""
    return holding_rule(study) if state == "finished" else None
