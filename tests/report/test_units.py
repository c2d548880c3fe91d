"""One unit for a whole column: which one, and that every cell is in it."""

from __future__ import annotations

import pytest

from neuronas.report.units import AREA_UM2, ENERGY_PJ, LATENCY_NS, Quantity


@pytest.mark.parametrize(
    ("quantity", "values", "symbol"),
    [
        (ENERGY_PJ, [80_510.0, 71.81], "nJ"),
        (ENERGY_PJ, [2_541_000.0, 9.4e-4], "µJ"),
        (ENERGY_PJ, [999.0], "pJ"),
        (ENERGY_PJ, [0.02], "fJ"),
        (ENERGY_PJ, [2e12], "J"),
        (LATENCY_NS, [490_100.0, 3_314.0], "µs"),
        (LATENCY_NS, [34.08e6], "ms"),
        (AREA_UM2, [974_900.0, 702.3], "mm²"),
        (AREA_UM2, [9_000.0, 1.0], "µm²"),
        (AREA_UM2, [3e12], "mm²"),
        (Quantity("energy", "J", 1e-6), [0.1919, 1.244], "µJ"),
        (ENERGY_PJ, [0.0], "J"),
        (AREA_UM2, [], "mm²"),
    ],
)
def test_the_largest_value_chooses_the_unit(quantity, values, symbol):
    assert quantity.unit(values).symbol == symbol


def test_a_column_names_its_unit_and_every_cell_is_in_it():
    column = ENERGY_PJ.column("energy_pj", ENERGY_PJ.unit([80_510.0, 71.81]))
    assert (column.key, column.title) == ("energy_pj", "energy (nJ)")
    cells = [column.cell(value) for value in (80_510.0, 71.81, 0.0, None)]
    assert cells == ["80.51", "0.07181", "0", ""]


def test_a_single_value_has_a_unit_of_its_own_or_the_one_that_is_asked_for():
    assert LATENCY_NS.written(589_000.0) == "589 µs"
    assert AREA_UM2.written(1_101.0) == "1,101 µm²"
    assert AREA_UM2.written(1_101.0, AREA_UM2.unit([843_500.0])) == "0.001101 mm²"
