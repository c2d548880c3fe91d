"""Tables of what a search space holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronas.hardware import UNITS
from neuronas.report.tables import Column, Row, Table, number, percent
from neuronas.report.units import quantity_title
from neuronas.searching import Survey


def survey_table(found: Mapping[str, Survey]) -> Table:
    """Return what surveys found per hardware model: how many fit, and what rejects the others."""
    reasons = dict.fromkeys(reason for survey in found.values() for reason in survey.rejected)
    labels = {"fit": "fit"} | {reason: f"rejected: {reason}" for reason in reasons}
    rows: list[Row] = [{"what": "candidates"} | {m: s.candidates for m, s in found.items()}]
    for key, label in labels.items():
        row: dict[str, Any] = {"what": label}
        for model, survey in found.items():
            count = survey.fit if key == "fit" else survey.rejected.get(key, 0)
            row |= {model: count, f"{model} share": count / survey.candidates}
        rows.append(row)
    rows.append({"what": "binds most"} | {m: s.binding or "nothing" for m, s in found.items()})
    columns = [Column("what", "what")]
    for model in found:
        columns += [Column(model, model, _count), Column(f"{model} share", "", percent)]
    return Table(tuple(columns), rows)


def _count(value: int | str | None) -> str:
    return value if isinstance(value, str) else number(value)


def extremes_table(found: Survey) -> Table:
    """Return the best and the worst feasible network per quantity."""
    rows = [
        {
            "quantity": quantity_title(name),
            "cheapest": found.cheapest[name].value,
            "dearest": found.dearest[name].value,
        }
        for name in UNITS
        if name in found.cheapest
    ]
    columns = (
        Column("quantity", "among those that fit"),
        Column("cheapest", "cheapest", number),
        Column("dearest", "dearest", number),
    )
    return Table(columns, rows)


def survey_json(found: Mapping[str, Survey]) -> dict[str, Any]:
    """Return surveys as JSON values, the study's own first and at the top."""
    models = {model: _survey_json(survey) for model, survey in found.items()}
    return next(iter(models.values())) | {"models": models}


def _survey_json(found: Survey) -> dict[str, Any]:
    return {
        "candidates": found.candidates,
        "fit": found.fit,
        "rejected": found.rejected,
        "binding": found.binding,
        "cheapest": {
            name: {"value": e.value, "genotype": e.genotype} for name, e in found.cheapest.items()
        },
        "dearest": {
            name: {"value": e.value, "genotype": e.genotype} for name, e in found.dearest.items()
        },
    }
