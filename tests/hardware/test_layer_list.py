"""Lists of layers in either grammar: what they become, and what wrong ones get to read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest
from pydantic import BaseModel

from neuronas.config import Kind
from neuronas.errors import ConfigError
from neuronas.hardware import Chip, LayerList, Layers, estimate, workload_of

CHIP = Chip.of("spikesim-65nm-rram")
TWO = {
    "in_ch_list": [3, 64],
    "out_ch_list": [64, 128],
    "in_dim_list": [8, 8],
    "out_dim_list": [8, 4],
    "kernel_size": 3,
    "time_steps": 2,
}


@pytest.fixture
def refused(tmp_path):
    """Return the message with which a file with these layers is refused."""

    def write(content: dict) -> str:
        path = tmp_path / "layers.json"
        path.write_text(json.dumps(content))
        with pytest.raises(ConfigError) as caught:
            estimate(path, chip=CHIP)
        assert str(caught.value).splitlines()[0] == f"{path}:"
        return "\n".join(caught.value.problems)

    return write


def test_a_layer_list_is_a_table_of_convolutions():
    table = LayerList.model_validate(TWO | {"kernel_size": [3, 1]}).workload()
    assert [slot.name for slot in table.slots] == ["layer0", "layer1"]
    assert table.kind[:, 0].tolist() == [Kind.CONV, Kind.CONV]
    assert table.kernel[:, 0].tolist() == [3, 1]
    assert table.weights[:, 0].tolist() == [9 * 3 * 64, 64 * 128]
    assert table.macs[:, 0].tolist() == [9 * 3 * 64 * 64, 64 * 128 * 64]
    assert table.out_height[:, 0].tolist() == [8, 8]
    assert table.pooled_height[:, 0].tolist() == [8, 4]
    assert table.steps[:, 0].tolist() == [2, 2]
    assert table.time_steps.tolist() == [2]


def test_absent_settings_are_those_of_the_chip():
    given = LayerList.model_validate(TWO | {"xbar_size": 128, "device": "sram"})
    assert estimate(given, chip=CHIP).chip.settings.model_dump() == {
        "xbar_size": 128,
        "pe_per_tile": 8,
        "clk_freq": 250.0,
        "device": "sram",
        "corrections": (),
    }
    assert estimate(LayerList.model_validate(TWO), chip=CHIP).chip == CHIP


def test_a_layer_list_leaves_settings_alone_that_the_script_has_not_got():
    corrected = Chip.of({"base": CHIP.name, "settings": {"corrections": ["spike_inputs"]}})
    made = LayerList.model_validate(TWO | {"clk_freq": 100.0}).on(corrected, None)
    assert made.settings.corrections == ("spike_inputs",)
    assert made.settings.clk_freq == 100.0


class OtherSettings(BaseModel):
    """Settings of another model's chip."""

    rows: int = 64
    columns: int = 32
    device: Literal["rram", "sram"] = "rram"


OTHER = replace(CHIP, model="other", settings=OtherSettings())


def test_on_another_model_a_crossbars_side_is_its_rows_and_columns():
    made = LayerList.model_validate(TWO | {"xbar_size": 128, "device": "sram"}).on(OTHER, None)
    assert made.settings == OtherSettings(rows=128, columns=128, device="sram")
    assert LayerList.model_validate(TWO).on(OTHER, None) == OTHER


