"""Leaky integrate-and-fire neurons over all time steps at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor

from neuronas.config import NeuronConfig

_HIGHEST_DECAY = 0.99
_LOWEST_THRESHOLD = 0.01
"""Bounds of what is learned: beyond them a neuron takes no input, or fires without one."""


class _Rules(NamedTuple):
    """What neurons do beside leaking: see :class:`~neuronas.config.NeuronConfig`."""

    subtract: bool
    detach_reset: bool
    surrogate: str
    slope: float


@dataclass(slots=True)
class Membrane:
    """What the last time step left of membrane potentials; None before the first."""

    kept: Tensor | None = None


class _MultiStepLIF(torch.autograd.Function):
    """Membrane recurrence of T steps as one autograd node.

    Comparisons are written as numbers of the potential's own type, and multiplied with: torch has
    vector code for that, and none for choosing by booleans, which takes three times as long.

    Forward, with b the decay and h the threshold::

        u[t] = b * u[t-1] * (1 - s[t-1]) + (1 - b) * x[t]     reset to zero
        u[t] = b * u[t-1] - h * s[t-1] + (1 - b) * x[t]       reset by subtraction
        s[t] = u[t] > h

    Backward, from the last step to the first, with e the gradient of a spike, g that of a
    potential, and r the derivative of u[t+1] by s[t] (0 where the reset is detached)::

        e[t] = ds[t] + r * g[t+1]
        g[t] = e[t] * surrogate'(u[t] - h) + b * (1 - s[t] or 1) * g[t+1]
        dx[t] = (1 - b) * g[t]
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own context
        current: Tensor,
        decay: float | Tensor,
        threshold: float | Tensor,
        rules: _Rules,
    ) -> Tensor:
        decay_value, threshold_value = float(decay), float(threshold)
        potential = current * (1 - decay_value)
        compared = torch.empty_like(potential[0])
        for t in range(1, len(potential)):
            before, now = potential[t - 1], potential[t]
            if rules.subtract:
                torch.gt(before, threshold_value, out=compared)
                now.add_(before, alpha=decay_value).add_(compared, alpha=-threshold_value)
            else:
                torch.le(before, threshold_value, out=compared)
                now.addcmul_(before, compared, value=decay_value)
        learns_decay = ctx.needs_input_grad[1]
        ctx.save_for_backward(potential, current if learns_decay else None)
        ctx.decay, ctx.threshold, ctx.rules = decay_value, threshold_value, rules
        return _fired(potential, threshold_value)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        *spike_gradients: Tensor,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        potential, current = ctx.saved_tensors
        decay, threshold, rules = ctx.decay, ctx.threshold, ctx.rules
        gain = 1 - decay
        # All that follows is linear in the gradient, so that the gain is free here.
        gradient = _through_surrogate(spike_gradients[0], potential, threshold, rules, gain)
        slopes: Tensor | None = None
        if not rules.detach_reset:
            ones = torch.ones_like(potential)
            slopes = _through_surrogate(ones, potential, threshold, rules)
        silent = torch.empty_like(gradient[0])
        for t in range(len(gradient) - 2, -1, -1):
            later = gradient[t + 1]
            if slopes is not None:
                by_reset = -threshold if rules.subtract else potential[t] * -decay
                gradient[t].add_(later * by_reset * slopes[t])
            if rules.subtract:
                gradient[t].add_(later, alpha=decay)
            else:
                torch.le(potential[t], threshold, out=silent)
                gradient[t].addcmul_(later, silent, value=decay)
        by_decay = by_threshold = None
        if ctx.needs_input_grad[1]:
            by_decay = _by_decay(gradient, potential, current, threshold, rules) / gain
        if ctx.needs_input_grad[2]:
            by_threshold = _by_threshold(gradient, potential, decay, threshold, rules) / gain
        return gradient, by_decay, by_threshold, None


def _fired(potential: Tensor, threshold: float) -> Tensor:
    return torch.gt(potential, threshold, out=torch.empty_like(potential))


def spikes_again(spikes: Tensor) -> Callable[[], Tensor] | None:
    """Return what computes spikes once more, ``(T, B, ...)``, from what their neurons keep.

    It can be called until a backward pass that frees what it goes through has gone through the
    neurons. What computes parts of a network twice, as non-reentrant checkpoints do, cannot use it.

    Args:
        spikes: Of :class:`LIF`, or a view of them, ``(T*B, ...)``.

    Returns:
        None where they are not of neurons run over all time steps at once, or gradients are off.
    """
    node: Any = spikes.grad_fn
    while node is not None and node.name().startswith(_VIEWS):
        node = node.next_functions[0][0]
    if not isinstance(node, _MultiStepLIF._backward_cls):  # noqa: SLF001 - torch has no other way
        return None
    neurons: Any = node
    return lambda: _fired(neurons.saved_tensors[0], neurons.threshold)


_VIEWS = ("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward")


