"""Tables of costs and chips: one unit per column, shares per component, what is a chip's own."""

from __future__ import annotations

import re

import pytest

from neuronas.hardware import Chip, Estimate, estimate, walk
from neuronas.report import (
    constants_table,
    cost_tables,
    layers_table,
    settings_table,
    walk_table,
)
from tests.strategies import architecture

TOTALS = {"energy_pj": 1e-12, "latency_ns": 1e-9, "area_um2": 1e-12}
SIZES = {"mm²": 1e-6, "µm²": 1e-12} | {
    prefix + unit: size
    for unit in "Js"
    for prefix, size in {"m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}.items()
}


@pytest.fixture(params=["rram-32nm", "spikesim-65nm-rram"])
def found(request) -> Estimate:
    return estimate(architecture(hidden=5), chip=request.param)


def test_the_parts_of_each_total_are_shown_largest_first_with_their_shares(found):
    parts = found.to_json()
    tables = dict(zip(TOTALS, cost_tables(found), strict=False))
    for (key, table), title in zip(tables.items(), ("energy", "latency", "area"), strict=True):
        stem, unit = key.rsplit("_", 1)
        expected = {name: v for name, v in parts[f"{stem}_parts_{unit}"].items() if v}
        assert {row["component"]: row[key] for row in table.rows} == expected
        assert [row[key] for row in table.rows] == sorted(expected.values(), reverse=True)
        assert sum(row["share"] for row in table.rows) == pytest.approx(1)
        assert table.columns[0].title == f"{title} by component"


def test_every_column_of_a_cost_is_in_the_unit_of_its_header(found):
    for table in cost_tables(found):
        for column in (c for c in table.columns if c.key in TOTALS):
            unit = re.search(r"\((.+)\)", column.title)[1]
            for row in table.rows:
                shown = float(column.cell(row[column.key]).replace(",", "")) * SIZES[unit]
                assert shown == pytest.approx(row[column.key] * TOTALS[column.key], rel=1e-3)


def test_no_cell_of_a_column_with_a_unit_names_another(found):
    for table in cost_tables(found):
        for line in table.render("table").splitlines()[1:]:
            if not line.startswith("Shared by all layers"):
                assert not re.search(r"\d ?[mµnpf]?(J|s|m²)\b", line), line


def test_what_layers_share_is_told_in_the_unit_of_their_areas():
    found = estimate(architecture(), chip="rram-32nm").to_json()
    table = layers_table(found["layers"], {"wires": 843_500.0, "membranes": 1_101.0, "store": 0.0})
    assert "area (mm²)" in [column.title for column in table.columns]
    assert table.caption == "Shared by all layers: wires 0.8435 mm², membranes 0.001101 mm²."


def test_the_walk_has_one_unit_per_column():
    chips = Chip.of("rram-32nm"), Chip.of("spikesim-65nm-rram")
    table = walk_table(walk(architecture(), chips[0], start=chips[1]))
    titles = [column.title for column in table.columns]
    assert [title.split()[0] for title in titles if "(" in title] == ["area", "latency", "energy"]
    rows = table.render("csv").splitlines()
    assert rows[0].startswith("step,area_mm2,area_mm2_change,latency_ms,")


OWN = {
    "base": "rram-32nm",
    "settings": {"rows": 128},
    "constants": {"energy_sar_bit": {"value": 0.05, "source": "measured"}},
}


def test_a_chip_on_a_base_marks_which_settings_and_constants_are_its_own():
    chip = Chip.of(OWN)
    settings = {row["setting"]: row["from"] for row in settings_table(chip).rows}
    constants = {row["constant"]: row["from"] for row in constants_table(chip).rows}
    assert {name for name, of in settings.items() if of == "this file"} == {"rows"}
    assert {name for name, of in constants.items() if of == "this file"} == {"energy_sar_bit"}
    assert set(settings.values()) == set(constants.values()) == {"this file", "base rram-32nm"}
    for table in (settings_table(chip), constants_table(chip)):
        assert "from" in [column.title for column in table.columns]


def test_the_source_of_a_base_is_not_taken_for_the_chips_own():
    base = Chip.of("rram-32nm").source
    assert settings_table(Chip.of(OWN)).caption == f"base rram-32nm: {base}"
    assert settings_table(Chip.of(OWN | {"source": "our test chip"})).caption == "our test chip"


def test_a_chip_without_a_base_has_no_column_for_it():
    chip = Chip.of("rram-32nm")
    assert settings_table(chip).caption == chip.source
    for table in (settings_table(chip), constants_table(chip)):
        assert "from" not in [column.title for column in table.columns]
