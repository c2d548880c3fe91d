"""Brief training with a complete learning-rate schedule, and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neuronas.config import TrainingConfig
from neuronas.errors import TrainingFailedError
from neuronas.network import SpikingNetwork, slot_of
from neuronas.training.data import Split

RECIPE = "adamw-onecycle-3"
"""Version of this training recipe; part of the training digest."""

_WEIGHT_DECAY = 1e-4
_GRADIENT_NORM = 1.0
_EVALUATION_BATCH = 256
_CODING_SEED = 0
_STATISTICS_SAMPLES = 2048


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on one split.

    Attributes:
        accuracy: In [0, 1].
        spike_rates: Spikes per neuron and time step of each LIF layer.
    """

    accuracy: float
    spike_rates: dict[str, float]


def train(network: SpikingNetwork, data: Split, settings: TrainingConfig, seed: int) -> None:
    """Train a network in place: AdamW, one learning-rate cycle, clipped gradients.

    Half-way, a network whose classifier reads no spike is given up. Earlier would be too early: the
    cycle starts slowly, and a hidden layer often fires only after a few epochs.

    Args:
        network: The network.
        data: Training split.
        settings: Epochs, batch size, learning rate, augmentation.
        seed: Decides the order of the samples, and how they are augmented.

    Raises:
        TrainingFailedError: The loss or the gradient is not finite, or half-way no neuron before
            the classifier fires.
    """
    generator = torch.Generator().manual_seed(seed)
    per_epoch = len(_batches(len(data), settings.batch_size, generator))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=settings.epochs * per_epoch + 1
    )
    for epoch in range(settings.epochs):
        network.train()
        for batch in _batches(len(data), settings.batch_size, generator):
            images, labels = data.batch(batch.numpy(), settings.augment, generator)
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(network(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_NORM)
            _check_finite(loss, norm, epoch)
            optimizer.step()
            schedule.step()
        if epoch + 1 == (settings.epochs + 1) // 2:
            estimate_batch_norm(network, data)
            check_alive(score(network, data.take(slice(_EVALUATION_BATCH))).spike_rates)
    estimate_batch_norm(network, data)


def estimate_batch_norm(network: SpikingNetwork, data: Split) -> None:
    """Measure batch-norm statistics anew, with the weights as they are.

    The running averages lag behind brief training far enough to silence whole layers.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches below
    network.train()
    images, _ = data.batch(slice(_STATISTICS_SAMPLES))
    # Batches count alike, so they are of equal size, or nearly.
    batches = -(-len(images) // _EVALUATION_BATCH)
    with torch.no_grad():
        for batch in torch.tensor_split(images, batches):
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def score(network: SpikingNetwork, data: Split) -> Score:
    """Return accuracy and spike rates on a split.

    Spikes that stand for images are drawn from one seed, so that equal networks score alike.
    """
    layers = network.lif_layers()
    rates = dict.fromkeys(layers, 0.0)
    handles = [
        lif.register_forward_hook(_rate_recorder(rates, name)) for name, lif in layers.items()
    ]
    if network.coding in {"rate", "latency"}:
        rates["input"] = 0.0
        handles.append(network.stem.register_forward_pre_hook(_input_recorder(rates)))
    correct = 0
    network.eval()
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(_CODING_SEED)
            for start in range(0, len(data), _EVALUATION_BATCH):
                images, labels = data.batch(slice(start, start + _EVALUATION_BATCH))
                correct += int((network(images).argmax(dim=1) == labels).sum())
    finally:
        for handle in handles:
            handle.remove()
    samples = len(data) * network.time_steps
    measured = {name: total / samples for name, total in rates.items()}
    return Score(correct / len(data), _by_row(network, measured))


def _by_row(network: SpikingNetwork, rates: dict[str, float]) -> dict[str, float]:
    """Return spike rates by the rows of the layer table.

    Where LIF layers of several thresholds serve a node, its row has their mean, and each of the
    convolutions behind them what it reads.
    """
    several: dict[str, list[float]] = {}
    for name, rate in rates.items():
        several.setdefault(slot_of(name), []).append(rate)
    found = {name: sum(values) / len(values) for name, values in several.items()}
    for cell in ("cell_a", "cell_b"):
        for edge, neurons in getattr(network, cell).fired_by.items():
            if len(several[slot_of(f"{cell}.{neurons}")]) > 1:
                found[f"{cell}.{edge}"] = rates[f"{cell}.{neurons}"]
    return found


def check_alive(spike_rates: dict[str, float]) -> None:
    """Raise TrainingFailedError if the classifier reads no spike at all."""
    last = [name for name in spike_rates if name.endswith("lif")][-1]
    if spike_rates[last] == 0.0:
        silent = [name for name, rate in spike_rates.items() if rate == 0.0]
        raise TrainingFailedError(
            "dead network", f"no neuron of {last} fires (silent layers: {', '.join(silent)})"
        )


def _batches(count: int, size: int, generator: torch.Generator) -> list[Tensor]:
    parts = torch.split(torch.randperm(count, generator=generator), size)
    return [part for part in parts if len(part) > 1]  # batch norm needs two samples


def _check_finite(loss: Tensor, norm: Tensor, epoch: int) -> None:
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise TrainingFailedError(
            "non-finite",
            f"loss {float(loss.detach())}, gradient norm {float(norm)} in epoch {epoch + 1}",
        )


def _input_recorder(rates: dict[str, float]):  # type: ignore[no-untyped-def] # noqa: ANN202
    def record(_module: object, inputs: tuple[Tensor]) -> None:
        rates["input"] += float(inputs[0].mean()) * len(inputs[0])

    return record


def _rate_recorder(rates: dict[str, float], name: str):  # type: ignore[no-untyped-def] # noqa: ANN202
    def record(_module: object, _inputs: object, spikes: Tensor) -> None:
        # (T, B, ...), or one step of them: spikes per neuron, summed over samples and steps.
        rates[name] += float(spikes.mean()) * spikes.shape[0] * spikes.shape[1]

    return record
