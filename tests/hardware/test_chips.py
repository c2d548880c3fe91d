"""Chips: presets whose every constant has a unit and a source, and what users make of them."""

from __future__ import annotations

import json
from importlib import resources

import pytest
import yaml

from neuronas.config import chip_names
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import Chip, hardware_model, hardware_models

RRAM = "spikesim-65nm-rram"
SRAM = "spikesim-65nm-sram"


def raw(name: str) -> dict:
    """Return what the file of a preset holds."""
    folder = resources.files("neuronas") / "hardware" / "chips"
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def whole(name: str) -> dict:
    """Return what the file of a preset holds, and what its base adds to that."""
    content = raw(name)
    if "base" not in content:
        return content
    base = whole(content.pop("base"))
    sections = {key: base[key] | content.get(key, {}) for key in ("settings", "constants")}
    return base | content | sections


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a chip file and returns its path."""

    def write(content: object, name: str = "mine.yaml"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content))
        return path

    return write


# Presets


@pytest.mark.parametrize("name", chip_names())
def test_every_constant_of_every_chip_has_value_unit_node_and_source(name):
    constants = whole(name)["constants"]
    assert constants
    for constant, entry in constants.items():
        assert set(entry) - {"node_exponent"} == {"value", "unit", "node_nm", "source"}, constant
        scales = entry.get("node_exponent") is not None
        assert entry["node_nm"] is not None or not scales, constant
        assert entry["unit"].strip(), constant
        assert entry["source"].strip(), constant
        assert entry["value"] > 0, constant


@pytest.mark.parametrize("name", chip_names())
def test_every_chip_is_read_whole_and_belongs_to_a_known_model(name):
    chip, file = Chip.of(name), whole(name)
    assert chip.name == name
    assert chip.model in hardware_models()
    assert isinstance(chip.settings, hardware_model(chip.model).settings)
    assert chip.source.strip() == file["source"].strip() != ""
    assert {c: chip.value(c) for c in chip.constants} == {
        c: entry["value"] for c, entry in file["constants"].items()
    }
    settings = chip.settings.model_dump(mode="json")
    assert {key: settings[key] for key in file["settings"]} == file["settings"]


def test_the_spikesim_chip_has_the_defaults_of_the_script():
    assert Chip.of(RRAM).settings.model_dump() == {
        "xbar_size": 64,
        "pe_per_tile": 8,
        "clk_freq": 250,
        "device": "rram",
        "corrections": (),
    }


def test_the_sram_chip_differs_from_its_base_in_the_device_only():
    rram, sram = Chip.of(RRAM), Chip.of(SRAM)
    assert raw(SRAM)["base"] == RRAM
    assert sram.constants == rram.constants
    assert sram.settings.model_dump() == rram.settings.model_dump() | {"device": "sram"}
    assert sram.model == rram.model == "spikesim"


def test_an_unknown_chip_is_told_which_there_are_and_which_is_near():
    with pytest.raises(HardwareModelError) as caught:
        Chip.of("spikesim-65nm-rrm")
    message = str(caught.value)
    assert message.startswith(f"unknown chip 'spikesim-65nm-rrm'; did you mean '{RRAM}'?")
    assert message.endswith(
        f"allowed: {', '.join(chip_names())}, or the path of a chip file that ends in .yaml"
    )
    assert caught.value.exit_code == 3


# Chips of users


@pytest.mark.parametrize("form", [str, lambda path: path], ids=["text", "path"])
def test_a_chip_file_gives_the_chip_back(written, form):
    assert Chip.of(form(written(raw(RRAM)))) == Chip.of(RRAM)


def test_a_chip_may_be_written_as_json(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(raw(RRAM)))
    assert Chip.of(path) == Chip.of(RRAM)


def test_a_mapping_is_what_a_file_holds():
    assert Chip.of(raw(RRAM)) == Chip.of(RRAM)


def test_a_chip_on_a_base_differs_in_what_it_says_and_nothing_else(written):
    adc = {"value": 1.0, "unit": "pJ", "node_nm": 28, "source": "a datasheet"}
    path = written(
        {"base": RRAM, "settings": {"clk_freq": 100.0}, "constants": {"energy_adc": adc}}
    )
    chip, base = Chip.of(path), Chip.of(RRAM)
    assert chip.settings.model_dump() == base.settings.model_dump() | {"clk_freq": 100.0}
    assert chip.value("energy_adc") == 1.0
    assert chip.constants["energy_adc"].source == "a datasheet"
    others = base.constants.keys() - {"energy_adc"}
    assert {name: chip.constants[name] for name in others} == {
        name: base.constants[name] for name in others
    }
    assert chip.constants.keys() == base.constants.keys()
    assert (chip.model, chip.source) == (base.model, base.source)


def test_a_base_may_have_a_base_itself():
    chip = Chip.of({"base": SRAM, "settings": {"xbar_size": 128}})
    assert chip.settings.model_dump() == Chip.of(SRAM).settings.model_dump() | {"xbar_size": 128}


def test_a_base_alone_is_that_chip_under_another_name(written):
    chip = Chip.of(written({"base": RRAM, "settings": None}))
    assert chip.to_json() == Chip.of(RRAM).to_json()
    assert chip.name == "mine"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"base": RRAM, "name": "ours"}, "ours"),
        ({"base": RRAM}, f"{RRAM}, changed"),
    ],
    ids=["given", "not given"],
)
def test_a_chip_without_a_file_is_named_by_itself_or_after_its_base(content, name):
    assert Chip.of(content).name == name


def test_a_name_in_the_file_goes_before_its_stem(written):
    assert Chip.of(written({"base": RRAM, "name": "ours"})).name == "ours"


def test_changing_a_chip_leaves_its_preset_alone():
    before = Chip.of(RRAM).to_json()
    Chip.of({"base": RRAM, "settings": {"xbar_size": 128}, "source": "mine"})
    assert Chip.of(RRAM).to_json() == before


# Mistakes


@pytest.mark.parametrize("file", [True, False], ids=["file", "mapping"])
@pytest.mark.parametrize("base", ["spikesim-65nm", 65, None, ["rram-32nm"]])
def test_an_unknown_base_is_told_which_there_are(written, base, file):
    path = written({"base": base})
    with pytest.raises(ConfigError) as caught:
        Chip.of(path if file else {"base": base})
    (problem,) = caught.value.problems
    assert problem.startswith(f"base: found {base!r}")
    assert f"allowed: {', '.join(chip_names())}" in problem
    assert caught.value.source == (str(path) if file else None)


def test_an_absent_file_is_told_the_nearest_name(written, tmp_path):
    there = written(raw(RRAM))
    with pytest.raises(ConfigError) as caught:
        Chip.of(tmp_path / "mein.yaml")
    assert str(caught.value) == f"{tmp_path / 'mein.yaml'}:\n  no such file; did you mean {there}?"


@pytest.mark.parametrize("content", [[1, 2], 5, None, "text"])
def test_a_file_without_keys_is_no_chip(written, content):
    path = written(content)
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value) == f"{path}:\n  a chip file is a mapping of keys"


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
        ("constants", "energy_adc", 2.0, ": found 2.0; expected a mapping of keys to values"),
        ("settings", "xbar_size", 100, ": found 100; allowed: a multiple of 8, 8 to 65536"),
        ("settings", "device", "dram", ": found 'dram'; allowed: rram, sram"),
        (
            "settings",
            "xbar",
            64,
            ": unknown key; allowed: clk_freq, corrections, device, pe_per_tile, xbar_size; did "
            "you mean 'xbar_size'?",
        ),
        ("settings", "corrections", ["adc_round"], "[0]: found 'adc_round'; allowed: classifier, "),
    ],
)
@pytest.mark.parametrize("based", [False, True], ids=["whole", "on a base"])
def test_a_wrong_chip_file_is_told_file_and_key(written, section, key, value, problem, based):
    content = {"base": RRAM, section: {}} if based else raw(RRAM)
    content[section][key] = value
    path = written(content)
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value).startswith(f"{path}:\n  {section}.{key}{problem}")


def test_an_unknown_key_of_a_constant_is_told_the_keys_of_constants(written):
    content = raw(RRAM)
    content["constants"]["energy_adc"]["nodes_nm"] = 65
    with pytest.raises(ConfigError) as caught:
        Chip.of(written(content))
    assert caught.value.problems == (
        "constants.energy_adc.nodes_nm: unknown key; allowed: node_exponent, node_nm, source, "
        "unit, value; did you mean 'node_nm'?",
    )


@pytest.mark.parametrize("section", ["settings", "constants"])
def test_a_section_that_is_no_mapping_is_told_its_key(written, section):
    path = written({"base": RRAM, section: [1]})
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value) == f"{path}:\n  {section}: a mapping of keys is expected"


def test_a_misspelt_section_is_told_with_the_nearest(written):
    path = written({"base": RRAM, "setings": {"xbar_size": 128}})
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value).startswith(f"{path}:\n  setings: unknown key; allowed: ")
    assert str(caught.value).endswith("did you mean 'settings'?")


def test_a_whole_chip_must_say_its_model_and_source(written):
    content = {key: value for key, value in raw(RRAM).items() if key not in {"model", "source"}}
    with pytest.raises(ConfigError) as caught:
        Chip.of(written(content))
    assert caught.value.problems == (
        "model: required, but not given",
        "source: required, but not given",
    )


def test_a_chip_of_an_unknown_model_is_told_which_there_are(written):
    path = written(raw(RRAM) | {"model": "spikesm"})
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value) == (
        f"{path}:\n  model: unknown hardware model 'spikesm'; did you mean 'spikesim'?; allowed: "
        "cim, spikesim"
    )


def test_a_constant_that_a_chip_lacks_is_told_with_the_chip():
    with pytest.raises(HardwareModelError) as caught:
        Chip.of(RRAM).value("energy_dac")
    assert str(caught.value) == (
        f"chip '{RRAM}' has no constant 'energy_dac', which its model needs"
    )


def test_a_constant_that_the_base_lacks_is_told_with_the_nearest(written):
    constant = {"value": 1.0, "unit": "pJ", "node_nm": None, "source": "x"}
    path = written({"base": RRAM, "constants": {"energy_acd": constant}})
    with pytest.raises(ConfigError) as caught:
        Chip.of(path)
    assert str(caught.value) == (
        f"{path}:\n  constants.energy_acd: '{RRAM}' has no such constant; did you mean "
        f"'energy_adc'?; `neuronas chips show {RRAM}` lists them"
    )


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_a_constant_is_a_number_above_zero(written, value):
    constant = {"value": value, "unit": "pJ", "node_nm": None, "source": "x"}
    with pytest.raises(ConfigError, match=r"constants\.energy_adc\.value: found "):
        Chip.of(written({"base": RRAM, "constants": {"energy_adc": constant}}))


def test_base_is_among_the_keys_of_a_chip_file(written):
    with pytest.raises(ConfigError) as caught:
        Chip.of(written({"bse": RRAM}))
    problem = caught.value.problems[-1]
    assert problem == (
        "bse: unknown key; allowed: base, constants, model, name, settings, source; did you mean "
        "'base'?"
    )


def test_a_constant_of_ones_own_is_scaled_as_the_bases_and_has_its_unit():
    own = {"value": 0.05, "source": "measured"}
    chip = Chip.of({"base": "rram-32nm", "constants": {"energy_sar_bit": own}})
    base = Chip.of("rram-32nm").constants["energy_sar_bit"]
    found = chip.constants["energy_sar_bit"]
    assert (found.value, found.source) == (0.05, "measured")
    assert (found.unit, found.node_nm) == (base.unit, base.node_nm)
    assert found.node_exponent == base.node_exponent is not None
    with pytest.raises(ConfigError) as caught:
        Chip.of({"base": "rram-32nm", "constants": {"energy_sar_bit": own | {"unit": "fJ"}}})
    assert str(caught.value) == "constants.energy_sar_bit.unit: found 'fJ'; this constant is in pJ"
