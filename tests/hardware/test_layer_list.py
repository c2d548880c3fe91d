"""Layer lists in the script's names: what they become, and what wrong ones get to read."""

from __future__ import annotations

import json

import pytest

from neuronas.config import Kind
from neuronas.errors import ConfigError
from neuronas.hardware import Chip, LayerList, estimate

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
            estimate(path)
        assert str(caught.value).splitlines()[0] == f"{path}:"
        return "\n".join(caught.value.problems)

    return write


def test_a_layer_list_is_a_table_of_convolutions():
    table = LayerList.model_validate(TWO | {"kernel_size": [3, 1]}).workload()
    assert [slot.name for slot in table.slots] == ["conv0", "conv1"]
    assert table.kind[:, 0].tolist() == [Kind.CONV, Kind.CONV]
    assert table.kernel[:, 0].tolist() == [3, 1]
    assert table.weights[:, 0].tolist() == [9 * 3 * 64, 64 * 128]
    assert table.macs[:, 0].tolist() == [9 * 3 * 64 * 64, 64 * 128 * 64]
    assert table.pooled_height[:, 0].tolist() == [8, 4]
    assert table.time_steps.tolist() == [2]


def test_absent_settings_are_those_of_the_chip():
    chip = Chip.preset("spikesim-65nm")
    given = LayerList.model_validate(TWO | {"xbar_size": 128, "device": "sram"})
    assert estimate(given).chip.settings.model_dump() == {
        "xbar_size": 128,
        "pe_per_tile": 8,
        "clk_freq": 250.0,
        "device": "sram",
    }
    assert estimate(LayerList.model_validate(TWO)).chip == chip


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
        (
            {"in_ch_list": [3, -1]},
            "in_ch_list[1]: found -1; input should be greater than or equal to 1",
        ),
        ({"time_steps": 2.5}, "time_steps: found 2.5; input should be a valid integer"),
    ],
)
def test_a_wrong_layer_list_is_told_file_key_and_what_was_found(refused, changes, message):
    assert refused(TWO | changes) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xbar_size": 100}, "xbar_size: found 100; input should be a multiple of 8"),
        ({"pe_per_tile": 0}, "pe_per_tile: found 0; input should be greater than or equal to 1"),
        ({"clk_freq": -1}, "clk_freq: found -1.0; input should be greater than 0"),
    ],
)
def test_a_chip_setting_out_of_range_is_told_with_its_file(refused, changes, message):
    assert refused(TWO | changes) == message


@pytest.mark.parametrize("size", [20, 4, 63])
def test_a_crossbar_that_eight_columns_do_not_divide_is_refused(size):
    layers = LayerList.model_validate(TWO | {"xbar_size": size})
    with pytest.raises(ConfigError, match=rf"xbar_size: found {size}; .*multiple of 8"):
        estimate(layers)


def test_a_wrong_kernel_is_told_by_its_key_in_the_file(refused):
    problems = refused(TWO | {"kernel_size": [3, 0]}).splitlines()
    assert any(line.startswith("kernel_size[1]: found 0;") for line in problems), problems


def test_a_list_that_lacks_its_first_key_is_still_read_as_a_layer_list(refused):
    rest = {name: value for name, value in TWO.items() if name != "in_ch_list"}
    assert refused(rest) == "in_ch_list: required, but not given"
