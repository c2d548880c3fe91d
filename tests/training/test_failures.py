"""Hopeless trainings: each is stopped, with its name."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from neuronas.config import TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.network import LIF
from neuronas.training import Split, score, train
from neuronas.training.failures import Watch, check_layers, check_progress
from tests.training.examples import DEEP, TINY, built

BRIEF = TrainingConfig(epochs=1, batch_size=32)


def failure(network: nn.Module, data: Split, settings: TrainingConfig) -> TrainingFailedError:
    with pytest.raises(TrainingFailedError) as caught:
        train(network, data, settings, seed=0)
    assert str(caught.value).startswith(f"{caught.value.reason}: ")
    return caught.value


def test_a_learning_rate_that_explodes_is_not_finite(few_digits):
    endless = TrainingConfig.model_construct(epochs=1, batch_size=32, learning_rate=float("inf"))
    error = failure(built(TINY), few_digits.train, endless)
    assert error.reason == "non-finite"
    assert "in epoch 1" in str(error)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("network", [TINY, DEEP], ids=["tiny", "deep"])
def test_images_that_are_not_finite_are_not_finite_instead_of_dead(few_digits, value, network):
    images = few_digits.train.images.astype(np.float32)
    images[5, 0, 3, 3] = value
    broken = replace(few_digits.train, images=images)
    assert failure(built(network), broken, BRIEF).reason == "non-finite"


def test_weights_that_are_not_finite_are_not_finite_instead_of_dead(few_digits):
    network = built(DEEP)
    nn.init.constant_(network.stem[0].weight[0], torch.nan)
    assert failure(network, few_digits.train, BRIEF).reason == "non-finite"


def test_a_network_that_never_fires_is_dead_and_its_silent_layers_are_named(few_digits):
    silent = DEEP.model_copy(update={"threshold": 100.0})
    error = failure(built(silent), few_digits.train, BRIEF)
    assert error.reason == "dead network"
    assert "no neuron of classifier.hidden_lif fires" in str(error)
    layers = str(error).partition("silent layers: ")[2].rstrip(")").split(", ")
    assert layers == list(built(DEEP).lif_layers())


def test_a_layer_that_is_silent_while_the_classifier_hears_spikes_is_no_failure(few_digits):
    network = built(DEEP)
    network.cell_a.neurons["lif1"] = LIF(0.25, 100.0)
    train(network, few_digits.train, BRIEF, seed=0)
    rates = score(network, few_digits.validation).spike_rates
    assert rates["cell_a.lif1"] == 0.0
    assert rates["classifier.hidden_lif"] > 0.0


def test_a_hidden_layer_that_is_still_silent_after_the_first_warm_up_epoch_may_learn(digits):
    """The schedule warms up: with 12 epochs, the first one hardly moves the weights."""
    network = built(TINY.model_copy(update={"hidden": 16, "threshold": 1.0}))
    train(network, digits.train, TrainingConfig(epochs=12, learning_rate=0.02), seed=0)
    assert score(network, digits.validation).accuracy > 0.7


def test_a_learning_rate_that_makes_the_loss_grow_diverges(digits):
    wide = TINY.model_copy(update={"channels": 16, "ratio": 4})
    error = failure(built(wide), digits.train, TrainingConfig(epochs=14, learning_rate=10.0))
    assert error.reason == "diverged"
    assert 0 < error.epochs < 14
    assert "for 10 steps above 6.91" in str(error)


def test_a_loss_that_is_large_for_a_moment_or_in_the_warm_up_is_no_failure():
    watch, fine = Watch(classes=10, warm_up=20), torch.tensor(1.0)
    for _ in range(20):
        watch.step(torch.tensor(50.0), fine, 0)
    for _ in range(5):
        for loss in (*[7.0] * 9, 6.8):
            watch.step(torch.tensor(loss), fine, 0)


def test_a_network_whose_neurons_always_fire_is_saturated(few_digits):
    network = built(TINY)
    nn.init.constant_(network.classifier_lif.norm.bias, 50.0)
    error = failure(network, few_digits.train, BRIEF)
    assert error.reason == "saturated network"
    assert "of the neurons of classifier.lif fire" in str(error)


def test_output_neurons_that_are_read_by_their_first_spike_may_go_on_firing():
    check_layers({"classifier.lif": 0.3, "classifier.head_lif": 1.0})


def test_a_network_that_cannot_tell_images_apart_is_at_chance(digits):
    alike = np.broadcast_to(digits.train.images[0], digits.train.images.shape)
    blind = replace(digits.train, images=alike)
    brief = failure(built(TINY), blind, TrainingConfig(epochs=12))
    assert (brief.reason, brief.epochs) == ("at chance", 6)  # half of 12
    assert "after 102 steps; guessing gives 10.0%" in str(brief)


def test_a_network_at_chance_is_not_given_up_within_a_hundred_steps(digits):
    alike = np.broadcast_to(digits.train.images[0], digits.train.images.shape)
    train(built(TINY), replace(digits.train, images=alike), TrainingConfig(epochs=10), seed=0)


def test_a_network_that_learns_is_not_at_chance_where_samples_are_in_the_order_of_classes(digits):
    order = np.argsort(digits.train.labels, kind="stable")
    train(built(TINY), digits.train.take(order), TrainingConfig(epochs=12), seed=0)


@pytest.mark.parametrize(
    ("accuracy", "samples", "steps", "hopeless"),
    [
        (0.10, 1000, 100, True),
        (0.12, 1000, 100, True),
        (0.14, 1000, 100, False),
        (0.14, 100, 100, True),
        (0.10, 1000, 99, False),
    ],
)
def test_at_chance_is_within_three_standard_errors_and_after_a_hundred_steps(
    accuracy, samples, steps, hopeless
):
    with pytest.raises(TrainingFailedError) if hopeless else nullcontext():
        check_progress(accuracy, samples=samples, classes=10, steps=steps)
