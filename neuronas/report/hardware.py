"""Tables of what networks cost, and of chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuronas.hardware import UNITS, Chip, Estimate
from neuronas.report.tables import Column, Row, Table, fitting, number, percent, text

_DESCRIPTION = {
    "in_channels": "in",
    "out_channels": "out",
    "kernel": "kernel",
    "parameters": "parameters",
    "weight_bits": "bits",
    "macs": "MACs",
    "neurons": "neurons",
}
_TOTALS = {
    "energy_uj": "energy (µJ)",
    "latency_ms": "latency (ms)",
    "area_mm2": "area (mm²)",
}
_NO_FIGURE = {"layer", "kind", "area_um2", "energy_pj", "latency_ns", "modelled", *_DESCRIPTION}


def layers_table(layers: Sequence[Row], shared: Mapping[str, float] | None = None) -> Table:
    """Return the cost of each layer, with the figures that its hardware model gives.

    Args:
        layers: One row per layer.
        shared: Area of what belongs to no layer, in um^2.
    """
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
    figures = {key: key.replace("_", " ") for key in layers[0] if key not in _NO_FIGURE}
    columns = (
        Column("layer", "layer"),
        Column("kind", "kind"),
        *(Column(key, title, number) for key, title in (_DESCRIPTION | figures | _TOTALS).items()),
        Column("note", ""),
    )
    parts = [f"{name} {fitting(v * 1e-12, 'm²', 2)}" for name, v in (shared or {}).items() if v]
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
        {"quantity": "area", "value": fitting(values["area_um2"] * 1e-12, "m²", 2)},
        {"quantity": "energy", "value": fitting(values["energy_pj"] * 1e-12, "J")},
        {"quantity": "latency", "value": fitting(values["latency_ns"] * 1e-9, "s")},
        {"quantity": "time between results", "value": fitting(values["interval_ns"] * 1e-9, "s")},
        {"quantity": "parameters", "value": number(values["parameters"])},
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


def parts_table(result: Estimate) -> Table:
    """Return the share of each component in area, energy and latency, largest first."""
    values = result.to_json()
    rows: list[Row] = []
    for quantity, key in (
        ("area", "area_parts_um2"),
        ("energy", "energy_parts_pj"),
        ("latency", "latency_parts_ns"),
    ):
        whole = sum(values[key].values())
        power, unit = {"area": (1e-12, "m²"), "energy": (1e-12, "J"), "latency": (1e-9, "s")}[
            quantity
        ]
        for name, value in values[key].items():
            if value > 0:
                rows.append(
                    {
                        "quantity": quantity,
                        "component": name,
                        "value": fitting(value * power, unit, 2 if quantity == "area" else 1),
                        "share": value / whole,
                    }
                )
    columns = (
        Column("quantity", "of"),
        Column("component", "component"),
        Column("value", "value"),
        Column("share", "share", percent),
    )
    return Table(columns, rows)


def chips_table(chips: Sequence[Chip]) -> Table:
    """Return one row per chip preset."""
    rows = [{"chip": chip.name, "model": chip.model, "source": chip.source} for chip in chips]
    columns = (Column("chip", "chip"), Column("model", "model"), Column("source", "source"))
    return Table(columns, rows)


def settings_table(chip: Chip) -> Table:
    """Return what is chosen on a chip."""
    rows = [
        {"setting": name, "value": value}
        for name, value in chip.settings.model_dump(mode="json", exclude_none=True).items()
    ]
    columns = (Column("setting", "setting"), Column("value", "value"))
    return Table(columns, rows, f"Chip '{chip.name}' of model '{chip.model}'", chip.source)


def constants_table(chip: Chip) -> Table:
    """Return every constant of a chip with unit, node and source."""
    rows = [{"constant": name, **c.model_dump()} for name, c in chip.constants.items()]
    columns = (
        Column("constant", "constant"),
        Column("value", "value", number),
        Column("unit", "unit"),
        Column("node_nm", "node (nm)", number),
        Column("source", "source"),
    )
    return Table(columns, rows)


def comparison_table(rows: Sequence[Row]) -> Table:
    """Return networks, what each costs under each model, and whether it fits a budget."""
    columns = (
        Column("network", "network"),
        Column("chip", "chip"),
        Column("bits", "bits"),
        *(
            Column(name, f"{name.rsplit('_', 1)[0]} ({unit})" if unit else name, number)
            for name, unit in reversed(UNITS.items())
        ),
        Column("verdict", "budget"),
    )
    return Table(columns, rows)


def walk_table(steps: Sequence[Row]) -> Table:
    """Return the walk from SpikeSim's script over its corrections to another model."""
    columns = (
        Column("step", "step"),
        *(
            column
            for key, title in reversed(_TOTALS.items())
            for column in (Column(key, title, number), Column(f"{key}_change", "", _change))
        ),
        Column("what", "what it does"),
    )
    return Table(columns, steps, "From SpikeSim's script, one correction after the other")


def _change(factor: float | None) -> str:
    unchanged = 5e-4
    return "" if factor is None or abs(factor - 1) < unchanged else f"x {factor:.3g}"
