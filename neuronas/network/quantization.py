"""Quantization-aware weights: what the chip stores is what the forward pass uses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neuronas.network.lif import spikes_again

HALF_PRECISION_BITS = 16
FULL_PRECISION_BITS = 32
TERNARY_BITS = 2

_TERNARY_THRESHOLD = 0.7
"""Of the mean magnitude of a channel."""


def quantize_weight(weight: Tensor, bits: int) -> Tensor:
    """Return the weights as ``bits`` wide numbers, with a straight-through gradient.

    Args:
        weight: Shape ``(O, ...)``, output channels first.
        bits: 3 to 8: symmetric integers in ``[-(2**(bits-1) - 1), 2**(bits-1) - 1]`` with one
            scale per output channel, its largest magnitude; 2: three values per output channel,
            as ternary weight networks (arXiv 1605.04711, section 2) choose them: 0 within 0.7 of
            the mean magnitude, beyond it the mean of what is beyond; 16: IEEE half precision;
            32: as they are.

    Returns:
        A tensor of the same shape and type that takes at most ``2**bits - 1`` values per channel.
    """
    if bits == FULL_PRECISION_BITS:
        return weight
    if bits == HALF_PRECISION_BITS:
        return weight + (weight.half().to(weight.dtype) - weight).detach()
    if bits == TERNARY_BITS:
        return weight + (_ternary(weight.detach()) - weight).detach()
    largest = 2 ** (bits - 1) - 1
    with torch.no_grad():
        magnitude = weight.detach().abs().flatten(1).amax(dim=1)
        scale = magnitude.clamp(min=torch.finfo(weight.dtype).tiny * largest) / largest
    zero_point = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero_point, 0, -largest, largest)


def _ternary(weight: Tensor) -> Tensor:
    magnitude = weight.abs().flatten(1)
    beyond = magnitude > _TERNARY_THRESHOLD * magnitude.mean(dim=1, keepdim=True)
    count = beyond.sum(dim=1, keepdim=True).clamp_(min=1)
    # Not multiplied by what is beyond: a weight that is not a number must not vanish.
    scale = torch.where(beyond, magnitude, 0.0).sum(dim=1, keepdim=True) / count
    scale = scale + 0.0 * magnitude.sum(dim=1, keepdim=True)
    return torch.where(beyond, weight.flatten(1).sign() * scale, 0.0 * scale).view_as(weight)


class RoundedCurrents(nn.Module):
    """Currents in even steps that reach 8 thresholds to either side; beyond they saturate.

    Gradients pass where nothing saturates.

    Args:
        bits: Of one current, sign included.
        threshold: Firing threshold.
    """

    def __init__(self, bits: int, threshold: float) -> None:
        super().__init__()
        self.levels_below = 2 ** (bits - 1)
        self.step = _REACH * threshold / self.levels_below

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape and type."""
        ends = (0, -self.levels_below, self.levels_below - 1)
        rounded = torch.fake_quantize_per_tensor_affine(x.float(), self.step, *ends)
        return rounded.to(x.dtype)


_REACH = 8.0
"""Thresholds: batch norm gives currents a deviation of one; sums of three rarely reach so far."""


class QuantizedConv2d(nn.Conv2d):
    """Convolution without bias and with same padding, its weights ``bits`` wide."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, bits: int) -> None:
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, O, H, W)`` of ``(B, C, H, W)``."""
        return F.conv2d(x, quantize_weight(self.weight, self.bits), padding=self.padding)


class SpikeConv2d(QuantizedConv2d):
    """Convolution of spikes, which takes little memory to keep them for the backward pass.

    Neurons keep their potentials anyhow, and spikes are told from them. Where neurons are stepped,
    spikes are kept as bytes, 0 or 1.

    Attributes:
        packs: Whether so. To be switched off for inputs that are not 0 or 1.
    """

    packs = True

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, O, H, W)`` of spikes ``(B, C, H, W)``."""
        if not self.packs:
            return super().forward(x)
        # The hooks live as long as what they keep, so they must not hold on to the spikes.
        place, shape, dtype = x.data_ptr(), x.shape, x.dtype
        again = spikes_again(x)

        def pack(saved: Tensor) -> Tensor | Callable[[], Tensor]:
            if saved.data_ptr() != place or saved.shape != shape:
                return saved
            return again or saved.to(torch.int8)

        def unpack(kept: Tensor | Callable[[], Tensor]) -> Tensor:
            if not isinstance(kept, Tensor):
                return kept().view(shape)
            return kept.to(dtype) if kept.dtype == torch.int8 else kept

        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return super().forward(x)


class QuantizedLinear(nn.Linear):
    """Linear layer with weights ``bits`` wide; a bias stays in full precision."""

    def __init__(self, in_features: int, out_features: int, bits: int, *, bias: bool) -> None:
        super().__init__(in_features, out_features, bias=bias)
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(..., O)`` of ``(..., I)``."""
        return F.linear(x, quantize_weight(self.weight, self.bits), self.bias)