def test_a_setting_that_the_chips_model_has_not_got_is_told_with_its_file():
    layers = LayerList.model_validate(TWO | {"pe_per_tile": 4, "clk_freq": 100.0})
    with pytest.raises(ConfigError) as caught:
        layers.on(OTHER, "layers.json")
    assert str(caught.value) == (
        "layers.json:\n  clk_freq: a setting of SpikeSim's script that hardware model 'other' has "
        "not got; leave it out, or estimate with --model spikesim"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_ch_list": [3]}, "out_ch_list: found 1 values; in_ch_list has 2"),
        ({"in_dim_list": [8, 8, 8]}, "in_dim_list: found 3 values; in_ch_list has 2"),
        ({"kernel_size": [3, 3, 3]}, "kernel_size: found 3 values; in_ch_list has 2"),
        (
            {"kernel": 3},
            "kernel: unknown key; allowed: clk_freq, device, in_ch_list, in_dim_list, "
            "kernel_size, out_ch_list, out_dim_list, pe_per_tile, time_steps, xbar_size; "
            "did you mean 'kernel_size'?",
        ),
        ({"device": "dram"}, "device: found 'dram'; allowed: rram, sram; did you mean 'sram'?"),
        ({"in_ch_list": []}, "in_ch_list: found []; allowed: a list with 1 or more entries"),
        ({"in_ch_list": [3, -1]}, "in_ch_list[1]: found -1; allowed: 1 to 65536"),
        ({"time_steps": 2.5}, "time_steps: found 2.5; input should be a valid integer"),
    ],
)
def test_a_wrong_layer_list_is_told_file_key_and_what_was_found(refused, changes, message):
    assert refused(TWO | changes) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xbar_size": 100}, "xbar_size: found 100; allowed: a multiple of 8, 8 to 65536"),
        ({"pe_per_tile": 0}, "pe_per_tile: found 0; allowed: 1 or more"),
        ({"clk_freq": -1}, "clk_freq: found -1.0; allowed: above 0"),
    ],
)
def test_a_chip_setting_out_of_range_is_told_with_its_file(refused, changes, message):
    assert refused(TWO | changes) == message


@pytest.mark.parametrize("size", [20, 4, 63])
def test_a_crossbar_that_eight_columns_do_not_divide_is_refused(size):
    layers = LayerList.model_validate(TWO | {"xbar_size": size})
    with pytest.raises(ConfigError, match=rf"xbar_size: found {size}; .*multiple of 8"):
        estimate(layers, chip=CHIP)


def test_a_wrong_kernel_is_told_by_its_key_in_the_file(refused):
    problems = refused(TWO | {"kernel_size": [3, 0]}).splitlines()
    assert any(line.startswith("kernel_size[1]: found 0;") for line in problems), problems


def test_a_list_that_lacks_its_first_key_is_still_read_as_a_layer_list(refused):
    rest = {name: value for name, value in TWO.items() if name != "in_ch_list"}
    assert refused(rest) == "in_ch_list: required, but not given"


# The grammar of our own


CONV = {"kind": "conv", "in_channels": 3, "out_channels": 64, "height": 8, "width": 8, "kernel": 3}
HEAD = {"kind": "linear", "in_channels": 1024, "out_channels": 10}


@pytest.mark.parametrize("name", ["network.json", "network.yaml"])
def test_a_file_of_layers_is_the_network_of_these_layers(tmp_path, name):
    content = {"layers": [CONV | {"pool": 2}, HEAD], "time_steps": 4}
    path = tmp_path / name
    path.write_text(json.dumps(content))
    found = estimate(path, chip=CHIP)
    assert found.to_json() == estimate(Layers.model_validate(content), chip=CHIP).to_json()
    assert found.workload.slots[1].after == ("layer0",)
    assert found.workload.pooled_height[:, 0].tolist() == [4, 1]
    assert found.workload.time_steps.tolist() == [4]
    assert found.not_modelled == ["layer1"]


def test_layers_know_their_weight_bits_and_so_their_memory():
    content = {"layers": [CONV | {"weight_bits": 8, "pool": 2}, HEAD]}
    found = estimate(Layers.model_validate(content), chip=CHIP).to_json()
    assert found["memory_bits"] == 9 * 3 * 64 * 8 + 1024 * 10 * 4


