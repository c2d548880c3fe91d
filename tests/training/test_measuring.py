"""Scoring: batch-norm statistics, accuracy, and what neurons fire."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from neuronas.architecture import SLOT_INDEX, Networks, Workload
from neuronas.config import Kind, TrainingConfig
from neuronas.network import LIF
from neuronas.training import Split, measuring, score, train
from neuronas.training.measuring import estimate_batch_norm
from tests.training.examples import DEEP, TINY, built, head_of

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
    halves = torch.stack([currents[first::2].var(dim=(0, 2, 3)) for first in (0, 1)])
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


def test_batch_norm_is_that_of_the_whole_split_where_samples_are_in_the_order_of_classes(digits):
    labels = np.sort(np.resize(np.arange(10), 5000)).astype(np.int64)
    images = np.full((5000, 1, 8, 8), labels[:, None, None, None], dtype=np.float32)
    network = built(TINY)
    estimate_batch_norm(network, Split(images, labels))
    conv, norm = network.stem
    with torch.no_grad():
        currents = conv(torch.from_numpy(images))
    torch.testing.assert_close(
        norm.running_mean, currents.mean(dim=(0, 2, 3)), rtol=5e-3, atol=1e-3
    )
    torch.testing.assert_close(norm.running_var, currents.var(dim=(0, 2, 3)), rtol=1e-2, atol=1e-4)


def test_batch_norm_is_measured_in_full_precision(digits):
    networks = [built(TINY), built(TINY)]
    networks[1].precision = "bf16"
    for network in networks:
        estimate_batch_norm(network, digits.train)
    full, half = (network.state_dict() for network in networks)
    assert all(torch.equal(full[name], half[name]) for name in full)
    assert networks[1].precision == "bf16"


# Accuracy and spike rates.


def counted(network: nn.Module, data: Split) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return accuracy, spike rates and silent positions, counted one sample at a time."""
    workload = Workload.of(Networks.of([DEEP]))
    spikes: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    positions: Counter[str] = Counter()
    names = {lif: name for name, lif in network.lif_layers().items()}

    def count(lif: nn.Module, _: object, fired: torch.Tensor) -> None:
        spikes[names[lif]] += int(fired.sum())
        for step in fired[:, 0]:  # (C, ...) of the one sample
            for position in step.flatten(1).T if step.dim() > 1 else [step]:
                positions[names[lif]] += 1
                silent[names[lif]] += not position.any()

    handles = [lif.register_forward_hook(count) for lif in names]
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
    rates = {name: spikes[name] / chances[name] for name in chances}
    return hits / len(data), rates, {name: silent[name] / positions[name] for name in chances}


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


def test_accuracy_spike_rates_and_silent_positions_are_a_direct_count(deep, few_digits):
    data = head_of(few_digits.validation, 60)
    accuracy, rates, silent = counted(deep, data)
    found = score(deep, data)
    assert found.accuracy == pytest.approx(accuracy, abs=1.5 / 60)  # one tie at most
    assert found.spike_rates == pytest.approx(rates, rel=1e-3)
    assert found.zero_inputs == pytest.approx(silent, rel=1e-3)
    assert all(0 < rate < 1 for rate in rates.values())
    assert 0 < silent["cell_a.lif0"] < 1


@pytest.mark.parametrize(
    "changes",
    [
        {"cell_a": "0302 0030 0002 3000"},
        {"cell_a": ("conv3x3_th0.5", "conv3x3_th1.5", *("skip",) * 4)},
        {"coding": "rate"},
    ],
    ids=["feedback", "thresholds", "rate"],
)
def test_what_never_fires_gives_empty_reads_everywhere_and_is_named_alike(few_digits, changes):
    loud = built(DEEP.model_validate(DEEP.model_dump() | changes))
    loud.bounds = few_digits.bounds()
    data = head_of(few_digits.validation, 40)
    found = score(loud, data)
    assert found.zero_inputs.keys() == found.spike_rates.keys()
    for name, silent in found.zero_inputs.items():
        assert 0 <= silent <= 1 - found.spike_rates[name] + 1e-6  # one channel that fires will do
    for lif in loud.lif_layers().values():
        lif._given = (0.25, 1e6)
    found = score(loud, data)
    assert {n: s for n, s in found.zero_inputs.items() if n != "input"} == {
        name: 1.0 for name in found.spike_rates if name != "input"
    }


@pytest.mark.parametrize("batch", [7, 299, 300])
def test_how_samples_are_batched_changes_neither_accuracy_nor_rates(
    deep, few_digits, monkeypatch, batch
):
    data = head_of(few_digits.validation, 300)
    whole = score(deep, data)
    monkeypatch.setattr(measuring, "EVALUATION_BATCH", batch)
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
