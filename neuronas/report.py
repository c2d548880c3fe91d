"""What people see: tables of studies, fronts, trials, costs and surveys, and their formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table as RichTable

from neuronas.config import OPERATIONS
from neuronas.hardware import UNITS, Estimate
from neuronas.records import StudyRecord, Trial
from neuronas.searching import Survey

Format = Literal["table", "json", "csv"]
Row = Mapping[str, Any]
Cell = Callable[[Any], str]

_NO_WRAP_WIDTH = 1000


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    thousand = 1000
    if value == int(value) and abs(value) >= thousand:
        return f"{int(value):,}"
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in JSON and CSV, its title on screen, and how a cell is written."""

    key: str
    title: str
    cell: Cell = _text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with full-precision values, and how to show them."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    title: str | None = None
    caption: str | None = None

    def render(self, form: Format, *, width: int | None = None) -> str:
        """Return the table as text.

        Args:
            form: ``table`` for people, ``json`` and ``csv`` with full precision and units in keys.
            width: Columns of the terminal; lines are never broken when None.
        """
        if form == "json":
            return json.dumps(list(self.rows), indent=2) + "\n"
        if form == "csv":
            return self._csv()
        return self._screen(width)

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, [c.key for c in self.columns], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def _screen(self, width: int | None) -> str:
        out = io.StringIO()
        console = Console(file=out, width=width or _NO_WRAP_WIDTH, highlight=False)
        table = RichTable(title=self.title, title_justify="left", box=None, pad_edge=False)
        for column in self.columns:
            numeric = column.cell is not _text
            table.add_column(
                column.title,
                justify="right" if numeric else "left",
                no_wrap=numeric,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*(column.cell(row.get(column.key)) for column in self.columns))
        console.print(table)
        if self.caption:
            console.print(self.caption)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


_COSTS = tuple(
    Column(name, f"{name.rsplit('_', 1)[0]} ({unit})" if unit else name, _number)
    for name, unit in reversed(UNITS.items())
)


def front_table(study: StudyRecord, front: Sequence[Trial]) -> Table:
    """Return a study's Pareto front, best validation accuracy first.

    Test accuracy is shown for a final front only.
    """
    final = study.state != "running"
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
                "genotype": network.to_json(),
            }
        )
    columns = (
        Column("trial", "trial", _number),
        Column("validation_accuracy", "validation", _percent),
        Column("test_accuracy", "test", _percent),
        *_COSTS,
        Column("time_steps", "T", _number),
        Column("channels", "channels", _number),
        Column("cell_a", "cell A"),
        Column("cell_b", "cell B"),
    )
    digits = ", ".join(f"{op.digit} {op.name}" for op in OPERATIONS)
    caption = f"Cells: one row per node, one digit per node it leads to: {digits}."
    if front:
        effects = ", ".join(front[0].cost.not_modelled["effects"])
        caption += f"\nEnergy, latency and area leave out: {effects}."
    return Table(columns, rows, f"Pareto front of '{study.name}'", caption)


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
            "dataset": study.config.dataset,
            "created_at": study.created_at.isoformat(timespec="seconds"),
        }
        for study, state, hypervolume, front_size in studies
    ]
    columns = (
        Column("study", "study"),
        Column("state", "state"),
        *(Column(key, key, _number) for key in ("trained", "target", "reused", "pruned")),
        Column("failed", "failed", _number),
        Column("front", "front", _number),
        Column("hypervolume", "hypervolume", _number),
        Column("dataset", "dataset"),
        Column("created_at", "created"),
    )
    return Table(columns, rows)


_STATES = ("reused", "pruned", "failed", "interrupted", "running")


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
        return found if isinstance(found, str) else _number(float(str(found)))

    columns = (Column("quantity", "quantity"), Column("value", "value", value))
    caption = "One rejected genotype may break several budgets."
    return Table(columns, rows, f"Study '{study.name}'", caption)


