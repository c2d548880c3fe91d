"""Average pooling, as cheap as its averages are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SameAvgPool2d(nn.AvgPool2d):
    """Average over a square around each position, zeros beyond the edge counted.

    It is run as a depthwise convolution with constant weights, which is 2 to 15 times as fast as
    torch's own pooling of maps that are laid out channels last. In bfloat16 its weights, and so
    the average, are rounded: by 0.2 % for a side of 3.

    Args:
        channels: Channels of the maps.
        kernel: Side of the square, odd.
    """

    weight: Tensor

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(kernel, stride=1, padding=kernel // 2)
        self.channels = channels
        weight = torch.full((channels, 1, kernel, kernel), 1 / kernel**2)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(B, C, H, W)`` of the same shape."""
        return F.conv2d(x, self.weight, padding=self.padding, groups=self.channels)


class _BlockMean(torch.autograd.Function):
    """Averages of blocks; unlike torch's, it does not keep its input for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own context
        x: Tensor,
        side: int,
    ) -> Tensor:
        ctx.side, ctx.size = side, x.shape[-2:]
        channels = x.shape[1]
        share = x.new_full((channels, 1, side, side), 1 / side**2)
        return F.conv2d(x, share, stride=side, groups=channels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        side, (height, width) = ctx.side, ctx.size
        share = (gradients[0] / side**2).permute(0, 2, 3, 1)
        count, rows, columns, channels = share.shape
        whole = (rows * side, columns * side) == (height, width)
        make = share.new_empty if whole else share.new_zeros
        spread = make(count, height, width, channels)
        blocks = spread[:, : rows * side, : columns * side]
        blocks = blocks.unflatten(1, (rows, side)).unflatten(3, (columns, side))
        blocks.copy_(share[:, :, None, :, None])
        return spread.permute(0, 3, 1, 2), None


def block_mean(x: Tensor, side: int) -> Tensor:
    """Return the averages of blocks of ``side``, as ``F.avg_pool2d`` does, channels last.

    Run as a convolution, as :class:`SameAvgPool2d`.
    """
    found: Tensor = _BlockMean.apply(x, side)  # type: ignore[no-untyped-call]
    return found
