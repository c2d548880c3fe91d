"""The two digests: what counts as the same network, and as the same candidate."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given

from neuronas.architecture import (
    Networks,
    deployment_digest,
    network_keys,
    training_digest,
)
from neuronas.config import NeuronConfig
from neuronas.hardware import Chip
from tests.strategies import CHAIN, DEAD_ENDS, WIRE, architecture, architectures

CONTEXT = {"dataset": "digits", "epochs_schedule": "cosine", "samples": None}


def digest(**changes: object) -> str:
    return training_digest(architecture(**changes), CONTEXT)


@given(architectures())
def test_a_network_and_its_canonical_form_are_trained_once(network):
    assert training_digest(network, CONTEXT) == training_digest(network.canonical(), CONTEXT)


@given(architectures())
def test_keys_of_a_batch_are_equal_exactly_where_training_digests_are(network):
    bits = [
        network.weight_bits.model_copy(
            update={group: 3 if getattr(network.weight_bits, group) > 3 else 5}
        )
        for group in ("stem", "cell_a", "cell_b", "classifier")
    ]
    members = [
        network,
        network.canonical(),
        network.model_copy(update={"time_steps": network.time_steps + 1}),
        network.model_copy(update={"threshold": network.threshold * 2}),
        *[network.model_copy(update={"weight_bits": changed}) for changed in bits],
    ]
    networks = Networks.of(members)
    keys = network_keys(networks)
    digests = [training_digest(member, CONTEXT) for member in members]
    assert [[a == b for a in keys] for b in keys] == [[a == b for a in digests] for b in digests]


def test_dead_edges_do_not_change_the_training_digest():
    assert digest(cell_b=DEAD_ENDS) == digest(cell_b=WIRE)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("learned", [(), ("threshold",)])
def test_a_threshold_that_is_the_networks_own_does_not_change_the_training_digest(
    threshold, learned
):
    """Neurons of a node that start at one threshold are one layer, also where they learn it."""
    symbols = {"a": 0.5, "b": 1.0, "c": 1.5}
    network = {"threshold": threshold, "neuron": NeuronConfig(learned=learned)}
    plain = digest(cell_a="0330 0030 0003 0000", **network)
    for symbol, own in symbols.items():
        found = digest(cell_a=f"0{symbol}30 0030 000{symbol} 0000", **network)
        assert (found == plain) == (own == threshold)


def test_bits_of_a_group_without_weights_do_not_change_the_training_digest():
    without_weights = {"cell_a": WIRE, "cell_b": DEAD_ENDS}
    assert digest(**without_weights, weight_bits={"cell_a": 8, "cell_b": 2}) == digest(
        **without_weights
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"time_steps": 5},
        {"decay": 0.5},
        {"threshold": 0.5},
        {"channels": 9},
        {"ratio": 1},
        {"pool": 1},
        {"hidden": 4},
        {"classes": 3},
        {"input_shape": (1, 8, 9)},
        {"cell_a": "0200 0030 0003 0000"},
        {"cell_a": WIRE, "cell_b": CHAIN},
        {"weight_bits": {"stem": 8}},
        {"weight_bits": {"cell_a": 8}},
        {"weight_bits": {"reduction": 8}},
        {"weight_bits": {"classifier": 8}},
    ],
    ids=str,
)
def test_whatever_changes_weights_or_accuracy_changes_the_training_digest(changes):
    assert digest(**changes) != digest()


def test_the_context_of_training_changes_the_training_digest():
    other = CONTEXT | {"samples": 500}
    assert training_digest(architecture(), other) != digest()


def test_the_order_of_the_context_does_not_change_the_training_digest():
    turned = dict(reversed(CONTEXT.items()))
    assert training_digest(architecture(), turned) == digest()


def test_the_chip_changes_the_deployment_digest_and_its_name_does_not():
    chip = Chip.of("spikesim-65nm-rram")
    training = digest()
    bigger = dataclasses.replace(chip, settings=chip.settings.model_copy(update={"xbar_size": 128}))
    adc = chip.constants["energy_adc"].model_copy(update={"value": 3.0})
    dearer = dataclasses.replace(chip, constants=chip.constants | {"energy_adc": adc})
    renamed = dataclasses.replace(chip, name="mine")
    original = deployment_digest(training, chip.to_json())
    assert deployment_digest(training, bigger.to_json()) != original
    assert deployment_digest(training, dearer.to_json()) != original
    assert deployment_digest(training, renamed.to_json()) == original


def test_networks_trained_apart_are_deployed_apart():
    chip = Chip.of("spikesim-65nm-rram").to_json()
    assert deployment_digest(digest(), chip) != deployment_digest(digest(pool=1), chip)


def test_digests_are_sha256_in_hexadecimal():
    training = digest()
    deployment = deployment_digest(training, Chip.of("spikesim-65nm-rram").to_json())
    assert all(len(bytes.fromhex(value)) == 32 for value in (training, deployment))
    assert training != deployment
