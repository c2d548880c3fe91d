"""The table of how a front came about."""

from __future__ import annotations

from collections.abc import Sequence

from neuronas.records import FrontEvent, StudyRecord
from neuronas.report.tables import Column, Row, Table, number, percent
from neuronas.report.units import quantity_title
from neuronas.searching.objectives import QUANTITIES


def history_table(study: StudyRecord, events: Sequence[FrontEvent]) -> Table:
    """Return who entered a study's front and who left it, oldest first."""
    objectives = [(name, _column(name)) for name in study.config.objectives]
    rows: list[Row] = [
        {
            "trained": event.trained,
            "time": event.time.isoformat(timespec="seconds"),
            "trial": event.trial_number,
            "event": "enters" if event.enters else "leaves",
            "left_for": event.left_for,
            **{column.key: event.objectives[name] for name, column in objectives},
            "hypervolume": event.hypervolume,
        }
        for event in events
    ]
    columns = (
        Column("trained", "networks", number),
        Column("time", "time"),
        Column("trial", "trial", number),
        Column("event", "event"),
        Column("left_for", "for", number),
        *(column for _, column in objectives),
        Column("hypervolume", "hypervolume", number),
    )
    caption = "networks: newly trained until then; for: the trial that dominates it."
    return Table(columns, rows, f"Front of '{study.name}' over time", caption)


def _column(objective: str) -> Column:
    quantity = QUANTITIES.get(objective)
    if quantity is None:
        return Column("validation_accuracy", "validation", percent)
    return Column(quantity, quantity_title(quantity), number)
