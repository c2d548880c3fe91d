"""SynFlow: how much signal flows through a network's synapses, without data (arXiv 2006.05467)."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from neuronas.network import (
    LIF,
    QuantizedConv2d,
    QuantizedLinear,
    SpikingNetwork,
    quantize_weight,
)
from neuronas.network.quantization import FULL_PRECISION_BITS, RoundedCurrents, SpikeConv2d


def synflow(network: SpikingNetwork, input_shape: tuple[int, int, int]) -> float:
    """Return ``log(sum over weights of |w| * dR/d|w|)``; minus infinity where nothing flows.

    ``R`` is the sum of the outputs for an input of ones, of the network made linear: weights are
    the magnitudes of what the chip stores, LIF neurons and batch norm pass their input on, biases
    are zero. A neuron that passes its current on is the same in every time step, so T does not
    matter. The surrogate's gradient is left out on purpose: it depends on how far an input of
    ones, summed over magnitudes, lies above the threshold, and vanishes with width. The logarithm
    keeps the order and stays readable; sums are in float64.

    Args:
        network: The network; it is left as it was.
        input_shape: ``(C, H, W)`` of one sample.
    """
    linear = _linear(network)
    ones = torch.ones(1, *input_shape, dtype=torch.float64)
    weights = [m.weight for m in linear.modules() if isinstance(m, _WEIGHTED)]
    with torch.enable_grad():
        gradients = torch.autograd.grad(linear(ones).sum(), weights, allow_unused=True)
    reached = [(w, g) for w, g in zip(weights, gradients, strict=True) if g is not None]
    flow = sum(float((w.detach() * g).sum()) for w, g in reached)
    return math.log(flow) if flow > 0 else -math.inf


_WEIGHTED = (QuantizedConv2d, QuantizedLinear)


def _linear(network: SpikingNetwork) -> SpikingNetwork:
    """Return a copy in float64 that is linear, with the magnitudes of the stored weights."""
    linear = copy.deepcopy(network).eval()
    # One step is as good as many, but what leads backward needs another to arrive.
    backward = bool(network.cell_a.backward_edges or network.cell_b.backward_edges)
    linear.time_steps, linear.coding = network.time_steps if backward else 1, "direct"
    for module in linear.modules():
        if isinstance(module, _WEIGHTED):
            with torch.no_grad():
                module.weight.copy_(quantize_weight(module.weight, module.bits).abs())
                if module.bias is not None:
                    module.bias.zero_()
            module.bits = FULL_PRECISION_BITS
            if isinstance(module, SpikeConv2d):
                module.packs = False
        elif isinstance(module, LIF | nn.BatchNorm2d | RoundedCurrents):
            module.register_forward_hook(_passed_on)
    return linear.double()


def _passed_on(_module: object, inputs: tuple[Tensor, ...], _output: object) -> Tensor:
    """Replace a module's output by its input; a forward hook."""
    return inputs[0]