class _Spike(torch.autograd.Function):
    """Heaviside step of one time step, with a surrogate's derivative."""

    @staticmethod
    def forward(ctx: Any, beyond: Tensor, rules: _Rules) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(beyond)
        ctx.rules = rules
        return (beyond > 0).to(beyond.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (beyond,) = ctx.saved_tensors
        return _through_surrogate(gradients[0], beyond, 0.0, ctx.rules), None


def _through_surrogate(
    gradient: Tensor, potential: Tensor, threshold: float, rules: _Rules, gain: float = 1.0
) -> Tensor:
    """Return gradient times gain times the derivative of snntorch's surrogate of this name.

    Written as a quotient, in place and in few passes: this is memory-bound.
    """
    beyond = potential - threshold
    one, zero = beyond.new_ones(()), beyond.new_zeros(())
    if rules.surrogate == "atan":
        square = (math.pi / 2 * rules.slope) ** 2
        torch.addcmul(one, beyond, beyond, value=square, out=beyond)
        height = rules.slope / 2
    elif rules.surrogate == "fast_sigmoid":
        torch.add(one, beyond.abs_(), alpha=rules.slope, out=beyond).square_()
        height = 1.0
    else:
        beyond.mul_(rules.slope / 2).cosh_().square_()
        height = rules.slope / 4
    return torch.addcdiv(zero, gradient, beyond, value=gain * height, out=beyond)


def _by_decay(
    gradient: Tensor, potential: Tensor, current: Tensor, threshold: float, rules: _Rules
) -> Tensor:
    """Return the gradient of the decay: that of a potential, by what decays less what comes in."""
    before = potential[:-1]
    decaying = before if rules.subtract else torch.where(before > threshold, 0.0, before)
    summed = (gradient[1:] * decaying).sum(dtype=torch.float32)
    return summed - (gradient * current).sum(dtype=torch.float32)


def _by_threshold(
    gradient: Tensor, potential: Tensor, decay: float, threshold: float, rules: _Rules
) -> Tensor:
    """Return the gradient of the threshold: less that of every spike, and of what resets take."""
    fired = potential[:-1] > threshold
    later = gradient[1:].sum(dtype=torch.float32)
    after_spikes = torch.where(fired, gradient[1:], 0.0).sum(dtype=torch.float32)
    carried = decay * (later if rules.subtract else later - after_spikes)
    by_spikes = gradient.sum(dtype=torch.float32) - carried
    return -by_spikes - (after_spikes if rules.subtract else 0.0)


_SURROGATES = {
    "atan": lambda slope: surrogate.atan(alpha=slope),
    "fast_sigmoid": lambda slope: surrogate.fast_sigmoid(slope=slope),
    "sigmoid": lambda slope: surrogate.sigmoid(slope=slope),
}


class LIF(snntorch.Leaky):  # type: ignore[misc]
    """LIF neurons with snntorch's semantics, run over all time steps in one call.

    Equal spike for spike to stepping ``snntorch.Leaky`` with the same settings on
    ``(1 - decay) * x``, but for a rounding at the very threshold. With the default settings this is
    SNASNet's neuron: ``tau = 1 / (1 - decay)``, reset to zero, detached.

    A learned decay stays in [0, 0.99], a learned threshold above 0.01.

    Args:
        decay: Decay of the membrane potential per time step, in [0, 1).
        threshold: Firing threshold.
        neuron: Reset, surrogate gradient, and what is learned.
    """

    def __init__(self, decay: float, threshold: float, neuron: NeuronConfig | None = None) -> None:
        neuron = neuron or NeuronConfig()
        super().__init__(
            beta=decay,
            threshold=threshold,
            learn_beta="decay" in neuron.learned,
            learn_threshold="threshold" in neuron.learned,
            reset_mechanism=neuron.reset,
            spike_grad=_SURROGATES[neuron.surrogate](neuron.slope),
        )
        # snntorch keeps every neuron ever built in this list (its issue #328): a search would
        # never free a candidate.
        snntorch.SpikingNeuron.instances.remove(self)
        self.neuron = neuron
        self._given = decay, threshold
        self._rules = _Rules(
            neuron.reset == "subtract", neuron.detach_reset, neuron.surrogate, neuron.slope
        )

    def decay(self) -> float | Tensor:
        """Return the decay: a number, or a learned tensor without dimensions."""
        learned = "decay" in self.neuron.learned
        return self.beta.clamp(0.0, _HIGHEST_DECAY) if learned else self._given[0]

    def firing_threshold(self) -> float | Tensor:
        """Return the threshold: a number, or a learned tensor without dimensions."""
        learned = "threshold" in self.neuron.learned
        return self.threshold.clamp(min=_LOWEST_THRESHOLD) if learned else self._given[1]

    def forward(self, current: Tensor, membrane: Membrane | None = None) -> Tensor:
        """Return spikes (0 or 1) of the shape of ``current``, ``(T, B, ...)``.

        Args:
            current: What arrives at each step.
            membrane: Where steps go on from, and what is left of them is kept; for neurons whose
                input depends on their own output. None starts at rest, and is much faster.
        """
        if membrane is not None:
            return torch.stack([self._step(now, membrane) for now in current])
        spikes: Tensor = _MultiStepLIF.apply(  # type: ignore[no-untyped-call]
            current, self.decay(), self.firing_threshold(), self._rules
        )
        return spikes

    def _step(self, current: Tensor, membrane: Membrane) -> Tensor:
        """Return the spikes of one time step, of the shape of ``current``, ``(B, ...)``."""
        decay, threshold, rules = self.decay(), self.firing_threshold(), self._rules
        arrived = current * (1 - decay)
        potential = arrived if membrane.kept is None else membrane.kept + arrived
        spikes: Tensor = _Spike.apply(  # type: ignore[no-untyped-call]
            potential - threshold, rules
        )
        reset = spikes.detach() if rules.detach_reset else spikes
        if rules.subtract:
            membrane.kept = potential * decay - reset * threshold
        else:
            membrane.kept = potential * decay * (1 - reset)
        return spikes
