"""Proxies read off the spikes of one forward pass: NASWOT, SAHD, spike count.

The code of a sample is which neurons of one layer fire in one time step, a binary vector. Two
samples whose codes differ in ``h`` of ``N`` places, with shares ``p`` and ``q`` of ones, are at
Hamming distance ``h``; ``E[h] = N * (p * (1 - q) + (1 - p) * q)`` if ones fall independently. Each
score is ``log |det(sum of K)|`` over all layers and time steps, with

- NASWOT (arXiv 2006.04647, codes of LIF instead of ReLU): ``K = N - h``;
- SAHD (SNASNet, arXiv 2201.10355): ``K = N - d``, ``d = 0.5 * N * h / E[h]``, the distance rescaled
  so that sparse codes do not look alike; 0 where ``E[h]`` is 0, and so ``h``;
- SAHD as SNASNet published its code: ``d = 0.5 * h / (E[h] + 1e-3)``, a factor of N below, and the
  mean of K instead of its sum.

One LIF serves all edges that leave a node here, so its codes count once; SNASNet has a LIF, and
so a copy of the same codes, per convolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuronas.errors import ConfigError
from neuronas.network import SpikingNetwork

_ALPHA = 0.5
"""Rescaled distance, over N, of codes as far apart as independent ones; as in SNASNet's code."""

_GUARD = 1e-3
"""Against division by zero in SNASNet's code."""

_EXACT_IN_FLOAT = 2**24
"""Up to here every whole number is a float32, so that sums of zeros and ones are exact."""


@dataclass(frozen=True, slots=True)
class SpikeScores:
    """What the spikes of an untrained network tell.

    Attributes:
        naswot, sahd, sahd_code: Log-determinants, higher is better; minus infinity where the
            kernel is singular: two samples have the same codes everywhere, as in a network that
            is silent or always fires.
        spikes: Spikes per sample, of all neurons in all time steps.
    """

    naswot: float
    sahd: float
    sahd_code: float
    spikes: float


def spike_scores(network: SpikingNetwork, images: Tensor) -> SpikeScores:
    """Return NASWOT, SAHD and the spike count of one forward pass.

    Batch norm normalises by these images, as in a first training step; the network is left as it
    was. Memory beside the forward pass is one time step of one layer and three ``B * B`` kernels.

    Args:
        network: The network.
        images: Shape ``(B, C, H, W)``, at least two; ``(B, T, C, H, W)`` of event frames.

    Raises:
        ConfigError: Fewer than two images.
    """
    least = 2
    if len(images) < least:
        raise ConfigError(f"samples: found {len(images)}; allowed: 2 or more, they are compared")
    kernels = _Kernels.zeros(len(images), images.device)
    handles = [lif.register_forward_hook(kernels.record) for lif in network.lif_layers().values()]
    try:
        with torch.inference_mode(), _batch_statistics(network):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return SpikeScores(
        naswot=log_determinant(kernels.hamming),
        sahd=log_determinant(kernels.rescaled),
        sahd_code=log_determinant(kernels.published / kernels.codes),
        spikes=kernels.spikes / len(images),
    )


def log_determinant(kernel: Tensor) -> float:
    """Return ``log |det|`` of a symmetric float64 matrix; minus infinity where it is singular.

    The rank decides what is singular: rounding leaves a determinant of zero some small value.
    """
    if int(torch.linalg.matrix_rank(kernel, hermitian=True)) < len(kernel):
        return -math.inf
    return float(torch.linalg.slogdet(kernel).logabsdet)


@dataclass(slots=True)
class _Kernels:
    """Sums of K over the codes so far, ``(B, B)`` in float64 each."""

    hamming: Tensor
    rescaled: Tensor
    published: Tensor
    spikes: float = 0.0
    codes: int = 0

    @classmethod
    def zeros(cls, samples: int, device: torch.device) -> _Kernels:
        shape = (3, samples, samples)
        hamming, rescaled, published = torch.zeros(shape, dtype=torch.float64, device=device)
        return cls(hamming, rescaled, published)

    def record(self, _module: object, _inputs: object, spikes: Tensor) -> None:
        """Add the codes of one layer, spikes of shape ``(T, B, ...)``; a forward hook."""
        for step in spikes:
            self._add(step.flatten(1))

    def _add(self, code: Tensor) -> None:
        """Add one layer in one time step, shape ``(B, N)``, of zeros and ones."""
        neurons = code.shape[1]
        exact = code.float() if neurons < _EXACT_IN_FLOAT else code.double()
        common = (exact @ exact.T).double()
        ones = common.diagonal()
        distance = ones[:, None] + ones - 2 * common
        share = ones / neurons
        expected = neurons * (share[:, None] * (1 - share) + (1 - share)[:, None] * share)
        ratio = torch.where(expected > 0, distance / expected, 0.0)
        self.hamming += neurons - distance
        self.rescaled += neurons - _ALPHA * neurons * ratio
        self.published += neurons - _ALPHA / (expected + _GUARD) * distance
        self.spikes += float(ones.sum())
        self.codes += 1


@contextmanager
def _batch_statistics(network: SpikingNetwork) -> Iterator[None]:
    """Let batch norm use its batch, as in training, without touching its running averages."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    training, tracked = network.training, [norm.track_running_stats for norm in norms]
    network.train()
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        network.train(training)
        for norm, before in zip(norms, tracked, strict=True):
            norm.track_running_stats = before
