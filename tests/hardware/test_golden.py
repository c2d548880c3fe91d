"""The ``spikesim`` model against the published script, to 1e-12 relative."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neuronas.hardware import Chip, Estimate, LayerList, estimate

VGG9 = {
    "in_ch_list": [3, 64, 64, 128, 128, 256, 256],
    "out_ch_list": [64, 64, 128, 128, 256, 256, 256],
    "in_dim_list": [32, 32, 16, 16, 8, 8, 8],
    "out_dim_list": [32, 16, 16, 8, 8, 8, 4],
    "xbar_size": 64,
    "kernel_size": 3,
    "pe_per_tile": 8,
    "time_steps": 5,
    "clk_freq": 250,
    "device": "rram",
}
SMALL4 = VGG9 | {
    "in_ch_list": [3, 64, 64, 64],
    "out_ch_list": [64, 64, 64, 128],
    "in_dim_list": [32, 32, 16, 8],
    "out_dim_list": [32, 16, 8, 4],
}
CASES = (
    "01_vgg9_default",
    "02_vgg9_xbar128",
    "04_vgg9_xbar32",
    "05_vgg9_T1",
    "07_vgg9_T20",
    "08_vgg9_k1",
    "10_vgg9_pe4",
    "12_vgg9_pe16",
    "13_vgg9_half_channels",
    "15_vgg9_odd_channels",
    "17_vgg9_sram",
    "19_vgg9_clk500",
    "20_vgg9_tinyimagenet64",
    "21_vgg16_first12convs",
    "23_small4",
    "24_small4_pe4_T10",
    "25_snasnet_like",
    "27_single_layer",
    "28_vgg9_direct_sorted_by_luck",
)


CHIP = Chip.of("spikesim-65nm-rram")


def cost(*, chip: Chip = CHIP, **inputs: object) -> Estimate:
    return estimate(LayerList.model_validate(inputs), chip=chip)


def digits(value: object) -> object:
    return pytest.approx(value, rel=1e-12, abs=0)


@pytest.fixture(scope="session")
def golden(reference_data):
    """Return the script's recorded inputs and outputs."""
    return json.loads(reference_data("spikesim_golden.json").read_text())


def test_every_recorded_case_is_tested(golden):
    assert [case["name"] for case in golden["cases"]] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_reproduced_with_its_parts(golden, name):
    case = next(case for case in golden["cases"] if case["name"] == name)
    found = cost(**case["inputs"])
    totals = found.explanation.cost
    parts = found.explanation.area_um2.by_component()
    processing = parts["crossbars"] + parts["ADCs"] + parts["multiplexers"]
    buffers = parts["temporary buffers"] + parts["tile buffers"]
    assert {
        "num_pe": totals.num_pe[0],
        "num_tiles": totals.num_tiles[0],
        "area_um2": found.area_um2,
        "energy_pJ": found.energy_pj,
        "latency_ns": found.latency_ns,
    } == digits(case["outputs"])
    assert {
        "neuron_mem": parts["neuron memory"],
        "pe_plus_switch": processing + parts["subtractors"],
        "digital": buffers + processing + parts["input memory"],
        "total": found.area_um2,
    } == digits(case["area_parts_um2"])
    assert found.explanation.energy_pj.by_layer() == digits(np.array(case["layer_energy_pj"]))


@pytest.mark.parametrize(
    ("inputs", "pe", "tiles", "area_um2", "energy_pj", "latency_ns"),
    [
        (VGG9, 48, 6, 8425528.755833998, 15906934.026240002, 62832640.0),
        (VGG9 | {"device": "sram"}, 48, 6, 8704114.583034, 941181496.0742401, 62832640.0),
        (
            SMALL4 | {"pe_per_tile": 4, "time_steps": 10},
            5,
            2,
            4024725.841278,
            11399969.385472002,
            69222400.0,
        ),
    ],
    ids=["VGG9", "VGG9 on SRAM", "four layers, T=10"],
)
def test_a_case_known_by_heart_is_reproduced(inputs, pe, tiles, area_um2, energy_pj, latency_ns):
    found = cost(**inputs)
    totals = found.explanation.cost
    assert (totals.num_pe[0], totals.num_tiles[0]) == (pe, tiles)
    assert found.area_um2 == digits(area_um2)
    assert found.energy_pj == digits(energy_pj)
    assert found.latency_ns == digits(latency_ns)


def test_the_sram_chip_is_the_script_with_its_device_set_to_sram():
    layers = {name: value for name, value in VGG9.items() if name != "device"}
    on_sram = cost(chip=Chip.of("spikesim-65nm-sram"), **layers)
    set_to_it = cost(**layers, device="sram")
    assert on_sram.energy_pj == digits(941181496.0742401)
    assert on_sram.area_um2 == digits(8704114.583034)
    assert on_sram.to_json() == set_to_it.to_json() | {"chip": "spikesim-65nm-sram"}


UNDEFINED = {
    "more layers than the script has room for": (
        VGG9
        | {
            "in_ch_list": [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512],
            "out_ch_list": [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512],
            "in_dim_list": [32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2],
            "out_dim_list": [32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2, 1],
        },
        (400, 50),
    ),
    "every layer smaller than a crossbar": (
        VGG9
        | {
            "in_ch_list": [2, 16, 32, 32],
            "out_ch_list": [16, 32, 32, 64],
            "in_dim_list": [34, 17, 8, 4],
            "out_dim_list": [17, 8, 4, 2],
        },
        (4, 1),
    ),
    "crossbar counts that decrease": (
        VGG9
        | {
            "in_ch_list": [3, 64, 256, 64],
            "out_ch_list": [64, 256, 64, 64],
            "in_dim_list": [32, 16, 8, 8],
            "out_dim_list": [16, 8, 8, 4],
        },
        (10, 2),
    ),
    "narrow layers on large crossbars": (
        VGG9
        | {
            "in_ch_list": [3, 32, 32, 64, 64, 128, 128],
            "out_ch_list": [32, 32, 64, 64, 128, 128, 128],
            "xbar_size": 256,
        },
        (7, 1),
    ),
}


@pytest.mark.parametrize("reason", UNDEFINED)
def test_inputs_on_which_the_script_fails_have_a_finite_cost(reason):
    inputs, mapped = UNDEFINED[reason]
    found = cost(**inputs)
    chip = found.explanation.cost
    assert (chip.num_pe[0], chip.num_tiles[0]) == mapped
    totals = np.array([found.area_um2, found.energy_pj, found.latency_ns])
    assert np.isfinite(totals).all()
    assert (totals > 0).all()


def test_those_inputs_are_all_on_which_the_script_is_known_to_fail(golden):
    recorded = [case["inputs"] for case in golden["undefined_in_the_script"]]
    assert recorded == [inputs for inputs, _ in UNDEFINED.values()]


def test_vgg16_costs_what_the_script_says_once_it_has_room():
    found = cost(**UNDEFINED["more layers than the script has room for"][0])
    assert f"{found.area_um2 / 1e6:.3f} mm², {found.energy_pj / 1e6:.3f} µJ" == (
        "35.114 mm², 25.716 µJ"
    )
    assert f"{found.latency_ns / 1e6:.2f} ms" == "71.35 ms"
