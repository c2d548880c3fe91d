"""The networks that ship, and the feasibility of the budget ``neuronas-v1`` under SpikeSim."""

from __future__ import annotations

import pytest

from neuronas.architecture import Architecture
from neuronas.config import BUDGET_PRESETS
from neuronas.hardware import Budget, Chip, compare_networks, estimate, references
from neuronas.hardware.references import snasnet

CHIP = Chip.of("spikesim-65nm-rram")
COUNTS = (0, 1, 2, 3, 4, 6)

FEASIBILITY = {
    64: ["5/94/13", "8/119/21", "11/158/30", "14/196/38", "15/234/47", "19/311/64"],
    96: ["7/141/34", "13/179/60", "18/236/87", "22/294/113", "24/351/140 x", "31/466/193 x"],
    128: ["10/187/42", "17/239/76", "24/315/110", "30/392/144 x", "33/469/178 x", "42/622/246 x"],
    192: [
        "15/281/89",
        "28/358/165 x",
        "39/473/242 x",
        "49/588/318 x",
        "54/703/394 x",
        "70/933/547 x",
    ],
}
"""mm2/ms/uJ per channels and 3x3 convolutions in a cell, worked out with SpikeSim's script.

The script counts the reduction's positions before pooling, since its pooling is a layer of its
own. x: beyond 100 mm2, 400 ms or 120 uJ.
"""


@pytest.mark.parametrize("channels", FEASIBILITY)
def test_the_feasibility_of_snasnet_by_the_script_comes_out_as_printed(channels):
    limits = BUDGET_PRESETS["neuronas-v1"]
    rows = []
    for count in COUNTS:
        found = estimate(snasnet(channels, count), chip=CHIP)
        costs = (found.area_um2 / 1e6, found.latency_ns / 1e6, found.energy_pj / 1e6)
        bounds = (limits["area_mm2"], limits["latency_ms"], limits["energy_uj"])
        broken = any(cost > bound for cost, bound in zip(costs, bounds, strict=True))
        rows.append("/".join(f"{cost:.0f}" for cost in costs) + " x" * broken)
    assert rows == FEASIBILITY[channels]


@pytest.mark.parametrize("count", range(7))
def test_a_reference_has_the_convolutions_that_it_is_named_for(count):
    network = snasnet(8, count)
    assert network.canonical() == network  # every edge is on a path
    for cell in (network.cell_a, network.cell_b):
        assert cell.count("conv3x3") == count
    network.check()


def test_vgg9_has_the_weights_of_its_seven_convolutions_and_two_linear_layers():
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    convolutions = sum(9 * one * other for one, other in pairs)
    found = estimate(references()["VGG9"])
    assert found.parameters == convolutions + 4096 * 1024 + 1024 * 10
    assert found.workload.pooled_height[6, 0] == 4


def test_references_are_compared_under_any_chip():
    rows = compare_networks(references(), [Chip.of("rram-32nm"), CHIP], Budget({"area_mm2": 1e-3}))
    assert len(rows) == 2 * len(references())
    assert {row["model"] for row in rows} == {"cim", "spikesim"}
    assert all(row["verdict"].startswith("area_mm2 +") for row in rows)
    assert all(isinstance(n, Architecture) for name, n in references().items() if name != "VGG9")


def test_a_network_that_needs_more_tiles_than_a_chip_has_does_not_fit_it():
    small = Chip.of({"base": "rram-32nm", "settings": {"tiles": 3}})
    (row,) = compare_networks({"VGG9": references()["VGG9"]}, [small], Budget({"area_mm2": 1e9}))
    assert row["verdict"] == "does not fit the chip"
