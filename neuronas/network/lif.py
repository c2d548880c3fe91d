"""Leaky integrate-and-fire neurons over all time steps at once."""

from __future__ import annotations

import math
from typing import Any

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor

ATAN_ALPHA = 2.0
"""SNASNet's and snntorch's default; the gradient below is written out for this value alone."""


class _MultiStepLIF(torch.autograd.Function):
    """Membrane recurrence of T steps with reset to zero, as one autograd node.

    Comparisons are written as numbers of the potential's own type, and multiplied with: torch has
    vector code for that, and none for choosing by booleans, which takes three times as long.

    Forward:  ``u[t] = decay * u[t-1] * (1 - s[t-1]) + (1 - decay) * x[t]``,
              ``s[t] = u[t] > threshold``.
    Backward: the reset is detached, as in snntorch, so
              ``g[t] = ds[t] * surrogate'(u[t] - threshold) + decay * (1 - s[t]) * g[t+1]``,
              ``dx[t] = (1 - decay) * g[t]``, with the derivative of snntorch's ``atan(alpha=2)``,
              ``surrogate'(d) = 1 / (1 + (pi * d)**2)``.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own context
        current: Tensor,
        decay: float,
        threshold: float,
    ) -> Tensor:
        potential = current * (1 - decay)
        silent = torch.empty_like(potential[0])
        for t in range(1, len(potential)):
            torch.le(potential[t - 1], threshold, out=silent)
            potential[t].addcmul_(potential[t - 1], silent, value=decay)
        ctx.save_for_backward(potential)
        ctx.decay, ctx.threshold = decay, threshold
        return torch.gt(potential, threshold, out=torch.empty_like(potential))

    @staticmethod
    def backward(ctx: Any, *spike_gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (potential,) = ctx.saved_tensors
        # In place: this is memory-bound, and autograd through the surrogate takes twice as long.
        flatness = potential.sub(ctx.threshold).mul_(math.pi).square_().add_(1)
        gradient = torch.div(spike_gradients[0], flatness, out=flatness)
        silent = torch.empty_like(gradient[0])
        for t in range(len(gradient) - 2, -1, -1):
            torch.le(potential[t], ctx.threshold, out=silent)
            gradient[t].addcmul_(gradient[t + 1], silent, value=ctx.decay)
        return gradient.mul_(1 - ctx.decay), None, None


class LIF(snntorch.Leaky):  # type: ignore[misc]
    """LIF neurons with snntorch's semantics, run over all time steps in one call.

    Equal spike for spike to stepping ``snntorch.Leaky(beta=decay, threshold=threshold,
    reset_mechanism="zero")`` on ``(1 - decay) * x``, but for a rounding at the very threshold.
    This is SNASNet's neuron: ``tau = 1 / (1 - decay)``, reset to zero, detached.

    Args:
        decay: Decay of the membrane potential per time step, in [0, 1).
        threshold: Firing threshold.
    """

    def __init__(self, decay: float, threshold: float) -> None:
        super().__init__(
            beta=decay,
            threshold=threshold,
            reset_mechanism="zero",
            spike_grad=surrogate.atan(alpha=ATAN_ALPHA),
        )
        # snntorch keeps every neuron ever built in this list (its issue #328): a search would
        # never free a candidate.
        snntorch.SpikingNeuron.instances.remove(self)
        self.decay_value = decay
        self.threshold_value = threshold

    def forward(self, current: Tensor) -> Tensor:
        """Return spikes (0 or 1) of the shape of ``current``, ``(T, B, ...)``."""
        spikes: Tensor = _MultiStepLIF.apply(  # type: ignore[no-untyped-call]
            current, self.decay_value, self.threshold_value
        )
        return spikes
