"""Quantization after training, beside quantization-aware training."""

from __future__ import annotations

import copy

import pytest
import torch

from neuronas.architecture import GROUPS, Architecture, WeightBits
from neuronas.config import TrainingConfig
from neuronas.errors import ConfigError, StorageError
from neuronas.network import (
    QuantizedConv2d,
    QuantizedLinear,
    SpikingNetwork,
    build_network,
    quantize_weight,
)
from neuronas.training import quantized_after, score, train
from neuronas.training.checkpoints import load_weights
from neuronas.training.measuring import estimate_batch_norm
from tests.strategies import architecture
from tests.training.examples import DEEP, KEY, TINY, built

NARROW = architecture(channels=4, time_steps=2, threshold=0.5)
"""Three convolutions in a row of four channels: few bits hurt."""
MIXED = WeightBits(stem=8, cell_a=2, reduction=16, cell_b=3, classifier=4)
SEEDS = (0, 1)


def of_bits(bits: int) -> WeightBits:
    return WeightBits.model_validate(dict.fromkeys(GROUPS, bits))


def layers(network: SpikingNetwork) -> dict[str, QuantizedConv2d | QuantizedLinear]:
    kinds = QuantizedConv2d | QuantizedLinear
    return {name: m for name, m in network.named_modules() if isinstance(m, kinds)}


def fitted(network: Architecture, digits, seed: int) -> SpikingNetwork:
    module = built(network, seed)
    train(module, digits.train, TrainingConfig(epochs=6), seed)
    return module


@pytest.fixture(scope="module")
def full(digits) -> list[SpikingNetwork]:
    """Return networks that were trained in full precision, one per seed; not to be changed."""
    return [fitted(NARROW.full_precision(), digits, seed) for seed in SEEDS]


def mean_accuracy(networks: list[SpikingNetwork], digits) -> float:
    return sum(score(network, digits.test).accuracy for network in networks) / len(networks)


def test_eight_bits_after_training_lose_little(full, digits):
    quantized = [quantized_after(network, of_bits(8), digits.train) for network in full]
    assert mean_accuracy(quantized, digits) > mean_accuracy(full, digits) - 0.03


def test_two_bits_after_training_lose_more_than_training_that_knows_of_them(full, digits):
    after = [quantized_after(network, of_bits(2), digits.train) for network in full]
    ternary = NARROW.model_copy(update={"weight_bits": of_bits(2)})
    aware = [fitted(ternary, digits, seed) for seed in SEEDS]
    found = mean_accuracy(after, digits)
    assert found < mean_accuracy(aware, digits) - 0.05
    assert found < mean_accuracy(full, digits) - 0.1


@pytest.fixture(scope="module")
def deep() -> SpikingNetwork:
    """Return a network with layers of every group, at 32 bits, without training."""
    return built(DEEP.model_copy(update={"cell_b": DEEP.cell_a}).full_precision())


def test_each_groups_weights_take_as_many_values_as_its_bits_allow(deep, few_digits):
    found = layers(quantized_after(deep, MIXED, few_digits.train))
    groups = {"hidden": "classifier", "head": "classifier"}
    seen = set()
    for name, layer in found.items():
        group = groups.get(name) or name.partition(".")[0]
        seen.add(group)
        bits = getattr(MIXED, group)
        assert layer.bits == bits
        assert torch.equal(layer.weight, layers(deep)[name].weight)
        used = quantize_weight(layer.weight, layer.bits)
        if bits < 16:
            assert all(len(channel.unique()) <= 2**bits - 1 for channel in used)
    assert seen == set(GROUPS)


def test_batch_norm_is_measured_with_the_quantized_weights_and_the_rest_stays(full, digits):
    network = full[0]
    before = copy.deepcopy(network.state_dict())
    quantized = quantized_after(network, of_bits(2), digits.train)
    after = copy.deepcopy(quantized.state_dict())
    estimate_batch_norm(quantized, digits.train)
    assert all(torch.equal(after[name], value) for name, value in quantized.state_dict().items())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    for name, value in before.items():
        changes = name.endswith(("running_mean", "running_var"))
        assert torch.equal(after[name], value) != changes, name


def test_thirty_two_bits_change_nothing(full, digits):
    same = quantized_after(full[0], of_bits(32), digits.train)
    before = full[0].state_dict()
    assert all(torch.equal(before[name], value) for name, value in same.state_dict().items())


def test_sixteen_bits_are_half_precision_as_in_training(full, digits):
    rounded = quantized_after(full[0], of_bits(16), digits.train)
    halved = copy.deepcopy(full[0])
    for layer in layers(halved).values():
        layer.weight.data = layer.weight.half().float()
    estimate_batch_norm(halved, digits.train)
    images, _ = digits.test.batch(slice(50))
    assert torch.equal(rounded.eval()(images), halved.eval()(images))


def test_a_network_that_was_quantized_already_is_refused(few_digits):
    with pytest.raises(ConfigError, match=r"'stem.0' was trained with weights of 4 bits.*32"):
        quantized_after(build_network(TINY), of_bits(2), few_digits.train)


def test_a_trainer_quantizes_the_weights_that_it_kept(make_trainer, few_digits):
    network, maker = TINY.model_copy(update={"weight_bits": MIXED}), make_trainer()
    twin = maker.evaluate(network.full_precision(), KEY)
    kept = built(network.full_precision(), seed=3)
    path = maker.checkpoint_dir / twin.weights_path
    load_weights(kept, path, twin.weights_sha256)
    quantized = quantized_after(kept, MIXED, few_digits.train)
    found = maker.quantized_accuracy(network, twin)
    assert found == score(quantized, few_digits.test).accuracy
    path.write_bytes(b"damaged")
    with pytest.raises(StorageError, match="damaged"):
        maker.quantized_accuracy(network, twin)


def test_spikes_that_stand_for_images_are_drawn_alike_each_time(make_trainer):
    network, maker = TINY.model_copy(update={"coding": "rate"}), make_trainer()
    twin = maker.evaluate(network.full_precision(), KEY)
    first = maker.quantized_accuracy(network, twin)
    torch.rand(3)
    assert maker.quantized_accuracy(network, twin) == first
