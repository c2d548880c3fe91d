"""Brief training: what is learned, what the seed decides, rungs that go on."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from neuronas.config import AugmentConfig, TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.training import score, train, train_in_rungs
from neuronas.training.descent import Descent
from neuronas.training.measuring import estimate_batch_norm
from tests.training.examples import TINY, built, head_of

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


def test_training_ends_with_statistics_of_the_final_weights(few_digits):
    network = built(TINY)
    train(network, few_digits.train, BRIEF, seed=0)
    trained_state = copy.deepcopy(network.state_dict())
    estimate_batch_norm(network, few_digits.train)
    assert all(torch.equal(trained_state[n], v) for n, v in network.state_dict().items())


# Rungs that go on.


def in_rungs(data, epochs, seed=0):
    settings = TrainingConfig(batch_size=32)
    return list(train_in_rungs(built(TINY), data, settings, seed, epochs))


def test_each_rung_gives_a_finished_network_of_its_own_that_knows_more(digits):
    first, second, third = in_rungs(digits.train, (1, 2, 4))
    accuracies = [score(network, digits.validation).accuracy for network in (first, second, third)]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] > 0.8
    state = copy.deepcopy(third.state_dict())
    estimate_batch_norm(third, digits.train)
    assert all(torch.equal(state[name], value) for name, value in third.state_dict().items())


def test_a_rung_does_not_depend_on_further_ones_and_equal_seeds_give_equal_rungs(few_digits):
    data = few_digits.train
    both, again = in_rungs(data, (1, 4)), in_rungs(data, (1, 4))
    assert torch.equal(both[1].head.weight, again[1].head.weight)
    once = in_rungs(data, (1,))[0]
    assert torch.equal(once.head.weight, both[0].head.weight)
    assert not torch.equal(in_rungs(data, (1,), seed=1)[0].head.weight, once.head.weight)


def test_a_rung_sees_as_many_samples_as_complete_training_of_its_epochs(few_digits, monkeypatch):
    taken = []
    step = Descent.step

    def counting(descent, batch, epoch):
        taken.append((descent.taken, len(batch)))
        step(descent, batch, epoch)

    monkeypatch.setattr(Descent, "step", counting)
    settings = TrainingConfig(batch_size=32)
    rungs = train_in_rungs(built(TINY), few_digits.train, settings, 0, (1, 2, 4))
    per_epoch = 4
    for epochs in (1, 2, 4):
        taken.clear()
        next(rungs)
        assert taken[-1][0] + 1 == epochs * per_epoch


def test_a_network_that_never_fires_is_given_up_at_the_first_rung(few_digits):
    silent = built(TINY.model_copy(update={"threshold": 100.0}))
    rungs = train_in_rungs(silent, few_digits.train, TrainingConfig(), 0, (1, 2))
    with pytest.raises(TrainingFailedError, match="dead network"):
        next(rungs)
