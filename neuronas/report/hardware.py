"""Tables of what networks cost, and of chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuronas.hardware import Chip, Estimate
from neuronas.report.tables import Column, Row, Table, number, percent, text
from neuronas.report.units import (
    AREA_UM2,
    ENERGY_PJ,
    LATENCY_NS,
    USUAL,
    Quantity,
    quantity_columns,
    quantity_title,
)

_DESCRIPTION = {
    "in_channels": "in",
    "out_channels": "out",
    "kernel": "kernel",
    "parameters": "parameters",
    "weight_bits": "bits",
    "macs": "MACs",
    "neurons": "neurons",
}
_TOTALS = {"energy_pj": ENERGY_PJ, "latency_ns": LATENCY_NS, "area_um2": AREA_UM2}
_STEPS = {
    "area_mm2": Quantity("area", "m²", 1e-6),
    "latency_ms": Quantity("latency", "s", 1e-3),
    "energy_uj": Quantity("energy", "J", 1e-6),
}
_NO_FIGURE = {"layer", "kind", "modelled", *_DESCRIPTION, *_TOTALS}


def cost_tables(result: Estimate) -> list[Table]:
    """Return an estimate taken apart: one table of components per total, and one of layers."""
    values = result.to_json()
    parts = {
        "energy_pj": values["energy_parts_pj"],
        "latency_ns": values["latency_parts_ns"],
        "area_um2": values["area_parts_um2"],
    }
    tables = [parts_table(total, components) for total, components in parts.items()]
    return [*tables, layers_table(values["layers"], result.explanation.area_um2.shared)]


def parts_table(total: str, parts: Mapping[str, float]) -> Table:
    """Return the share of each component in a total, largest first.

    Args:
        total: ``energy_pj``, ``latency_ns`` or ``area_um2``.
        parts: Its components, in that unit, largest first.
    """
    quantity, whole = _TOTALS[total], sum(parts.values())
    rows = [
        {"component": name, total: value, "share": value / whole}
        for name, value in parts.items()
        if value > 0
    ]
    columns = (
        Column("component", f"{quantity.name} by component"),
        quantity.column(total, quantity.unit(parts.values())),
        Column("share", "share", percent),
    )
    return Table(columns, rows)


def layers_table(layers: Sequence[Row], shared: Mapping[str, float] | None = None) -> Table:
    """Return the cost of each layer, with the figures that its hardware model gives.

    Args:
        layers: One row per layer.
        shared: Area of what belongs to no layer, in um^2.
    """
    rows = [{**layer, "note": "" if layer["modelled"] else "not modelled"} for layer in layers]
    figures = {key: key.replace("_", " ") for key in layers[0] if key not in _NO_FIGURE}
    found = {total: [layer[total] for layer in layers] for total in _TOTALS}
    common = {name: area for name, area in (shared or {}).items() if area}
    found["area_um2"] += common.values()
    units = {total: quantity.unit(found[total]) for total, quantity in _TOTALS.items()}
    columns = (
        Column("layer", "layer"),
        Column("kind", "kind"),
        *(Column(key, title, number) for key, title in (_DESCRIPTION | figures).items()),
        *(quantity.column(total, units[total]) for total, quantity in _TOTALS.items()),
        Column("note", ""),
    )
    parts = [f"{name} {AREA_UM2.written(v, units['area_um2'])}" for name, v in common.items()]
    caption = f"Shared by all layers: {', '.join(parts)}." if parts else None
    return Table(columns, rows, caption=caption)


def estimate_summary(result: Estimate) -> Table:
    """Return the totals of one estimate."""
    values = result.to_json()
    given = {name: value for name, value in values["settings"].items() if value is not None}
    settings = ", ".join(f"{name} {text(value)}" for name, value in given.items())
    rows = [
        {"quantity": "chip", "value": values["chip"]},
        {"quantity": "settings", "value": settings},
        {"quantity": "num_pe", "value": number(values["num_pe"])},
        {"quantity": "num_tiles", "value": number(values["num_tiles"])},
        *([] if values["fits"] else [_no_room(values)]),
        {"quantity": "area", "value": AREA_UM2.written(values["area_um2"])},
        {"quantity": "energy", "value": ENERGY_PJ.written(values["energy_pj"])},
        {"quantity": "latency", "value": LATENCY_NS.written(values["latency_ns"])},
        {"quantity": "time between results", "value": LATENCY_NS.written(values["interval_ns"])},
        *(
            {"quantity": quantity_title(name), "value": number(amount)}
            for name, amount in values["quantities"].items()
            if amount is not None and (name == "parameters" or name not in USUAL)
        ),
    ]
    if values["memory_bits"] is not None:
        for name, bits in values["memory_parts_bits"].items():
            rows.append({"quantity": f"memory: {name}", "value": f"{number(bits / 8)} B"})
    rows.append({"quantity": "not modelled", "value": ", ".join(values["not_modelled"]["effects"])})
    rows += [{"quantity": "warning", "value": text} for text in values["warnings"]]
    columns = (Column("quantity", "quantity"), Column("value", "value"))
    return Table(columns, rows, f"Estimate by model '{values['model']}'")


def _no_room(values: Row) -> Row:
    has = values["settings"].get("tiles")
    return {
        "quantity": "fits the chip",
        "value": f"no: it needs {values['num_tiles']} tiles, has {has}",
    }


def chips_table(chips: Sequence[Chip]) -> Table:
    """Return one row per chip preset."""
    rows = [{"chip": chip.name, "model": chip.model, "source": chip.source} for chip in chips]
    columns = (Column("chip", "chip"), Column("model", "model"), Column("source", "source"))
    return Table(columns, rows)


def settings_table(chip: Chip) -> Table:
    """Return what is chosen on a chip, and where a chip has a base, which of it is its own."""
    rows = [
        {"setting": name, "value": value, "from": _from(chip, f"settings.{name}")}
        for name, value in chip.settings.model_dump(mode="json", exclude_none=True).items()
    ]
    columns = (Column("setting", "setting"), Column("value", "value"), *_from_column(chip))
    inherited = chip.base is not None and "source" not in chip.own
    caption = f"{_from(chip, 'source')}: {chip.source}" if inherited else chip.source
    return Table(columns, rows, f"Chip '{chip.name}' of model '{chip.model}'", caption)


def constants_table(chip: Chip) -> Table:
    """Return every constant of a chip with unit, node and source, and likewise its own."""
    rows = [
        {"constant": name, **c.model_dump(), "from": _from(chip, f"constants.{name}")}
        for name, c in chip.constants.items()
    ]
    columns = (
        Column("constant", "constant"),
        Column("value", "value", number),
        Column("unit", "unit"),
        Column("node_nm", "node (nm)", number),
        *_from_column(chip),
        Column("source", "source"),
    )
    return Table(columns, rows)


def _from(chip: Chip, key: str) -> str:
    return "this file" if key in chip.own else f"base {chip.base}"


def _from_column(chip: Chip) -> tuple[Column, ...]:
    return () if chip.base is None else (Column("from", "from"),)


def comparison_table(rows: Sequence[Row]) -> Table:
    """Return networks, what each costs under each model, and whether it fits a budget."""
    columns = (
        Column("network", "network"),
        Column("chip", "chip"),
        Column("bits", "bits"),
        *quantity_columns(),
        Column("verdict", "budget"),
    )
    return Table(columns, rows)


def walk_table(steps: Sequence[Row]) -> Table:
    """Return the walk from SpikeSim's script over its corrections to another model."""
    units = {key: q.unit(step[key] for step in steps) for key, q in _STEPS.items()}
    columns = (
        Column("step", "step"),
        *(
            column
            for key, quantity in _STEPS.items()
            for column in (
                quantity.column(key, units[key]),
                Column(f"{key}_change", "", _change),
            )
        ),
        Column("what", "what it does"),
    )
    return Table(columns, steps, "From SpikeSim's script, one correction after the other")


def _change(factor: float | None) -> str:
    unchanged = 5e-4
    return "" if factor is None or abs(factor - 1) < unchanged else f"x {factor:.3g}"
