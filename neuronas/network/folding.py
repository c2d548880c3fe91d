"""Time steps folded into the batch: ``(T*B, ...)`` and ``(T, B, ...)``."""

from __future__ import annotations

from torch import Tensor

from neuronas.network.lif import LIF


def fire(lif: LIF, current: Tensor, time_steps: int) -> Tensor:
    """Return the spikes of ``current``, ``(T*B, ...)`` in and out."""
    spikes: Tensor = lif(over_time(current, time_steps))
    return spikes.flatten(0, 1)


def over_time(x: Tensor, time_steps: int) -> Tensor:
    """Return ``(T, B, ...)`` of ``(T*B, ...)``, without a copy."""
    return x.view(time_steps, len(x) // time_steps, *x.shape[1:])


def repeated(x: Tensor, time_steps: int) -> Tensor:
    """Return ``(T*B, C, H, W)`` of ``(B, C, H, W)``, channels last as before."""
    return x.permute(0, 2, 3, 1).repeat(time_steps, 1, 1, 1).permute(0, 3, 1, 2)
