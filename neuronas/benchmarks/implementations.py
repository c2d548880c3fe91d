"""Ways to train one network: ours, other libraries', and convolutions alone, the floor.

``floor-fp32-norm`` also runs the batch norms: what is left to save is what ours takes beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neuronas.architecture import GROUPS, Architecture
from neuronas.benchmarks.plain import SnntorchNetwork, SpikingjellyNetwork
from neuronas.config import read_yaml
from neuronas.network import QuantizedConv2d, QuantizedLinear, SpikingNetwork, build_network

BATCH = 64
_LEARNING_RATE = 0.01
_QUANTIZED_BITS = 4

Step = Callable[[], None]
"""One SGD step on one batch: forward, backward, optimizer."""


def reference(channels: int) -> Architecture:
    """Return the reference network at a width, its weights in full precision."""
    path = Path(__file__).with_name("reference.json")
    found = Architecture.from_json(read_yaml(path), source=str(path))
    return found.model_copy(update={"channels": channels})


def batch(architecture: Architecture) -> tuple[Tensor, Tensor]:
    """Return random images ``(BATCH, C, H, W)`` and labels ``(BATCH,)``."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, *architecture.input_shape, generator=generator)
    return images, torch.randint(architecture.classes, (BATCH,), generator=generator)


def _training(network: nn.Module, architecture: Architecture, *, bf16: bool = False) -> Step:
    images, labels = batch(architecture)
    optimizer = torch.optim.SGD(network.parameters(), lr=_LEARNING_RATE)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            outputs = network(images)
        F.cross_entropy(outputs.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _floor(architecture: Architecture, dtype: torch.dtype, *norms: type[nn.Module]) -> Step:
    """Return forward and backward of the convolutions and linear layers alone, channels last.

    Args:
        architecture: The network.
        dtype: Of maps and weights.
        norms: Further layers that run.
    """
    network = build_network(architecture)
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        source = torch.rand_like(inputs[0]).to(dtype).requires_grad_(bool(calls))
        gradient = torch.rand_like(output, memory_format=torch.preserve_format).to(dtype)
        calls.append((layer, source, gradient))

    kinds = (QuantizedConv2d, QuantizedLinear, *norms)
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    with torch.no_grad():
        network(batch(architecture)[0])
    for handle in handles:
        handle.remove()
    network.to(dtype)

    def step() -> None:
        for layer, source, gradient in calls:
            source.grad = None
            torch.autograd.backward(_bare(layer, source), gradient)
        network.zero_grad(set_to_none=True)

    return step


def _bare(layer: nn.Module, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(x, layer.weight, padding=layer.padding)
    if isinstance(layer, nn.Linear):
        return F.linear(x, layer.weight, layer.bias)
    y: Tensor = layer(x)
    return y


def _quantized(architecture: Architecture) -> SpikingNetwork:
    bits = architecture.weight_bits.model_copy(update=dict.fromkeys(GROUPS, _QUANTIZED_BITS))
    return build_network(architecture.model_copy(update={"weight_bits": bits}))


IMPLEMENTATIONS: dict[str, Callable[[Architecture], Step]] = {
    "snntorch": lambda a: _training(SnntorchNetwork(a), a),
    "spikingjelly": lambda a: _training(SpikingjellyNetwork(a), a),
    "neuronas-fp32": lambda a: _training(build_network(a), a),
    "neuronas-bf16": lambda a: _training(build_network(a), a, bf16=True),
    "neuronas-fp32-4bit": lambda a: _training(_quantized(a), a),
    "neuronas-bf16-4bit": lambda a: _training(_quantized(a), a, bf16=True),
    "floor-fp32": lambda a: _floor(a, torch.float32),
    "floor-fp32-norm": lambda a: _floor(a, torch.float32, nn.BatchNorm2d),
    "floor-bf16": lambda a: _floor(a, torch.bfloat16),
}
"""By name: what prepares the step of a network. The first is the baseline."""
