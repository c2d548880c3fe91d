"""Batch norm of currents over time steps and samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neuronas.config import BatchNorm


class PerStepNorm(nn.BatchNorm2d):
    """Batch norm that sees each time step by itself, as SNASNet's (arXiv 2201.10355).

    Args:
        channels: C.
        time_steps: Steps that are folded into the batch.
    """

    def __init__(self, channels: int, time_steps: int) -> None:
        super().__init__(channels)
        self.time_steps = time_steps

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(T*B, C, H, W)`` in and out."""
        if not self.training or self.time_steps == 1:
            return super().forward(x)
        steps = x.chunk(self.time_steps)
        return torch.cat([nn.BatchNorm2d.forward(self, step) for step in steps])


def batch_norm(
    kind: BatchNorm, channels: int, *, time_steps: int, threshold: float, meeting: int = 1
) -> nn.BatchNorm2d:
    """Return the batch norm of some currents.

    Args:
        kind: ``folded`` over time and batch, ``per_step``, or ``tdbn``: folded, and scaled at first
            so that what reaches neurons has their threshold as deviation (arXiv 2011.05280, eq. 7).
        channels: C.
        time_steps: Steps that are folded into the batch.
        threshold: Of the neurons that read it.
        meeting: Currents that are added up where it leads; each is scaled by one over its root.
    """
    if kind == "per_step":
        return PerStepNorm(channels, time_steps)
    norm = nn.BatchNorm2d(channels)
    if kind == "tdbn":
        nn.init.constant_(norm.weight, threshold / math.sqrt(max(meeting, 1)))
    return norm
