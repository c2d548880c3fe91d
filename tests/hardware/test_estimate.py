"""Costing one network from Python or from a file of either grammar."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import SLOT_INDEX, Architecture, Workload
from neuronas.config import chip_names, load_study
from neuronas.errors import ConfigError, GenotypeError, HardwareModelError
from neuronas.hardware import Chip, LayerList, Layers, estimate, read_rates, workload_of
from tests.strategies import NOTHING, WIRE, architecture, architectures, connected_cells

CHIP = Chip.of("spikesim-65nm-rram")
LAYERS = {
    "in_ch_list": [64],
    "out_ch_list": [64],
    "in_dim_list": [16],
    "out_dim_list": [16],
    "kernel_size": 3,
    "time_steps": 5,
}


def written(folder, content: object, name: str = "network.json"):
    path = folder / name
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["text", "path"])
def test_a_genotype_file_costs_what_its_architecture_costs(tmp_path, kind):
    network = architecture(hidden=5)
    path = kind(written(tmp_path, network.to_json()))
    assert estimate(path, chip=CHIP).to_json() == estimate(network, chip=CHIP).to_json()


def test_a_layer_list_file_costs_what_its_layer_list_costs(tmp_path):
    found = estimate(written(tmp_path, LAYERS), chip=CHIP).to_json()
    assert found == estimate(LayerList.model_validate(LAYERS), chip=CHIP).to_json()
    assert found["energy_pj"] == pytest.approx(1060462.268416, rel=1e-12)
    assert found["area_um2"] == pytest.approx(1129522.453439, rel=1e-12)
    assert found["latency_ns"] == pytest.approx(8519680.0, rel=1e-12)
    assert (found["num_pe"], found["num_tiles"]) == (1, 1)


def test_the_report_is_json_and_its_parts_add_up():
    found = estimate(architecture(hidden=5), chip=CHIP).to_json()
    assert json.loads(json.dumps(found)) == found
    layers = found["layers"]
    for total, part in [
        ("energy_pj", "energy_pj"),
        ("latency_ns", "latency_ns"),
        ("area_um2", "area_um2"),
        ("num_pe", "pe"),
        ("parameters", "parameters"),
    ]:
        assert sum(row[part] for row in layers) == pytest.approx(found[total]), total
    for total, parts in [
        ("energy_pj", "energy_parts_pj"),
        ("latency_ns", "latency_parts_ns"),
        ("area_um2", "area_parts_um2"),
        ("memory_bits", "memory_parts_bits"),
    ]:
        assert sum(found[parts].values()) == pytest.approx(found[total]), total
        assert list(found[parts].values()) == sorted(found[parts].values(), reverse=True)


def test_the_script_starts_an_input_after_the_last_and_fits_any_network():
    found = estimate(architecture(), chip=CHIP).to_json()
    assert found["interval_ns"] == found["latency_ns"]
    assert found["fits"] is True
    assert found["warnings"] == []


def test_the_report_has_a_row_per_layer_and_says_which_are_not_modelled():
    found = estimate(architecture(cell_a="0003 0000 0000 0000", hidden=5), chip=CHIP).to_json()
    assert [row["layer"] for row in found["layers"]] == [
        "stem",
        "cell_a.lif0",
        "cell_a.0->3",
        "reduction.lif",
        "reduction",
        "reduction.pool",
        "cell_b.0->3",
        "classifier.lif",
        "classifier.pool",
        "classifier.hidden",
        "classifier.hidden_lif",
        "classifier.head",
    ]
    left_out = [row["layer"] for row in found["layers"] if not row["modelled"]]
    assert left_out == found["not_modelled"]["layers"]
    assert left_out == [
        "reduction.pool",
        "cell_b.0->3",
        "classifier.pool",
        "classifier.hidden",
        "classifier.head",
    ]
    assert "linear, pooling and skip layers" in found["not_modelled"]["effects"]


def test_parameters_count_the_classifier_which_the_layer_list_has_not():
    small, large = (estimate(architecture(hidden=hidden), chip=CHIP) for hidden in (0, 100))
    assert large.parameters - small.parameters == (64 * 100 + 100 * 10) - 64 * 10
    assert estimate(LayerList.model_validate(LAYERS), chip=CHIP).parameters == 9 * 64 * 64


def test_memory_is_unknown_where_the_bits_are():
    assert estimate(LayerList.model_validate(LAYERS), chip=CHIP).to_json()["memory_bits"] is None
    assert estimate(architecture(), chip=CHIP).to_json()["memory_bits"] > 0


def test_a_disconnected_network_is_refused():
    with pytest.raises(GenotypeError) as caught:
        estimate(architecture(cell_a="0300 0030 0000 0000", cell_b=NOTHING), chip=CHIP)
    assert caught.value.problems == (
        "cell_a: no path from input to output: 0300 0030 0000 0000",
        "cell_b: no path from input to output: 0000 0000 0000 0000",
    )


def test_a_pool_larger_than_the_feature_map_is_refused():
    with pytest.raises(GenotypeError, match="pool: found 5; allowed: 1 to 4, the feature map"):
        estimate(architecture(pool=5), chip=CHIP)


def test_a_network_of_the_smallest_feature_map_is_costed():
    found = estimate(
        architecture(input_shape=(1, 2, 2), pool=1, channels=1, cell_a=WIRE), chip=CHIP
    )
    assert found.energy_pj > 0
    assert found.explanation.cost.num_pe.tolist() == [2]


@pytest.mark.parametrize("content", [[1, 2], 5, None, "text"])
def test_a_file_of_neither_grammar_is_told_both(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        estimate(path, chip=CHIP)
    message = str(caught.value)
    assert message.startswith(f"{path}:\n  found no mapping; expected a genotype (cell_a, ")
    assert "layers (layers: [{kind: conv, ...}, ...])" in message
    assert "a layer list in SpikeSim's names (in_ch_list, out_ch_list," in message


def test_an_absent_file_is_told_the_nearest_name(tmp_path):
    there = written(tmp_path, LAYERS)
    with pytest.raises(ConfigError) as caught:
        estimate(tmp_path / "networks.json", chip=CHIP)
    assert str(caught.value).endswith(f"no such file; did you mean {there}?")


def test_a_wrong_genotype_file_is_told_file_and_key(tmp_path):
    path = written(tmp_path, architecture().to_json() | {"chanels": 4})
    with pytest.raises(ConfigError) as caught:
        estimate(path, chip=CHIP)
    assert str(caught.value).startswith(f"{path}:\n  chanels: unknown key; allowed: cell_a, ")
    assert "did you mean 'channels'?" in str(caught.value)


def test_an_unknown_chip_is_told_which_there_are():
    with pytest.raises(HardwareModelError) as caught:
        estimate(architecture(), chip="loihi")
    assert str(caught.value) == (
        f"unknown chip 'loihi'; allowed: {', '.join(chip_names())}, or the path of a chip file "
        f"that ends in .yaml"
    )


def test_a_chip_of_another_model_than_asked_for_is_refused():
    with pytest.raises(HardwareModelError) as caught:
        estimate(architecture(), chip="spikesim-65nm-sram", model="cim")
    assert str(caught.value) == (
        "chip 'spikesim-65nm-sram' describes hardware model 'spikesim', not 'cim'"
    )


def test_without_chip_and_model_a_network_is_costed_on_our_own_chip():
    network = architecture()
    assert estimate(network).chip == Chip.of("rram-32nm")
    assert estimate(network, model="cim").to_json() == estimate(network).to_json()


def test_a_model_without_a_chip_is_costed_on_its_own_chip():
    network = architecture()
    assert estimate(network, model="spikesim").to_json() == estimate(network, chip=CHIP).to_json()


@pytest.mark.parametrize(
    "chip",
    [
        "spikesim-65nm-rram",
        Chip.of("spikesim-65nm-rram"),
        {"base": "spikesim-65nm-rram", "name": "spikesim-65nm-rram"},
    ],
    ids=["name", "chip", "mapping"],
)
def test_a_chip_may_be_given_in_any_form(chip):
    network = architecture()
    assert estimate(network, chip=chip).to_json() == estimate(network, chip=CHIP).to_json()


def test_a_chip_may_be_a_file(tmp_path):
    path = tmp_path / "slow.yaml"
    path.write_text("base: spikesim-65nm-rram\nsettings: {clk_freq: 125}\n")
    slow, fast = estimate(architecture(), chip=path), estimate(architecture(), chip=CHIP)
    assert slow.chip.name == "slow"
    assert slow.latency_ns == pytest.approx(2 * fast.latency_ns, rel=1e-12)
    assert slow.energy_pj == fast.energy_pj


# Time steps


@given(architectures(cell=connected_cells()), st.integers(1, 9))
def test_other_time_steps_give_the_network_that_has_them(network, time_steps):
    asked = workload_of(network, time_steps)
    meant = workload_of(network.model_copy(update={"time_steps": time_steps}))
    for column in (f.name for f in fields(Workload) if f.name != "slots"):
        assert np.array_equal(getattr(asked, column), getattr(meant, column)), column


def test_what_never_changes_is_computed_once_whatever_the_time_steps():
    network = architecture(cell_a="0301 0003 0000 0000", time_steps=4)
    steps = workload_of(network, 7).steps[:, 0]
    found = {name: steps[SLOT_INDEX[name]] for name in ("stem", "cell_a.0->3", "cell_a.0->1")}
    assert found == {"stem": 1, "cell_a.0->3": 1, "cell_a.0->1": 7}


@pytest.mark.parametrize(
    "network",
    [
        LayerList.model_validate(LAYERS),
        Layers.model_validate(
            {
                "layers": [
                    {"kind": "conv", "in_channels": 64, "out_channels": 9, "height": 1, "width": 1}
                ],
                "time_steps": 5,
            }
        ),
    ],
    ids=["SpikeSim's names", "layers"],
)
def test_time_steps_may_replace_those_of_a_list_of_layers(network):
    asked, own = estimate(network, chip=CHIP, time_steps=3), estimate(network, chip=CHIP)
    assert asked.workload.time_steps.tolist() == [3]
    assert asked.workload.steps.tolist() == [[3]]
    assert asked.energy_pj == pytest.approx(own.energy_pj * 3 / 5, rel=1e-12)
    assert asked.latency_ns == pytest.approx(own.latency_ns * 3 / 5, rel=1e-12)
    assert asked.area_um2 == own.area_um2


def test_a_network_of_one_time_step_gets_more_and_its_stem_computes_once():
    network = architecture(time_steps=1)
    steps = workload_of(network, 5).steps[:, 0]
    assert steps[SLOT_INDEX["stem"]] == 1
    assert steps[SLOT_INDEX["reduction"]] == 5


@pytest.mark.parametrize("steps", [0, -1, 2.5, "4"])
def test_time_steps_that_cannot_be_are_told(steps):
    with pytest.raises(ConfigError) as caught:
        estimate(architecture(), chip=CHIP, time_steps=steps)
    assert str(caught.value) == (f"time_steps: found {steps!r}; allowed: an integer, 1 or more")


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "much", True])
def test_a_spike_rate_is_a_share(rate):
    with pytest.raises(ConfigError) as caught:
        estimate(architecture(), chip=CHIP, spike_rate=rate)
    assert str(caught.value) == f"spike_rate: found {rate!r}; allowed: a number in [0, 1]"


def test_a_spike_rate_of_a_layer_is_a_share_too():
    with pytest.raises(ConfigError, match="spike_rate: stem: found 2; allowed: a number in"):
        estimate(architecture(), chip=CHIP, spike_rate={"stem": 2})


def test_a_spike_rate_may_be_any_number_of_numpy():
    rates = (np.float32(0.25), np.float64(0.25), 0.25)
    assert len({estimate(architecture(), spike_rate=rate).energy_pj for rate in rates}) == 1


GENOTYPE = {
    "input_shape": [1, 8, 8],
    "classes": 10,
    "channels": 8,
    "time_steps": 4,
    "cell_a": "0303 0030 0002 0000",
    "cell_b": "0001 0000 0000 0000",
}
TRIAL = {"trial": 2, "genotype": GENOTYPE, "chip": {"columns_per_adc": 16}}


def test_a_trial_is_estimated_on_what_it_chose_on_its_chip(tmp_path):
    path = tmp_path / "trial.json"
    path.write_text(json.dumps(TRIAL))
    chosen = estimate(path, chip="rram-32nm")
    chip = {"base": "rram-32nm", "settings": {"columns_per_adc": 16}}
    network = Architecture.from_json(GENOTYPE)
    assert chosen.area_um2 == estimate(network, chip=chip).area_um2
    assert chosen.area_um2 != estimate(network, chip="rram-32nm").area_um2


def test_reads_without_spikes_are_saved_only_by_a_chip_that_skips_them():
    network = Architecture.from_json(GENOTYPE)
    skips = {"base": "rram-32nm", "settings": {"skip_zero_rows": True}}
    assert estimate(network, chip=skips, zero_rows=0.5).energy_pj < estimate(network).energy_pj
    assert estimate(network, zero_rows=0.5).energy_pj == estimate(network).energy_pj
    with pytest.raises(ConfigError, match="zero_rows: found"):
        estimate(network, zero_rows=1.5)


def test_spike_rates_are_read_from_what_show_prints_of_a_trial(tmp_path):
    path = tmp_path / "trial.json"
    path.write_text(json.dumps(TRIAL | {"evaluation": {"spike_rates": {"reduction.lif": 0.25}}}))
    assert read_rates(str(path)) == {"reduction.lif": 0.25}


def test_a_model_without_a_chip_in_a_study_has_its_default(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("dataset: digits\nhardware: {model: spikesim}\n")
    assert load_study(path).hardware.chip == "spikesim-65nm-rram"


def test_who_changes_a_layer_table_changes_no_other():
    network = architecture(hidden=7)
    before = estimate(network, chip=CHIP).energy_pj
    workload_of(network).kernel[:] *= 3
    estimate(network, chip=CHIP).workload.macs[:] = 0
    assert estimate(architecture(hidden=7), chip=CHIP).energy_pj == before
