"""What each operation of a space is worth, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neuronas.report.tables import Column, Row, Table, number, percent
from neuronas.report.units import ORDERED, USUAL, quantity_name

if TYPE_CHECKING:
    from neuronas.searching import Ablated

_CAPTION = """\
Changes against the whole space, ± half of a 95 % interval (Student's, networks paired): one that
reaches 0 tells nothing. Accuracy: mean of the trained networks' validation accuracy, its change in
points; differing: how many are other networks than those that they pair up with; failed ones have
no accuracy. Fit: share of {drawn:,} random networks of each space; costs: means of those."""


def ablation_table(ablated: Sequence[Ablated]) -> Table:
    """Return one row for the whole space, and one per operation that was removed."""
    changes = [
        Column(
            f"{name}_change", quantity_name(name), percent, f"{name}_error", on_screen=name in USUAL
        )
        for name in ORDERED
    ]
    columns = (
        Column("removed", "removed"),
        Column("accuracy", "accuracy", percent),
        Column("accuracy_change", "change", _points, "accuracy_error"),
        Column("networks", "networks", number),
        Column("differing", "differing", number),
        Column("failed", "failed", number),
        Column("drawn", "drawn", number, on_screen=False),
        Column("fit_share", "fit", percent),
        *changes,
        *(Column(name, name, number, on_screen=False) for name in ORDERED),
    )
    rows = [_row(one) for one in ablated]
    return Table(columns, rows, caption=_CAPTION.format(drawn=ablated[0].drawn))


def _row(one: Ablated) -> Row:
    row: dict[str, Any] = {
        "removed": one.removed or "nothing",
        "networks": one.networks,
        "differing": one.differing,
        "failed": one.failed,
        "drawn": one.drawn,
        "fit_share": one.fit_share,
        "accuracy": one.accuracy,
        **one.costs,
    }
    for name, change in {"accuracy": one.accuracy_change, **one.cost_changes}.items():
        row[f"{name}_change"] = change and change.value
        row[f"{name}_error"] = change and change.error
    return row


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
