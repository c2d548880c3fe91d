"""All proxies of one architecture, with what each group of them costs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

from neuronas.architecture import Architecture, Networks, Workload
from neuronas.errors import ConfigError
from neuronas.network import build_network
from neuronas.training.proxies.images import Images, sample_shape
from neuronas.training.proxies.spikes import SpikeScores, spike_scores
from neuronas.training.proxies.synflow import synflow

GROUPS: Mapping[str, tuple[str, ...]] = {
    "size": ("parameters", "macs"),
    "forward": ("naswot", "sahd", "sahd_code", "spikes"),
    "synflow": ("synflow",),
}
"""Proxies that are computed together, by the name of what serves them."""

BUILD = "build"
"""Key of the time that drawing the weights takes, which ``forward`` and ``synflow`` share."""

_KERNELS = 6
_MAPS = 5
"""Of the benchmarks' reference network at 8 channels the prediction was 0.75, 1.04 and 1.13 times
what was measured, on 64, 512 and 2,000 images."""

_SILENT = SpikeScores(-math.inf, -math.inf, -math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class Proxies:
    """What is known of a network before it is trained.

    Attributes:
        naswot, sahd, sahd_code, spikes: As in ``SpikeScores``.
        synflow: Logarithm of the synaptic flow.
        parameters: Weights, batch-norm scales and shifts, biases.
        macs: Multiply-accumulates of one inference, dense, over all time steps; a layer whose
            input never changes computes once.
    """

    naswot: float
    sahd: float
    sahd_code: float
    synflow: float
    spikes: float
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Scored:
    """Proxies of one network, and the processor seconds of each group and of building it."""

    proxies: Proxies
    cpu_s: Mapping[str, float]


def score_proxies(architecture: Architecture, images: Images, seed: int) -> Scored:
    """Return all proxies of an architecture, freshly drawn.

    A network that is not connected has log-scores of minus infinity and no spikes; equal networks
    have equal proxies at equal seed.

    Args:
        architecture: The network.
        images: Shape ``(B, C, H, W)``, zero mean and unit variance; event frames are counts,
            shape ``(B, T, C, H, W)``.
        seed: Decides the weights, as in training.

    Raises:
        ConfigError: The images are not of the network's input shape, or fewer than two.
        GenotypeError: Its pooling is larger than its map.
    """
    shape = sample_shape(architecture)
    if images.shape[1:] != shape:
        key = "time_steps, input_shape" if architecture.coding == "events" else "input_shape"
        raise ConfigError(f"{key}: found {list(shape)}; the samples have {list(images.shape[1:])}")
    cpu_s: dict[str, float] = {}
    networks = Networks.of([architecture])
    with _timed(cpu_s, "size"):
        workload = Workload.of(networks)
        parameters = int(workload.total_parameters()[0])
        macs = int((workload.macs * workload.steps).sum())
    if networks.connected()[0]:
        spiking, flow = _measured(architecture, images, seed, cpu_s)
    else:
        spiking, flow = _SILENT, -math.inf
        cpu_s |= {BUILD: 0.0, "forward": 0.0, "synflow": 0.0}
    proxies = Proxies(
        naswot=spiking.naswot,
        sahd=spiking.sahd,
        sahd_code=spiking.sahd_code,
        synflow=flow,
        spikes=spiking.spikes,
        parameters=parameters,
        macs=macs,
    )
    return Scored(proxies, cpu_s)


def scoring_bytes(architecture: Architecture, samples: int) -> int:
    """Return the memory that scoring a network on a batch takes, roughly.

    Three kernels and what comes and goes with them, ``(samples, samples)`` in float64, and some
    maps of the largest size.
    """
    table = Workload.of(Networks.of([architecture]))
    written = table.out_channels * table.out_height * table.out_width * table.steps
    kernels = _KERNELS * 8 * samples**2
    return kernels + _MAPS * 4 * samples * int(written.max())


def warm_up(architecture: Architecture, images: Images) -> None:
    """Score a network and drop the result: the first pass of a process pays for torch's start."""
    with suppress(ConfigError):  # it is told when the network's turn comes
        score_proxies(architecture, images, 0)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, so that processor time is what one network costs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _measured(
    architecture: Architecture, images: Images, seed: int, cpu_s: dict[str, float]
) -> tuple[SpikeScores, float]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with _timed(cpu_s, BUILD):
            network = build_network(architecture)
        network.bounds = float(images.min()), float(images.max())
        with _timed(cpu_s, "forward"):
            spiking = spike_scores(network, torch.from_numpy(images))
    with _timed(cpu_s, "synflow"):
        flow = synflow(network, architecture.input_shape)
    return spiking, flow


@contextmanager
def _timed(cpu_s: dict[str, float], name: str) -> Iterator[None]:
    started = time.process_time()
    yield
    cpu_s[name] = time.process_time() - started
