"""Chip presets: every constant has a unit and a source."""

from __future__ import annotations

from importlib import resources

import pytest
import yaml

from neuronas.config import chip_names
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import HARDWARE_MODELS, Chip


def raw(name: str) -> dict:
    folder = resources.files("neuronas") / "hardware" / "chips"
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", chip_names())
def test_every_constant_of_every_chip_has_value_unit_node_and_source(name):
    constants = raw(name)["constants"]
    assert constants
    for constant, entry in constants.items():
        assert set(entry) == {"value", "unit", "node_nm", "source"}, constant
        assert entry["unit"].strip(), constant
        assert entry["source"].strip(), constant
        assert entry["value"] > 0, constant


@pytest.mark.parametrize("name", chip_names())
def test_every_chip_is_read_whole_and_belongs_to_a_known_model(name):
    chip, file = Chip.preset(name), raw(name)
    assert chip.name == name
    assert chip.model in HARDWARE_MODELS
    assert chip.source.strip() == file["source"].strip() != ""
    assert {c: chip.value(c) for c in chip.constants} == {
        c: entry["value"] for c, entry in file["constants"].items()
    }


def test_the_spikesim_chip_has_the_defaults_of_the_script():
    settings = Chip.preset("spikesim-65nm").settings
    assert settings.model_dump() == {
        "xbar_size": 64,
        "pe_per_tile": 8,
        "clk_freq": 250,
        "device": "rram",
    }


def test_an_unknown_chip_is_told_which_there_are():
    with pytest.raises(HardwareModelError) as caught:
        Chip.preset("spikesim-45nm")
    assert str(caught.value) == "unknown chip 'spikesim-45nm'; allowed: spikesim-65nm"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("section", "key", "value", "problem"),
    [
        ("constants", "energy_adc", {"value": 2.0, "unit": "pJ", "node_nm": None}, ".source: requ"),
        (
            "constants",
            "energy_adc",
            {"value": 2.0, "unit": "", "node_nm": None, "source": "x"},
            ".unit: found ''",
        ),
        ("settings", "xbar_size", 100, ": found 100; input should be a multiple of 8"),
        ("settings", "device", "dram", ": found 'dram'; allowed: rram, sram"),
        ("settings", "xbar", 64, ": unknown key; allowed: clk_freq, device, pe_per_tile, xbar_siz"),
    ],
)
def test_a_wrong_chip_file_is_told_file_and_key(tmp_path, section, key, value, problem):
    content = raw("spikesim-65nm")
    content[section][key] = value
    path = tmp_path / "chip.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        Chip.from_file(path)
    assert str(caught.value).startswith(f"{path}:\n  {section}.{key}{problem}")


def test_a_chip_file_gives_the_chip_back(tmp_path):
    path = tmp_path / "chip.yaml"
    path.write_text(yaml.safe_dump(raw("spikesim-65nm")))
    assert Chip.from_file(path) == Chip.preset("spikesim-65nm")
