"""What is measured of a network: batch-norm statistics, accuracy, and what its neurons fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neuronas.network import SpikingNetwork, slot_of
from neuronas.training.data import Split
from neuronas.training.devices import forked_generators

EVALUATION_BATCH = 256
STATISTICS_SAMPLES = 2048
_CODING_SEED = 0
_INPUT = "input"


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on one split.

    Rates and shares are given by the rows of the layer table. Where LIF layers of several
    thresholds serve a node, its row has their mean, and each of the convolutions behind them what
    it reads. An image that is coded by spikes is called ``input``.

    Attributes:
        accuracy: In [0, 1].
        spike_rates: Spikes per neuron and time step of each LIF layer.
        zero_inputs: Share of positions and time steps of each LIF layer at which no channel fires:
            what reads them reads nothing.
    """

    accuracy: float
    spike_rates: dict[str, float]
    zero_inputs: dict[str, float]


def estimate_batch_norm(network: SpikingNetwork, data: Split) -> None:
    """Measure batch-norm statistics anew, with the weights as they are.

    The running averages lag behind brief training far enough to silence whole layers. Samples are
    spread over the split, and each batch over all of them: files may be in the order of classes.
    In full precision, as evaluation is.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches below
    network.train()
    trained_in, network.precision = network.precision, "fp32"
    seen = spread(data, STATISTICS_SAMPLES)
    batches = -(-len(seen) // EVALUATION_BATCH)
    with torch.no_grad():
        for first in range(batches):  # of equal size, or nearly: they count alike
            images, _ = seen.batch(slice(first, None, batches))
            network(images.to(network.device))
    network.precision = trained_in
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def spread(data: Split, samples: int) -> Split:
    """Return at most so many samples of a split, as far apart from each other as they can be."""
    return data.take(slice(None, None, -(-len(data) // samples)))


def score(network: SpikingNetwork, data: Split) -> Score:
    """Return what a network does on a split.

    Spikes that stand for images are drawn from one seed, so that equal networks score alike.
    """
    layers = network.lif_layers()
    rates, silent = dict.fromkeys(layers, 0.0), dict.fromkeys(layers, 0.0)
    handles = [
        lif.register_forward_hook(_recorder(rates, silent, name)) for name, lif in layers.items()
    ]
    if network.coding in {"rate", "latency"}:
        rates[_INPUT] = silent[_INPUT] = 0.0
        handles.append(network.stem.register_forward_pre_hook(_input_recorder(rates, silent)))
    correct = 0
    network.eval()
    try:
        with torch.inference_mode(), forked_generators(network.device.type):
            torch.manual_seed(_CODING_SEED)
            for start in range(0, len(data), EVALUATION_BATCH):
                images, labels = data.batch(slice(start, start + EVALUATION_BATCH))
                found = network(images.to(network.device)).argmax(dim=1)
                correct += int((found.cpu() == labels).sum())
    finally:
        for handle in handles:
            handle.remove()
    samples = len(data) * network.time_steps
    return Score(
        correct / len(data),
        _by_row(network, {name: total / samples for name, total in rates.items()}),
        _by_row(network, {name: total / samples for name, total in silent.items()}),
    )


def _recorder(
    rates: dict[str, float], silent: dict[str, float], name: str
) -> Callable[[object, object, Tensor], None]:
    def record(_module: object, _inputs: object, spikes: Tensor) -> None:
        # (T, B, ...), or one step of them: summed over samples and steps.
        rate, share = _rate_and_silence(spikes, channels=2)
        samples = spikes.shape[0] * spikes.shape[1]
        rates[name] += rate * samples
        silent[name] += share * samples

    return record


def _input_recorder(
    rates: dict[str, float], silent: dict[str, float]
) -> Callable[[object, tuple[Tensor]], None]:
    def record(_module: object, inputs: tuple[Tensor]) -> None:
        (spikes,) = inputs  # (T*B, C, H, W)
        rate, share = _rate_and_silence(spikes, channels=1)
        rates[_INPUT] += rate * len(spikes)
        silent[_INPUT] += share * len(spikes)

    return record


def _rate_and_silence(spikes: Tensor, channels: int) -> tuple[float, float]:
    """Return the share of neurons that fire, and of positions at which no channel does."""
    firing = spikes.sum(dim=channels)
    return float(firing.mean()) / spikes.shape[channels], float((firing == 0).float().mean())


def _by_row(network: SpikingNetwork, measured: dict[str, float]) -> dict[str, float]:
    """Return figures of LIF layers by the rows of the layer table."""
    several: dict[str, list[float]] = {}
    for name, figure in measured.items():
        several.setdefault(slot_of(name), []).append(figure)
    found = {name: sum(figures) / len(figures) for name, figures in several.items()}
    for cell in ("cell_a", "cell_b"):
        for edge, neurons in getattr(network, cell).fired_by.items():
            if len(several[slot_of(f"{cell}.{neurons}")]) > 1:
                found[f"{cell}.{edge}"] = measured[f"{cell}.{neurons}"]
    return found