def test_layers_take_one_time_step_unless_they_say_otherwise():
    assert workload_of(Layers.model_validate({"layers": [CONV]})).time_steps.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layers": []}, "layers: found []; allowed: a list with 1 or more entries"),
        ({"layers": 3}, "layers: found 3; expected a list, as in [a, b]"),
        ({"layers": [3]}, "layers[0]: found 3; expected a mapping of keys to values"),
        (
            {"layers": [CONV | {"kind": "conf"}]},
            "layers[0].kind: found 'conf'; allowed: conv, linear, avgpool, maxpool; did you mean "
            "'conv'?",
        ),
        (
            {"layers": [CONV, {"kind": "linear", "in_channels": 4}]},
            "layers[1].out_channels: required, but not given",
        ),
        (
            {"layers": [CONV | {"height": 0}]},
            "layers[0].height: found 0; allowed: 1 to 1048576",
        ),
        (
            {"layers": [CONV | {"stride": -1}]},
            "layers[0].stride: found -1; allowed: 1 to 1048576",
        ),
        (
            {"layers": [CONV | {"in_channels": 2.5}]},
            "layers[0].in_channels: found 2.5; input should be a valid integer",
        ),
        (
            {"layers": [CONV | {"weight_bits": 9}]},
            "layers[0].weight_bits: found 9; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32",
        ),
        (
            {"layers": [CONV], "time_steps": 0},
            "time_steps: found 0; allowed: 1 to 65536",
        ),
        (
            {"layers": [CONV], "timesteps": 2},
            "timesteps: unknown key; allowed: layers, time_steps; did you mean 'time_steps'?",
        ),
        (
            {"layers": [CONV | {"kernels": 3}]},
            "layers[0].kernels: unknown key; allowed: groups, height, in_channels, kernel, kind, "
            "levels, neurons, out_channels, pool, same, static, stride, weight_bits, width; did "
            "you mean 'kernel'?",
        ),
    ],
    ids=[
        "empty",
        "no list",
        "no mapping",
        "kind",
        "missing",
        "zero",
        "negative",
        "fraction",
        "bits",
        "no time",
        "key",
        "key of a layer",
    ],
)
def test_wrong_layers_are_told_file_key_and_what_is_allowed(refused, content, message):
    assert refused(content) == message


def test_a_layer_that_contradicts_itself_is_told_with_its_file(refused):
    grouped = CONV | {"in_channels": 64, "groups": 5}
    message = refused({"layers": [CONV, grouped]})
    assert message == "network 0, layer1: groups is 5; allowed: a divisor of in_channels"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"kind": "conv", "in_channels": 3, "out_channels": 4}], "layers[0]: height: required"),
        ([CONV, CONV], "layers[1].in_channels: found 3; the layer before gives 64"),
        (
            [CONV, CONV | {"in_channels": 64, "height": 7}],
            "layers[1].height: found 7; the layer before gives ",
        ),
        ([CONV, HEAD], "layers[1].in_channels: found 1024; the layer before gives 4096"),
    ],
)
def test_layers_have_maps_and_follow_each_other(refused, layers, message):
    assert message in refused({"layers": layers})


def test_a_static_input_is_computed_once():
    def conversions(static: bool, time_steps: int) -> float:
        layers = [CONV | {"levels": 256, "static": static}]
        found = estimate(Layers.model_validate({"layers": layers, "time_steps": time_steps}))
        return found.to_json()["layers"][0]["conversions"]

    assert conversions(True, 5) == conversions(True, 1) == conversions(False, 1)
    assert conversions(False, 5) == 5 * conversions(False, 1)


def test_layers_and_the_scripts_names_do_not_mix(refused):
    message = refused({"layers": [CONV], "in_ch_list": [3]})
    assert message == "in_ch_list: unknown key; allowed: layers, time_steps"


@pytest.mark.parametrize("chip", [CHIP.name, "rram-32nm"])
def test_memory_is_not_told_where_the_script_gives_no_bits(chip):
    found = estimate(LayerList.model_validate(TWO), chip=chip).to_json()
    assert found["memory_bits"] is None
    assert found["memory_parts_bits"] == {}
    assumed = "weight bits are not given: 4 are assumed"
    assert (assumed in found["warnings"]) == (chip == "rram-32nm")
