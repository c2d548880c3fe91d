"""The implementations that ``neuronas bench training`` compares are one network."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from neuronas.architecture import Architecture, Networks, Workload
from neuronas.benchmarks import implementations, training
from neuronas.benchmarks.implementations import IMPLEMENTATIONS, Step, reference
from neuronas.benchmarks.plain import SnntorchNetwork, SpikingjellyNetwork
from neuronas.config import Kind
from neuronas.network import QuantizedConv2d, QuantizedLinear, build_network

SMALL = 2


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    monkeypatch.setattr(implementations, "BATCH", 4)


def other(network: type[nn.Module]) -> nn.Module:
    """Return another library's reference network, or skip where that is not installed."""
    try:
        return network(reference(SMALL))
    except ImportError as error:
        pytest.skip(str(error))


def layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers with weights, in the order in which they are run."""
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    return [module for module in network.modules() if isinstance(module, kinds)]


def trained(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Return the network with batch norms that let its neurons fire, for evaluation."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 1.0, 3.0)
            nn.init.uniform_(module.bias, 0.0, 1.0)
    network.train()(images)
    return network.eval()


@pytest.mark.parametrize("library", [SnntorchNetwork, SpikingjellyNetwork])
def test_other_libraries_compute_the_same_from_the_same_weights(library):
    architecture = reference(SMALL)
    theirs = other(library)
    images, _ = implementations.batch(architecture)
    ours = trained(build_network(architecture), images)
    weights = [parameter.numel() for parameter in ours.parameters()]
    assert [parameter.numel() for parameter in theirs.parameters()] == weights
    for mine, layer in zip(layers(ours), layers(theirs), strict=True):
        layer.load_state_dict(mine.state_dict())
    theirs.eval()
    found, expected = theirs(images), ours(images)
    assert expected.std(dim=0).min() > 1e-3
    # Rounding decides for a spike or two that lie at the threshold.
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-2)
    torch.testing.assert_close(theirs(images), found)


def test_the_reference_network_is_what_it_is_said_to_be():
    workload = Workload.of(Networks.of([reference(16)]))
    kinds = [Kind(int(kind)) for kind in workload.kind[:, 0]]
    assert kinds.count(Kind.CONV) == 1 + 3 + 1 + 3
    assert reference(16).time_steps == 5
    assert reference(16).input_shape == (1, 28, 28)


@pytest.fixture
def built(monkeypatch) -> list[nn.Module]:
    """Return the networks that implementations have built since."""
    networks: list[nn.Module] = []
    for name in ("build_network", "SnntorchNetwork", "SpikingjellyNetwork"):
        make = getattr(implementations, name)

        def kept(
            architecture: Architecture, make: Callable[[Architecture], nn.Module] = make
        ) -> nn.Module:
            networks.append(make(architecture))
            return networks[-1]

        monkeypatch.setattr(implementations, name, kept)
    return networks


def step_of(name: str) -> Step:
    """Return the step of an implementation, or skip where it is not installed."""
    torch.manual_seed(0)
    try:
        return IMPLEMENTATIONS[name](reference(SMALL))
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", [name for name in IMPLEMENTATIONS if "floor" not in name])
def test_a_step_reaches_and_changes_every_parameter(name, built):
    step = step_of(name)
    (network,) = built
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("name", ["floor-fp32", "floor-bf16"])
def test_a_step_of_the_floor_is_all_convolutions_forward_and_backward(name, built):
    """As many operations as the layer table says; the image itself takes no gradient."""
    step = step_of(name)
    (network,) = built
    reached: list[nn.Parameter] = []
    kinds = (QuantizedConv2d, QuantizedLinear)
    weights = [layer.weight for layer in network.modules() if isinstance(layer, kinds)]
    for weight in weights:
        weight.register_hook(lambda _, weight=weight: reached.append(weight))
    with FlopCounterMode(display=False) as counted:
        step()
    assert sorted(map(id, reached)) == sorted(map(id, weights))
    table = Workload.of(Networks.of([reference(SMALL)]))
    macs = (table.macs * table.steps)[:, 0]
    per_image = 3 * macs.sum() - macs[table.row("stem")]  # output, and gradients of both factors
    assert counted.get_total_flops() == 2 * per_image * implementations.BATCH


def test_rows_of_all_that_is_installed_and_word_of_what_is_not(monkeypatch):
    def absent(_: object) -> None:
        raise ModuleNotFoundError("No module named 'spikingjelly'")

    few = {name: IMPLEMENTATIONS[name] for name in ("snntorch", "neuronas-fp32")}
    monkeypatch.setattr(training, "IMPLEMENTATIONS", few | {"spikingjelly": absent})
    monkeypatch.setattr(training, "peak_mb", lambda *_: 1.0)
    monkeypatch.setattr(training, "workers", lambda *_: [])
    told: list[str] = []
    rows = training.bench_training(1, [SMALL, SMALL + 1], told.append)
    assert [(row.implementation, row.channels) for row in rows] == [
        (name, width) for width in (SMALL, SMALL + 1) for name in few
    ]
    assert [row.ratio_to_snntorch for row in rows[::2]] == [1.0, 1.0]
    assert all(row.images_per_s > 0 for row in rows)
    left_out = "spikingjelly is left out: No module named 'spikingjelly'"
    assert [line for line in told if "left out" in line] == [left_out]
    assert f"{SMALL} channels: round 6 of 6" in told


def test_memory_is_measured_in_a_process_of_its_own():
    assert training.peak_mb("neuronas-fp32", SMALL) > 1.0


def test_two_workers_are_compared_with_one(monkeypatch):
    monkeypatch.setattr(training, "_child", lambda: ThreadPoolExecutor(1))
    # Threads share what processes do not: each trains a network of its own.
    monkeypatch.setattr(training, "_prepared", training._prepared.__wrapped__)
    one, two = training.workers("neuronas-fp32", SMALL, 1)
    assert (one.workers, one.ratio_to_one_worker, one.clock) == (1, 1.0, "wall")
    assert two.workers == 2
    assert two.images_per_s > 0


def test_a_worker_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(training, "_child", lambda: ThreadPoolExecutor(1))
    with pytest.raises(KeyError, match="no-such-implementation"):
        training.workers("no-such-implementation", 4, 1)
