"""The spiking network in torch, built from the layer table that the cost models read."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from neuronas.architecture import Architecture
from neuronas.network.cell import Cell
from neuronas.network.coding import Bounds, encode, first_spike_scores, frames_first
from neuronas.network.folding import fire, over_time, repeated
from neuronas.network.lif import LIF
from neuronas.network.plan import Plan
from neuronas.network.pooling import block_mean
from neuronas.network.quantization import QuantizedLinear

Precision = Literal["fp32", "bf16"]


class NormalizedLIF(nn.Module):
    """Batch norm over time and batch, then LIF."""

    def __init__(self, plan: Plan, name: str) -> None:
        super().__init__()
        self.norm = plan.norm(plan.read(name, "in_channels"), plan.architecture.time_steps)
        self.lif = plan.lif()

    def forward(self, current: Tensor, time_steps: int) -> Tensor:
        """Return spikes, ``(T*B, C, H, W)`` in and out."""
        return fire(self.lif, self.norm(current), time_steps)


class SpikingNetwork(nn.Module):
    """A network of the SNASNet / NeuroNAS family.

    Time is folded into the batch: convolutions see ``(T*B, C, H, W)``, channels last, and only
    the membrane recurrence walks over T. Of a static image, coded directly as a constant current,
    the stem is computed once.

    Attributes:
        time_steps: Time steps T.
        coding: How an image becomes what the stem reads.
        bounds: Values of a black and of a white pixel, for codings by spikes.
        precision: In which training computes: ``fp32``, or ``bf16`` by torch's autocast, with
            weights and sums of gradients in fp32. Evaluation is in fp32.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.time_steps, self.coding = plan.architecture.time_steps, plan.architecture.coding
        self.bounds: Bounds = (0.0, 1.0)
        self.precision: Precision = "fp32"
        self.stem = plan.conv_norm("stem")
        self.cell_a = Cell(plan, "cell_a", plan.architecture.cell_a)
        self.reduction_lif = NormalizedLIF(plan, "reduction.lif")
        self.reduction = plan.conv_norm("reduction")
        self.reduction_pool = plan.read("reduction.pool", "kernel")
        self.cell_b = Cell(plan, "cell_b", plan.architecture.cell_b)
        self.classifier_lif = NormalizedLIF(plan, "classifier.lif")
        self.pool = plan.read("classifier.pool", "kernel")
        self.hidden: QuantizedLinear | None = None
        self.hidden_lif: LIF | None = None
        if plan.has("classifier.hidden"):
            self.hidden = plan.linear("classifier.hidden", bias=False)
            self.hidden_lif = plan.lif()
        self.head = plan.linear("classifier.head", bias=True)
        self.votes = plan.architecture.votes
        self.head_lif = plan.lif() if plan.has("classifier.head_lif") else None
        self._order = [slot.name for slot in plan.workload.slots]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Return the head's output averaged over time and votes, ``(B, classes)``.

        With latency coding, how early the outputs first fire, averaged over votes.

        Args:
            images: Shape ``(B, C, H, W)``; ``(B, T, C, H, W)`` of event frames.

        Raises:
            DatasetError: An image that is coded by spikes lies outside the bounds, or samples have
                another number of frames.
        """
        if not self.training or self.precision == "fp32":
            return self._scores(images)
        with torch.autocast(images.device.type, torch.bfloat16):
            return self._scores(images).to(images.dtype)

    def _scores(self, images: Tensor) -> Tensor:
        steps = self.time_steps
        x = self.cell_a(self._read(images), steps)
        x = self.reduction(self.reduction_lif(x, steps))
        x = self.cell_b(block_mean(x, self.reduction_pool), steps)
        x = self.classifier_lif(x, steps)
        if self.pool:
            x = block_mean(x, self.pool)
        x = x.flatten(1)
        if self.hidden is not None and self.hidden_lif is not None:
            x = fire(self.hidden_lif, self.hidden(x), steps)
        outputs = over_time(self.head(x), steps)
        if self.head_lif is None:
            scores = outputs.mean(dim=0)
        else:
            scores = first_spike_scores(self.head_lif(outputs))
        return scores.view(len(scores), -1, self.votes).mean(dim=2)

    def _read(self, images: Tensor) -> Tensor:
        """Return what the stem makes of images, ``(T*B, C, H, W)`` of ``(B, C, H, W)``."""
        if self.coding == "direct":
            still = self.stem(images.contiguous(memory_format=torch.channels_last))
            return repeated(still, self.time_steps)
        if self.coding == "events":
            coded = frames_first(images, self.time_steps)
        else:
            coded = encode(images, self.coding, self.time_steps, self.bounds)
        folded = coded.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        read: Tensor = self.stem(folded)
        return read

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.head.weight.device

    def lif_layers(self) -> dict[str, LIF]:
        """Return the LIF layers by their name in the layer table.

        Further layers of a node, of other thresholds, end with their place among those.
        """
        layers = {
            f"{cell}.{name}": lif
            for cell in ("cell_a", "cell_b")
            for name, lif in getattr(self, cell).neurons.items()
        }
        layers["reduction.lif"] = self.reduction_lif.lif
        layers["classifier.lif"] = self.classifier_lif.lif
        if self.hidden_lif is not None:
            layers["classifier.hidden_lif"] = self.hidden_lif
        if self.head_lif is not None:
            layers["classifier.head_lif"] = self.head_lif
        return dict(sorted(layers.items(), key=lambda item: self._order.index(slot_of(item[0]))))


def slot_of(layer: str) -> str:
    """Return the name in the layer table of a LIF layer."""
    cell, _, place = layer.rpartition(".")
    return f"{cell}.{place.partition('_')[0]}" if cell.startswith("cell") else layer


def build_network(architecture: Architecture) -> SpikingNetwork:
    """Return the torch module of an architecture, with freshly drawn weights.

    Args:
        architecture: The network. Edges that are on no path are not built.

    Returns:
        A module that maps ``(B, C, H, W)`` to ``(B, classes)``.

    Raises:
        GenotypeError: The network is not connected, or its pooling is larger than its map.

    Example:
        >>> import neuronas, torch
        >>> network = neuronas.build_network(
        ...     neuronas.Architecture(
        ...         input_shape=(1, 8, 8), classes=10, cell_a="0300 0030 0003 0000",
        ...         cell_b="0001 0000 0000 0000", channels=8,
        ...     )
        ... )
        >>> network(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    architecture.check()
    return SpikingNetwork(Plan.of(architecture))
