"""Training and scoring: what is learned, what is measured, what is given up."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from neuronas.architecture import SLOT_INDEX, Networks, Workload
from neuronas.config import AugmentConfig, Kind, TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.network import LIF
from neuronas.training import Split, loop, score, train
from neuronas.training.loop import estimate_batch_norm
from tests.training.examples import DEEP, TINY, built, head_of

BRIEF = TrainingConfig(epochs=1, batch_size=32)


def test_a_tiny_network_learns_digits(trained):
    assert trained.evaluation.validation_accuracy > 0.7  # chance is 0.1


def test_training_lowers_the_loss_and_leaves_no_trace_in_the_data(few_digits):
    network, data = built(TINY), few_digits.train
    images = data.images.copy()

    def loss() -> float:
        network.eval()
        with torch.no_grad():
            inputs, labels = data.batch(slice(None))
            return float(nn.functional.cross_entropy(network(inputs), labels))

    estimate_batch_norm(network, data)
    before = loss()
    train(network, data, TrainingConfig(epochs=6, batch_size=32), seed=0)
    assert loss() < 0.8 * before
    assert np.array_equal(data.images, images)


def test_the_seed_decides_the_order_of_the_samples(few_digits):
    states = []
    for seed in (0, 0, 1):
        network = built(TINY)
        train(network, few_digits.train, BRIEF, seed)
        states.append(network.state_dict())
    first, again, other = states
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_augmented_images_train_another_network_the_same_every_time(few_digits):
    settings = BRIEF.model_copy(update={"augment": AugmentConfig(crop=1)})
    states = []
    for chosen in (BRIEF, settings, settings):
        network = built(TINY)
        train(network, few_digits.train, chosen, seed=0)
        states.append(network.state_dict()["head.weight"])
    plain, augmented, again = states
    assert torch.equal(augmented, again)
    assert not torch.equal(augmented, plain)


@pytest.mark.parametrize(("samples", "batch_size"), [(33, 32), (128, 128), (50, 32), (3, 2)])
def test_a_last_batch_of_any_size_is_fine(few_digits, samples, batch_size):
    settings = TrainingConfig(epochs=2, batch_size=batch_size)
    network = built(TINY)
    before = copy.deepcopy(network.state_dict())
    train(network, head_of(few_digits.train, samples), settings, seed=0)
    assert not torch.equal(network.state_dict()["stem.0.weight"], before["stem.0.weight"])


# Batch norm.


def test_batch_norm_is_measured_with_the_weights_as_they_are(digits):
    network = built(TINY)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.constant_(norm.running_mean, 1e3)
        nn.init.constant_(norm.running_var, 1e6)
    before = {name: value.clone() for name, value in network.named_parameters()}
    data = head_of(digits.train, 512)
    estimate_batch_norm(network, data)
    conv, norm = network.stem
    with torch.no_grad():
        currents = conv(data.batch(slice(None))[0])
    torch.testing.assert_close(norm.running_mean, currents.mean(dim=(0, 2, 3)))
    halves = torch.stack([half.var(dim=(0, 2, 3)) for half in currents.split(256)])
    torch.testing.assert_close(norm.running_var, halves.mean(dim=0))
    for name, value in network.named_parameters():
        assert torch.equal(value, before[name]), name
        assert value.grad is None


def test_measuring_batch_norm_twice_gives_the_same_and_later_training_averages_as_before(digits):
    network, data = built(DEEP), head_of(digits.train, 300)
    momenta = [m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    estimate_batch_norm(network, data)
    first = copy.deepcopy(network.state_dict())
    estimate_batch_norm(network, data)
    assert all(torch.equal(first[name], value) for name, value in network.state_dict().items())
    assert [m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)] == momenta
    assert None not in momenta


def test_training_ends_with_statistics_of_the_final_weights(few_digits):
    network = built(TINY)
    train(network, few_digits.train, BRIEF, seed=0)
    trained_state = copy.deepcopy(network.state_dict())
    estimate_batch_norm(network, few_digits.train)
    assert all(torch.equal(trained_state[n], v) for n, v in network.state_dict().items())


# Accuracy and spike rates.


def counted(network: nn.Module, data: Split) -> tuple[float, dict[str, float]]:
    """Return accuracy and spike rates, counted one sample at a time."""
    workload = Workload.of(Networks.of([DEEP]))
    spikes: Counter[str] = Counter()
    names = {lif: name for name, lif in network.lif_layers().items()}
    handles = [
        lif.register_forward_hook(
            lambda lif, _, fired: spikes.update({names[lif]: int(fired.sum())})
        )
        for lif in names
    ]
    network.eval()
    hits = 0
    with torch.no_grad():
        for image, label in zip(*data.batch(slice(None)), strict=True):
            hits += int(network(image[None]).argmax()) == int(label)
    for handle in handles:
        handle.remove()
    chances = {
        name: int(workload.neurons[SLOT_INDEX[name], 0]) * DEEP.time_steps * len(data)
        for name in names.values()
    }
    return hits / len(data), {name: spikes[name] / chances[name] for name in chances}


@pytest.fixture(scope="module")
def deep(few_digits):
    """Return a network with neurons at every place, trained for an epoch."""
    network = built(DEEP)
    train(network, few_digits.train, TrainingConfig(epochs=2, batch_size=32), seed=0)
    return network


def test_spike_rates_have_the_names_of_the_layer_table_in_its_order(deep, few_digits):
    workload = Workload.of(Networks.of([DEEP]))
    rates = score(deep, few_digits.validation).spike_rates
    assert list(rates) == workload.names(workload.kind[:, 0] == Kind.LIF)
    assert list(rates)[-1] == "classifier.hidden_lif"


def test_accuracy_and_spike_rates_are_a_direct_count(deep, few_digits):
    data = head_of(few_digits.validation, 300)
    accuracy, rates = counted(deep, data)
    found = score(deep, data)
    assert found.accuracy == pytest.approx(accuracy, abs=1.5 / 300)  # one tie at most
    assert found.spike_rates == pytest.approx(rates, rel=1e-3)
    assert all(0 < rate < 1 for rate in rates.values())


@pytest.mark.parametrize("batch", [7, 299, 300])
def test_how_samples_are_batched_changes_neither_accuracy_nor_rates(
    deep, few_digits, monkeypatch, batch
):
    data = head_of(few_digits.validation, 300)
    whole = score(deep, data)
    monkeypatch.setattr(loop, "_EVALUATION_BATCH", batch)
    apart = score(deep, data)
    assert apart.accuracy == pytest.approx(whole.accuracy, abs=1.5 / 300)
    assert apart.spike_rates == pytest.approx(whole.spike_rates, rel=1e-3)


def test_scoring_changes_no_weight_or_statistic_and_leaves_no_hook(deep, few_digits):
    before = copy.deepcopy(deep.state_dict())
    first = score(deep, few_digits.validation)
    assert score(deep, few_digits.validation) == first
    assert all(torch.equal(before[name], value) for name, value in deep.state_dict().items())
    wrong = Split(np.zeros((2, 3, 8, 8), dtype=np.float32), np.zeros(2, dtype=np.int64))
    with pytest.raises(RuntimeError):
        score(deep, wrong)
    assert not [m for m in deep.modules() if isinstance(m, LIF) and m._forward_hooks]


# Failures.


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