def layers_table(layers: Sequence[Row]) -> Table:
    """Return the cost of each layer."""
    rows = [
        {
            **layer,
            "energy_uj": layer["energy_pj"] / 1e6,
            "latency_ms": layer["latency_ns"] / 1e6,
            "area_mm2": layer["area_um2"] / 1e6,
            "note": "" if layer["modelled"] else "not modelled",
        }
        for layer in layers
    ]
    numbers = {
        "in_channels": "in",
        "out_channels": "out",
        "kernel": "kernel",
        "parameters": "parameters",
        "weight_bits": "bits",
        "macs": "MACs",
        "neurons": "neurons",
        "pe": "PEs",
        "energy_uj": "energy (µJ)",
        "latency_ms": "latency (ms)",
        "area_mm2": "area (mm²)",
    }
    columns = (
        Column("layer", "layer"),
        Column("kind", "kind"),
        *(Column(key, title, _number) for key, title in numbers.items()),
        Column("note", ""),
    )
    return Table(columns, rows)


def estimate_summary(result: Estimate) -> Table:
    """Return the totals of one estimate."""
    values = result.to_json()
    rows = [
        {"quantity": "chip", "value": f"{values['chip']} {values['settings']}"},
        {"quantity": "num_pe", "value": _number(values["num_pe"])},
        {"quantity": "num_tiles", "value": _number(values["num_tiles"])},
        {"quantity": "area (mm²)", "value": _number(values["area_um2"] / 1e6)},
        {"quantity": "energy (µJ)", "value": _number(values["energy_pj"] / 1e6)},
        {"quantity": "latency (ms)", "value": _number(values["latency_ns"] / 1e6)},
        {"quantity": "parameters", "value": _number(values["parameters"])},
        {"quantity": "not modelled", "value": ", ".join(values["not_modelled"]["effects"])},
    ]
    if values["memory_bits"] is not None:
        bits = {"quantity": "memory (B)", "value": _number(values["memory_bits"] / 8)}
        rows.insert(-1, bits)
    columns = (Column("quantity", "quantity"), Column("value", "value"))
    return Table(columns, rows, f"Estimate by model '{result.model}'")


def survey_table(found: Survey) -> Table:
    """Return what a survey found: how many fit, what rejects the others, the extremes."""
    rows: list[Row] = [
        {"what": "candidates", "count": found.candidates},
        {"what": "fit", "count": found.fit, "share": found.fit / found.candidates},
    ]
    rows += [
        {"what": f"rejected: {reason}", "count": count, "share": count / found.candidates}
        for reason, count in found.rejected.items()
    ]
    columns = (
        Column("what", "what"),
        Column("count", "count", _number),
        Column("share", "share", _percent),
    )
    return Table(columns, rows)


def extremes_table(found: Survey) -> Table:
    """Return the cheapest and the dearest feasible network per quantity."""
    rows = [
        {
            "quantity": f"{name.rsplit('_', 1)[0]} ({UNITS[name]})" if UNITS[name] else name,
            "cheapest": found.cheapest[name].value,
            "dearest": found.dearest[name].value,
        }
        for name in UNITS
        if name in found.cheapest
    ]
    columns = (
        Column("quantity", "among those that fit"),
        Column("cheapest", "cheapest", _number),
        Column("dearest", "dearest", _number),
    )
    return Table(columns, rows)


def survey_json(found: Survey) -> dict[str, Any]:
    """Return a survey as JSON values, the extremes with their genotypes."""
    return {
        "candidates": found.candidates,
        "fit": found.fit,
        "rejected": found.rejected,
        "cheapest": {
            name: {"value": e.value, "genotype": e.genotype} for name, e in found.cheapest.items()
        },
        "dearest": {
            name: {"value": e.value, "genotype": e.genotype} for name, e in found.dearest.items()
        },
    }


def timings_table(timings: Sequence[Row]) -> Table:
    """Return benchmark timings, the baseline first."""
    columns = (
        Column("benchmark", "benchmark"),
        Column("variant", "variant"),
        Column("median_ms", "median (ms)", _number),
        Column("per_item_us", "per item (µs)", _number),
        Column("ratio", "times as fast", _number),
    )
    return Table(columns, timings)
