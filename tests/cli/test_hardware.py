"""``neuronas check`` and ``neuronas estimate``."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neuronas.architecture import Architecture
from neuronas.config import chip_names
from neuronas.hardware import UNITS, estimate
from neuronas.hardware.spikesim import CORRECTIONS
from tests.searching.fakes import CHIP
from tests.strategies import NOTHING, architecture

ON_CHIP = ("--chip", CHIP.name)
LAYERS = {
    "in_ch_list": [64],
    "out_ch_list": [64],
    "in_dim_list": [16],
    "out_dim_list": [16],
    "kernel_size": 3,
    "time_steps": 5,
}


def written(folder, content: object):
    path = folder / "network.json"
    path.write_text(json.dumps(content))
    return path


# check


def test_check_counts_what_fits_and_what_rejects_the_rest(run, study):
    done = run("check", study, "--candidates", 3000, "--format", "json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["candidates"] == 3000
    assert 0 < found["fit"] < 3000
    assert set(found["rejected"]) == {"disconnected", "area_mm2", "latency_ms", "energy_uj"}
    assert found["fit"] + max(found["rejected"].values()) <= 3000
    assert found["fit"] + sum(found["rejected"].values()) >= 3000
    assert found["genotypes"] == 5**6 * 3 * 2
    for extremes in (found["cheapest"], found["dearest"]):
        assert set(extremes) == set(UNITS)
    cheapest = found["cheapest"]["energy_uj"]
    network = Architecture.from_json(cheapest["genotype"])
    assert estimate(network, chip=CHIP).energy_pj / 1e6 == pytest.approx(cheapest["value"])
    assert found["dearest"]["energy_uj"]["value"] <= 0.25


def test_check_repeats_itself(run, study):
    one, other = (run("check", study, "--candidates", 500, "--format", "json") for _ in range(2))
    assert one.code == 0
    assert one == other


def test_check_shows_a_table_on_stdout_and_talks_on_stderr(run, study):
    done = run("check", study, "--candidates", 500)
    assert done.err == f"study 'tiny': 93,750 genotypes on chip '{CHIP.name}'\n"
    assert "rejected: energy_uj" in done.out
    assert "among those that fit" in done.out
    assert "energy (µJ)" in done.out


def test_check_looks_at_the_users_own_data_where_they_are_there(run, study, folder):
    mine = "{npz: mine.npz, shape: [1, 8, 8], classes: 3}\ntraining: {samples: 100}"
    study.write_text(study.read_text().replace("dataset: digits", f"dataset: {mine}"))
    assert run("check", study, "--candidates", 100).code == 0
    images = np.random.default_rng(0).integers(0, 256, (90, 1, 8, 8), dtype=np.uint8)
    np.savez(folder / "mine.npz", x_train=images, y_train=np.arange(90) % 3)
    done = run("check", study, "--candidates", 100)
    assert (done.code, done.out) == (6, "")
    assert "training.samples is 100, but the training split has only 60 images" in done.err


def test_check_stores_and_trains_nothing(run, study, folder):
    assert run("check", study, "--candidates", 100).code == 0
    assert list(folder.iterdir()) == [study]


@pytest.mark.parametrize("command", ["check", "search"])
def test_an_impossible_budget_ends_with_4_and_says_what_binds(run, study, folder, command):
    study.write_text(study.read_text().replace("energy_uj: 0.25", "energy_uj: 0.1"))
    done = run(command, study)
    assert (done.code, done.out) == (4, "")
    assert (
        "energy_uj binds: the nearest candidate takes 0.106 µJ, 6.0% over the limit of 0.1 µJ"
        in (done.err)
    )
    assert "Raise budget.energy_uj" in done.err
    assert not (folder / "neuronas.db").exists()


def test_a_space_whose_only_way_is_zeroize_is_a_contradiction(run, study):
    study.write_text("dataset: digits\nspace: {operations: [zeroize]}\n")
    done = run("check", study)
    assert done.code == 3
    assert "space.operations: only 'zeroize'" in done.err


# estimate


@pytest.mark.parametrize("content", [architecture().to_json(), LAYERS], ids=["genotype", "layers"])
def test_estimate_as_json_has_the_scripts_figures(run, folder, content):
    done = run("estimate", written(folder, content), *ON_CHIP, "--format", "json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert {"num_pe", "num_tiles", "area_um2", "energy_pj", "latency_ns"} <= set(found)
    assert found == estimate(folder / "network.json", chip=CHIP).to_json()


def test_a_model_is_estimated_on_its_own_chip_where_none_is_named(run, folder):
    path = written(folder, LAYERS)
    named = run("estimate", path, *ON_CHIP, "--format", "json")
    assert run("estimate", path, "--model", "spikesim", "--format", "json") == named
    assert run("estimate", path, "--model", "spikesim", *ON_CHIP, "--format", "json") == named


def test_a_chip_may_be_a_file(run, folder):
    chip = folder / "sram.yaml"
    chip.write_text("base: spikesim-65nm-rram\nsettings: {device: sram}\n")
    path = written(folder, LAYERS)
    mine, preset = (
        json.loads(run("estimate", path, "--chip", name, "--format", "json").out)
        for name in (chip, "spikesim-65nm-sram")
    )
    assert mine == preset | {"chip": "sram"}


def test_estimate_of_spikesims_own_example(run, folder):
    done = run("estimate", written(folder, LAYERS), *ON_CHIP, "--format", "json")
    found = json.loads(done.out)
    assert found["energy_pj"] == pytest.approx(1060462.268416, rel=1e-12)
    assert found["area_um2"] == pytest.approx(1129522.453439, rel=1e-12)
    assert found["latency_ns"] == pytest.approx(8519680.0, rel=1e-12)
    assert (found["num_pe"], found["num_tiles"]) == (1, 1)


def test_estimate_as_a_table_shows_totals_layers_and_what_is_left_out(run, folder):
    network = architecture(hidden=5)
    done = run("estimate", written(folder, network.to_json()), *ON_CHIP)
    assert (done.code, done.err) == (0, "")
    for shown in ("num_pe", "num_tiles", "area (mm²)", "energy (nJ)", "latency (µs)"):
        assert shown in done.out
    for total in ("area ", "energy ", "latency ", "time between results", "memory: parameters"):
        assert f"\n{total}" in done.out, total
    for component in ("H-trees", "tile buffers", "pe cycles", "input memory"):
        assert component in done.out, component
    assert "classifier.hidden_lif" in done.out
    assert "not modelled" in done.out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"in_ch_list": [64]}, "out_ch_list: required, but not given"),
        (architecture().to_json() | {"channels": "four"}, "channels: found 'four'"),
        (architecture(cell_a=NOTHING).to_json(), "cell_a: no path from input to output"),
        ([], "found no mapping; expected a genotype"),
        ({"layers": [{"kind": "conv"}]}, "layers[0].in_channels: required, but not given"),
    ],
)
def test_a_wrong_file_ends_estimate_with_3(run, folder, content, told):
    done = run("estimate", written(folder, content), *ON_CHIP)
    assert (done.code, done.out) == (3, "")
    assert told in done.err


def test_a_file_that_is_no_json_is_told_where(run, folder):
    path = folder / "network.json"
    path.write_text('{"channels": ')
    done = run("estimate", path, *ON_CHIP)
    assert done.code == 3
    assert f"{path}:\n  not valid JSON: " in done.err


def test_an_unknown_model_or_chip_is_told_which_there_are(run, folder):
    path = written(folder, LAYERS)
    model, chip = run("estimate", path, "--model", "tpu"), run("estimate", path, "--chip", "tpu")
    assert (model.code, chip.code) == (3, 3)
    assert model.err == "error: unknown hardware model 'tpu'; allowed: cim, spikesim\n"
    assert chip.err == (
        f"error: unknown chip 'tpu'; allowed: {', '.join(chip_names())}, or the path of a chip "
        f"file that ends in .yaml\n"
    )


def test_a_chip_of_another_model_is_refused(run, folder):
    done = run("estimate", written(folder, LAYERS), "--model", "cim", *ON_CHIP)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"error: chip '{CHIP.name}' describes hardware model 'spikesim', not 'cim'\n"
    )


def test_a_wrong_chip_file_ends_estimate_with_3_and_is_told_key_and_file(run, folder):
    chip = folder / "mine.yaml"
    chip.write_text("base: spikesim-65nm-rram\nsettings: {xbar: 32}\n")
    done = run("estimate", written(folder, LAYERS), "--chip", chip)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {chip}:\n  settings.xbar: unknown key; allowed: clk_freq")


def test_other_time_steps_may_be_asked_for(run, folder):
    path = written(folder, LAYERS)
    own, asked = (
        json.loads(run("estimate", path, *ON_CHIP, *steps, "--format", "json").out)
        for steps in ((), ("--time-steps", 10))
    )
    assert asked["latency_ns"] == pytest.approx(own["latency_ns"] * 10 / 5, rel=1e-12)


@pytest.mark.parametrize("steps", [0, -3, "many"])
def test_time_steps_that_cannot_be_are_a_matter_of_usage(run, folder, steps):
    done = run("estimate", written(folder, LAYERS), "--time-steps", steps)
    assert (done.code, done.out) == (2, "")
    assert "--time-steps" in done.err


def test_a_spike_rate_is_a_number_or_a_file_with_one_per_layer(run, folder):
    network = architecture(hidden=5)
    path = written(folder, network.to_json())

    def energy(*options: object) -> float:
        return json.loads(run("estimate", path, *options, "--format", "json").out)["energy_pj"]

    firing = [row["layer"] for row in estimate(network).to_json()["layers"] if row["neurons"]]
    rates = folder / "rates.json"
    rates.write_text(json.dumps(dict.fromkeys(firing, 0.5)))
    shown = folder / "shown.json"
    shown.write_text(json.dumps({"spike_rates": dict.fromkeys(firing, 0.5)}))
    assert energy() == energy("--spike-rate", 0.1)
    assert energy("--spike-rate", 0.5) > energy()
    assert energy("--spike-rate", rates) == energy("--spike-rate", shown) > energy()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("1.5", "error: --spike-rate: found 1.5; allowed: a number in [0, 1]\n"),
        ("nan", "error: --spike-rate: found nan; allowed: a number in [0, 1]\n"),
        ("much", "error: much:\n  no such file\n"),
        ({"stem": 0.1}, "error: spike rates: 'stem' does not fire; layers that fire: "),
        ({"cell_a.lif0": 0.1}, "error: spike rates: none is given for 'cell_a.lif1'; layers "),
        ({"cell_a.lif0": 2}, "error: rates.json:\n  cell_a.lif0: found 2; allowed: a number in"),
        ([], "error: rates.json:\n  expected a mapping of layers to spike rates\n"),
    ],
)
def test_wrong_spike_rates_end_estimate_with_3(run, folder, given, told):
    path = written(folder, architecture().to_json())
    if not isinstance(given, str):
        (folder / "rates.json").write_text(json.dumps(given))
        given = "rates.json"
    done = run("estimate", path, "--spike-rate", given)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(told)


def test_estimate_compares_with_spikesim_correction_by_correction(run, folder):
    path = written(folder, architecture().to_json())
    done = run("estimate", path, "--compare", "spikesim", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert [row["step"] for row in found] == ["script", *CORRECTIONS, "rram-32nm"]
    assert found[0]["energy_uj"] == estimate(path, chip=CHIP).energy_pj / 1e6
    assert found[-1]["energy_uj"] == estimate(path).energy_pj / 1e6
    table = run("estimate", path, "--compare", "spikesim", "--chip", "sram-32nm")
    assert table.code == 0
    assert "From SpikeSim's script, one correction after the other" in table.out
    assert table.out.splitlines()[-1].startswith("sram-32nm")


def test_estimate_compares_with_nothing_else(run, folder):
    done = run("estimate", written(folder, LAYERS), "--compare", "neurosim")
    assert (done.code, done.out) == (3, "")
    assert done.err == "error: --compare: found 'neurosim'; allowed: spikesim\n"


# Both models


@pytest.mark.parametrize("own", ["cim", "spikesim"])
def test_check_costs_the_same_networks_by_both_models(run, study, own):
    if own == "cim":
        hardware = "hardware: {model: spikesim, chip: spikesim-65nm-rram}\n"
        study.write_text(study.read_text().replace(hardware, ""))
    found = json.loads(run("check", study, "--candidates", 500, "--format", "json").out)
    assert next(iter(found["models"])) == own
    assert set(found["models"]) == {"cim", "spikesim"}
    assert {model["candidates"] for model in found["models"].values()} == {500}
    assert found["fit"] == found["models"][own]["fit"]
    lost = {model["rejected"]["disconnected"] for model in found["models"].values()}
    assert len(lost) == 1
    header = run("check", study, "--candidates", 500).out.splitlines()[0]
    assert header.split()[:2] == ["what", own]
    assert {"cim", "spikesim"} <= set(header.split())


def test_check_leaves_out_a_model_whose_chip_cannot_run_the_networks(run, study):
    study.write_text(
        "dataset: digits\nspace: {channels: 2, feedback: true}\nhardware: {model: spikesim}\n"
    )
    done = run("check", study, "--candidates", 50, "--format", "json")
    assert done.code == 0
    assert set(json.loads(done.out)["models"]) == {"spikesim"}
    assert "model 'cim' is left out: chip 'rram-32nm': " in done.err
    assert "'layer-serial' cannot wait for" in done.err


def test_check_counts_what_does_not_fit_a_chip_of_fixed_size(run, study, folder):
    (folder / "small.yaml").write_text("base: rram-32nm\nsettings: {tiles: 3}\n")
    study.write_text("dataset: digits\nspace: {channels: [2, 64]}\nhardware: {chip: small.yaml}\n")
    done = run("check", study, "--candidates", 500)
    assert done.code == 0
    assert "rejected: does not fit the chip" in done.out
    found = json.loads(run("check", study, "--candidates", 500, "--format", "json").out)
    assert found["rejected"]["does not fit the chip"] > 0
    assert found["binding"] == "does not fit the chip"


@pytest.mark.parametrize("command", ["check", "search"])
def test_a_study_on_a_wrong_chip_is_told_file_and_key_of_both(run, study, folder, command):
    chip = folder / "wide.yaml"
    chip.write_text("base: rram-32nm\nsettings: {colums: 128}\n")
    study.write_text("dataset: digits\nhardware: {chip: wide.yaml}\n")
    done = run(command, study)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(
        f"error: {study}:\n  hardware.chip: {chip}: settings.colums: unknown key; "
    )
    assert list(folder.glob("*.db")) == []


@pytest.mark.parametrize("command", ["check", "search"])
def test_an_absent_chip_file_is_told_with_the_studys_file_and_key(run, study, folder, command):
    study.write_text("dataset: digits\nhardware: {chip: absent.yaml}\n")
    done = run(command, study)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(
        f"error: {study}:\n  hardware.chip: {folder / 'absent.yaml'}: no such file"
    )


@pytest.mark.parametrize("command", ["check", "search"])
def test_a_setting_that_cannot_be_searched_ends_with_3(run, study, command):
    study.write_text("dataset: digits\nspace: {chip: {adc_bits: [4, 5]}}\n")
    done = run(command, study)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(
        f"error: {study}:\n  space.chip.adc_bits: not open to search, since accuracy "
    )


# A file and a chip that contradict each other


@pytest.mark.parametrize(
    ("settings", "chip", "told"),
    [
        (
            {"device": "rram"},
            "spikesim-65nm-sram",
            "device: found 'rram', but chip 'spikesim-65nm-sram' has device sram; leave 'device' "
            "out of the file, or name a chip that agrees with it",
        ),
        (
            {"device": "sram", "xbar_size": 128},
            "rram-32nm",
            "xbar_size: found 128, but chip 'rram-32nm' has rows 64, columns 64; leave 'xbar_size' "
            "out of the file, or name a chip that agrees with it\n  device: found 'sram', but chip "
            "'rram-32nm' has device rram; leave 'device' out of the file, or name a chip that "
            "agrees with it",
        ),
        (
            {"clk_freq": 100, "pe_per_tile": 8},
            "spikesim-65nm-rram",
            "clk_freq: found 100.0, but chip 'spikesim-65nm-rram' has clk_freq 250.0; leave "
            "'clk_freq' out of the file, or name a chip that agrees with it",
        ),
    ],
    ids=["device", "size and device", "clock"],
)
@pytest.mark.parametrize(
    "command", [["estimate"], ["estimate", "--compare", "spikesim"], ["compare"]], ids=" ".join
)
def test_a_chip_that_the_file_contradicts_is_refused(run, folder, command, settings, chip, told):
    path = written(folder, LAYERS | settings)
    done = run(*command, path, "--chip", chip)
    assert (done.code, done.out) == (3, "")
    assert done.err == f"error: {path}:\n  {told}\n"


def test_a_chip_that_agrees_with_the_file_or_leaves_a_setting_open_is_taken(run, folder):
    path = written(folder, LAYERS | {"device": "sram", "xbar_size": 64, "pe_per_tile": 8})
    for chip in ("spikesim-65nm-sram", "sram-32nm"):
        found = json.loads(run("estimate", path, "--chip", chip, "--format", "json").out)
        assert (found["chip"], found["settings"]["device"]) == (chip, "sram")
        assert found["settings"]["pe_per_tile"] == 8  # sram-32nm leaves it open


def test_without_a_chip_beside_it_the_file_says_what_it_is(run, folder):
    path = written(folder, LAYERS | {"device": "sram", "xbar_size": 128})
    found = json.loads(run("estimate", path, "--model", "spikesim", "--format", "json").out)
    assert (found["settings"]["device"], found["settings"]["xbar_size"]) == ("sram", 128)


# Settings out of range


def test_settings_out_of_range_are_told_with_their_whole_range(run, folder):
    chip = folder / "mine.yaml"
    chip.write_text("base: rram-32nm\nsettings: {node_nm: 14, adc_bits: 0, active_rows: 70000}\n")
    done = run("estimate", written(folder, LAYERS), "--chip", chip)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"error: {chip}:\n"
        "  settings.node_nm: found 14; allowed: 22 to 65\n"
        "  settings.active_rows: found 70000; allowed: 1 to 65536\n"
        "  settings.adc_bits: found 0; allowed: 1 to 12\n"
    )
