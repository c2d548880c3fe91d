"""How fast neurons are trained: stepping snntorch's neuron against one call over all steps."""

from __future__ import annotations

import snntorch
import torch
from snntorch import surrogate

from neuronas.benchmarks.timing import Timing, compare
from neuronas.network import LIF

SHAPE = (5, 32, 16, 14, 14)
DECAY = 0.25


def bench_lif(repetitions: int) -> list[Timing]:
    """Return timings of forward and backward through LIF neurons, shape ``(T, B, C, H, W)``."""
    torch.set_num_threads(1)
    current = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    ours = LIF(DECAY, 1.0)
    stepped = snntorch.Leaky(
        beta=DECAY, reset_mechanism="zero", spike_grad=surrogate.atan(alpha=2.0)
    )

    def step_by_step() -> None:
        x = current.clone().requires_grad_()
        membrane, spikes = torch.zeros(SHAPE[1:]), []
        for t in range(SHAPE[0]):
            spike, membrane = stepped(x[t] * (1 - DECAY), membrane)
            spikes.append(spike)
        torch.stack(spikes).sum().backward()  # type: ignore[no-untyped-call]

    def fused() -> None:
        x = current.clone().requires_grad_()
        ours(x).sum().backward()

    items = {"snntorch.Leaky, stepped": SHAPE[1], "neuronas LIF, fused": SHAPE[1]}
    return compare(
        "lif",
        {"snntorch.Leaky, stepped": step_by_step, "neuronas LIF, fused": fused},
        items=items,
        repetitions=repetitions,
    )
