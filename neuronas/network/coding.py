"""How an image becomes spikes, and how the first output spikes become scores."""

from __future__ import annotations

import torch
from snntorch import spikegen
from torch import Tensor

from neuronas.errors import DatasetError

_ROUNDING = 1e-5
"""Share of the range by which normalizing may miss its ends."""


Bounds = tuple[Tensor | float, Tensor | float]
"""Values of a black and of a white pixel: numbers, or one per channel, shape ``(C, 1, 1)``."""


def encode(images: Tensor, coding: str, time_steps: int, bounds: Bounds) -> Tensor:
    """Return the spikes that stand for images.

    ``rate``: a pixel fires at each step with the probability of its brightness, drawn from torch's
    generator. ``latency``: it fires once, at step ``round((T - 1) * (1 - brightness))``, as
    snntorch's ``spikegen.latency`` with ``linear`` and ``normalize``; below 1 % not at all.

    Args:
        images: Shape ``(B, C, H, W)``.
        coding: ``rate`` or ``latency``.
        time_steps: T.
        bounds: Values of a black and of a white pixel; images are scaled by them, never clipped.

    Returns:
        Zeros and ones, shape ``(T, B, C, H, W)``.

    Raises:
        DatasetError: A value lies outside the bounds.
    """
    brightness = _brightness(images, bounds)
    if coding == "rate":
        shape = (time_steps, *images.shape)
        return (torch.rand(shape, device=images.device) < brightness).to(images.dtype)
    if time_steps == 1:  # snntorch divides by the number of steps less one
        return (brightness >= _DARK).to(images.dtype)[None]
    spikes: Tensor = spikegen.latency(
        brightness, num_steps=time_steps, threshold=_DARK, clip=True, normalize=True, linear=True
    )
    return spikes.to(images.dtype)


def frames_first(samples: Tensor, time_steps: int) -> Tensor:
    """Return event frames ``(T, B, C, H, W)`` of ``(B, T, C, H, W)``.

    Raises:
        DatasetError: There is not one frame per time step.
    """
    frames = samples.shape[1]
    if samples.ndim != _EVENT_DIMENSIONS or frames != time_steps:
        raise DatasetError(
            f"samples of shape {tuple(samples.shape[1:])} for {time_steps} time steps; event "
            "frames have the shape (time steps, channels, height, width)"
        )
    return samples.transpose(0, 1)


_EVENT_DIMENSIONS = 5

_DARK = 0.01
"""Brightness below which a pixel never fires: snntorch's own."""


def _brightness(images: Tensor, bounds: Bounds) -> Tensor:
    """Return images scaled to [0, 1]."""
    black, white = bounds
    brightness = (images - black) / (white - black)
    least, most = torch.aminmax(brightness)
    if not (least >= -_ROUNDING and most <= 1 + _ROUNDING):
        raise DatasetError(
            f"images are between {float(least):.3g} and {float(most):.3g}, where a black pixel is "
            "0 and a white one 1; coding by spikes would clip them: give the bounds of all images"
        )
    return brightness.clamp_(0.0, 1.0)


def first_spike_scores(spikes: Tensor) -> Tensor:
    """Return how early each output fires: T for the first step, 1 for the last, 0 for never.

    Args:
        spikes: Shape ``(T, B, outputs)``.

    Returns:
        Shape ``(B, outputs)``; gradients reach every step up to the first spike.
    """
    steps = len(spikes)
    silent = torch.ones_like(spikes[0])
    scores = torch.zeros_like(spikes[0])
    for t in range(steps):
        scores = scores + (steps - t) * silent * spikes[t]
        silent = silent * (1 - spikes[t])
    return scores
