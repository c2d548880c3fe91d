"""Costing one network from Python or from a file of either grammar."""

from __future__ import annotations

import json

import pytest

from neuronas.errors import ConfigError, GenotypeError, HardwareModelError
from neuronas.hardware import LayerList, estimate
from tests.strategies import NOTHING, WIRE, architecture

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
    assert estimate(path).to_json() == estimate(network).to_json()


def test_a_layer_list_file_costs_what_its_layer_list_costs(tmp_path):
    found = estimate(written(tmp_path, LAYERS)).to_json()
    assert found == estimate(LayerList.model_validate(LAYERS)).to_json()
    assert found["energy_pj"] == pytest.approx(1060462.268416, rel=1e-12)
    assert found["area_um2"] == pytest.approx(1129522.453439, rel=1e-12)
    assert found["latency_ns"] == pytest.approx(8519680.0, rel=1e-12)
    assert (found["num_pe"], found["num_tiles"]) == (1, 1)


def test_the_report_is_json_and_its_parts_add_up():
    found = estimate(architecture(hidden=5)).to_json()
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
    assert sum(found["area_parts_um2"].values()) == pytest.approx(found["area_um2"])


def test_the_report_has_a_row_per_layer_and_says_which_are_not_modelled():
    found = estimate(architecture(cell_a="0003 0000 0000 0000", hidden=5)).to_json()
    assert [row["layer"] for row in found["layers"]] == [
        "stem",
        "cell_a.lif0",
        "cell_a.0->3",
        "reduction.lif",
        "reduction",
        "cell_b.0->3",
        "classifier.lif",
        "classifier.pool",
        "classifier.hidden",
        "classifier.hidden_lif",
        "classifier.head",
    ]
    left_out = [row["layer"] for row in found["layers"] if not row["modelled"]]
    assert left_out == found["not_modelled"]["layers"]
    assert left_out == ["cell_b.0->3", "classifier.pool", "classifier.hidden", "classifier.head"]
    assert "linear, pooling and skip layers" in found["not_modelled"]["effects"]


def test_parameters_count_the_classifier_which_the_layer_list_has_not():
    small, large = (estimate(architecture(hidden=hidden)) for hidden in (0, 100))
    assert large.parameters - small.parameters == (64 * 100 + 100 * 10) - 64 * 10
    assert estimate(LayerList.model_validate(LAYERS)).parameters == 9 * 64 * 64


def test_memory_is_unknown_where_the_bits_are():
    assert estimate(LayerList.model_validate(LAYERS)).to_json()["memory_bits"] is None
    assert estimate(architecture()).to_json()["memory_bits"] > 0


def test_a_disconnected_network_is_refused():
    with pytest.raises(GenotypeError) as caught:
        estimate(architecture(cell_a="0300 0030 0000 0000", cell_b=NOTHING))
    assert caught.value.problems == (
        "cell_a: no path from input to output: 0300 0030 0000 0000",
        "cell_b: no path from input to output: 0000 0000 0000 0000",
    )


def test_a_pool_larger_than_the_feature_map_is_refused():
    with pytest.raises(GenotypeError, match="pool: found 5; allowed: 1 to 4, the feature map"):
        estimate(architecture(pool=5))


def test_a_network_of_the_smallest_feature_map_is_costed():
    found = estimate(architecture(input_shape=(1, 2, 2), pool=1, channels=1, cell_a=WIRE))
    assert found.energy_pj > 0
    assert found.cost.num_pe.tolist() == [2]


@pytest.mark.parametrize("content", [[1, 2], 5, None, "text"])
def test_a_file_of_neither_grammar_is_told_both(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        estimate(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:\n  found no mapping; expected a genotype (cell_a, ")
    assert "a layer list (in_ch_list, out_ch_list," in message


def test_an_absent_file_is_told_the_nearest_name(tmp_path):
    there = written(tmp_path, LAYERS)
    with pytest.raises(ConfigError) as caught:
        estimate(tmp_path / "networks.json")
    assert str(caught.value).endswith(f"no such file; did you mean {there}?")


def test_a_wrong_genotype_file_is_told_file_and_key(tmp_path):
    path = written(tmp_path, architecture().to_json() | {"chanels": 4})
    with pytest.raises(ConfigError) as caught:
        estimate(path)
    assert str(caught.value).startswith(f"{path}:\n  chanels: unknown key; allowed: cell_a, ")
    assert "did you mean 'channels'?" in str(caught.value)


def test_an_unknown_model_or_chip_is_told_which_there_are():
    with pytest.raises(HardwareModelError) as model:
        estimate(architecture(), model="spikesm")
    assert str(model.value) == "unknown hardware model 'spikesm'; allowed: spikesim"
    with pytest.raises(HardwareModelError) as chip:
        estimate(architecture(), chip="loihi")
    assert str(chip.value) == "unknown chip 'loihi'; allowed: spikesim-65nm"
