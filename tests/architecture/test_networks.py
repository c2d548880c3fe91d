"""Architectures: JSON, batches, canonical form, and what a wrong genotype gets to read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given

from neuronas.architecture import Architecture, Networks
from neuronas.errors import ConfigError, GenotypeError
from tests.strategies import (
    CHAIN,
    DEAD_ENDS,
    NOTHING,
    WIRE,
    architecture,
    architectures,
    batches,
    connected_cells,
)


@given(architectures())
def test_json_text_gives_the_architecture_back(network):
    assert Architecture.from_json(json.loads(json.dumps(network.to_json()))) == network


@given(architectures())
def test_a_genotype_file_gives_the_architecture_back(tmp_path_factory, network):
    path = tmp_path_factory.getbasetemp() / "genotype.json"
    path.write_text(json.dumps(network.to_json()))
    assert Architecture.from_file(path) == network


def test_json_names_every_edge_and_group():
    values = architecture(cell_a="0123 0041 0002 0000").to_json()
    assert values["cell_a"] == {
        "0->1": "skip",
        "0->2": "conv1x1",
        "1->2": "avgpool3x3",
        "0->3": "conv3x3",
        "1->3": "skip",
        "2->3": "conv1x1",
    }
    groups = {"stem": 4, "cell_a": 4, "reduction": 4, "cell_b": 4, "classifier": 4}
    assert values["weight_bits"] == groups


@given(batches())
def test_a_batch_gives_each_member_back(members):
    networks = Networks.of(members)
    assert [networks[i] for i in range(len(networks))] == members


@given(batches())
def test_taking_from_a_batch_follows_the_indices(members):
    order = np.arange(len(members))[::-1]
    taken = Networks.of(members).take(order)
    assert [taken[i] for i in range(len(taken))] == members[::-1]


def test_a_batch_has_one_input():
    with pytest.raises(GenotypeError, match="must share input shape, classes and"):
        Networks.of([architecture(), architecture(classes=3)])


def test_the_canonical_form_drops_dead_edges_in_both_cells():
    network = architecture(cell_a=DEAD_ENDS, cell_b="0301 0000 0000 0000")
    assert network.canonical().cnt_mats() == (WIRE, WIRE)
    assert network.canonical() == architecture(cell_a=WIRE, cell_b=WIRE)


@given(batches(cell=connected_cells()))
def test_networks_of_connected_cells_are_connected_and_pass_the_check(members):
    assert Networks.of(members).connected().all()
    for member in members:
        member.check()


@pytest.mark.parametrize(
    ("cell_a", "cell_b"), [(NOTHING, CHAIN), (CHAIN, "0300 0030 0000 0000"), (NOTHING, NOTHING)]
)
def test_one_disconnected_cell_disconnects_a_network(cell_a, cell_b):
    assert not Networks.of([architecture(cell_a=cell_a, cell_b=cell_b)]).connected().any()


def test_the_check_names_every_problem():
    with pytest.raises(GenotypeError) as caught:
        architecture(cell_a="0300 0030 0000 0000", cell_b=NOTHING, pool=5).check()
    assert caught.value.problems == (
        "cell_a: no path from input to output: 0300 0030 0000 0000",
        "cell_b: no path from input to output: 0000 0000 0000 0000",
        "pool: found 5; allowed: 1 to 4, the feature map that an input of 8x8 leaves after the "
        "first pooling",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"chanels": 3}, "chanels: unknown key; allowed: cell_a, cell_b, channels, classes, "),
        ({"chanels": 3}, "did you mean 'channels'?"),
        ({"channels": 0}, "channels: found 0; allowed: 1 to 65536"),
        ({"channels": True}, "channels: found True; input should be a valid integer"),
        ({"decay": 1.0}, "decay: found 1.0; allowed: 0 or more and below 1"),
        ({"input_shape": [1, 0, 8]}, "input_shape[1]: found 0;"),
        ({"weight_bits": {"stem": 9}}, "weight_bits.stem: found 9; allowed: 2, 3, 4, 5, 6, 7, 8,"),
        ({"weight_bits": {"stm": 8}}, "weight_bits.stm: unknown key; allowed: cell_a, cell_b,"),
        ({"cell_a": "0303 0130 2002 0200"}, "leads from a node to itself"),
        ({"cell_a": {"1->1": "skip"}}, "unknown edge '1->1'; allowed: 0->1, 0->2, 1->2, 0->3,"),
        ({"cell_a": {"0->1": "skip"}}, "edge '0->2' is not given; use 'zeroize' for no edge"),
        ({"cell_b": ["conv"] * 6}, "unknown operation 'conv'; allowed: zeroize, skip, conv1x1,"),
        ({"cell_b": ["skip"]}, "a cell is a mapping of the edges 0->1, 0->2,"),
        ({"cell_b": 5}, "cell_b: found 5; "),
        ({"cell_b": [["skip"]] * 6}, "unknown operation ['skip']; allowed: zeroize, skip,"),
    ],
)
def test_a_wrong_genotype_is_told_file_key_and_what_is_allowed(changes, problem):
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(architecture().to_json() | changes, source="genotype.json")
    message = str(caught.value)
    assert message.startswith(f"genotype.json:\n  {next(iter(changes))}")
    assert problem in message


def test_weight_bits_may_be_one_number_for_all_groups():
    content = architecture().to_json() | {"weight_bits": 2}
    bits = Architecture.from_json(content).weight_bits
    assert set(bits.model_dump().values()) == {2}
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(content | {"weight_bits": 1})
    assert str(caught.value) == "weight_bits: found 1; allowed: 2, 3, 4, 5, 6, 7, 8, 16, 32"


def test_a_default_that_does_not_fit_is_said_to_be_one():
    content = architecture().to_json() | {"input_shape": [1, 2, 2]}
    del content["pool"]
    with pytest.raises(
        GenotypeError, match="pool: found 2, the default where none is given; allowed: 1"
    ):
        Architecture.from_json(content).check()


def test_a_genotype_that_lacks_keys_is_told_all_of_them():
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json({}, source="genotype.json")
    keys = ["input_shape", "classes", "cell_a", "cell_b", "channels"]
    assert list(caught.value.problems) == [f"{key}: required, but not given" for key in keys]
