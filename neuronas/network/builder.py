"""The spiking network in torch, built from the layer table that the cost models read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from neuronas.architecture import (
    EDGE_NAMES,
    EDGES,
    NODES,
    SLOT_INDEX,
    Architecture,
    Networks,
    Workload,
)
from neuronas.config import Kind
from neuronas.network.lif import LIF
from neuronas.network.pooling import SameAvgPool2d, block_mean
from neuronas.network.quantization import QuantizedConv2d, QuantizedLinear, SpikeConv2d


@dataclass(frozen=True, slots=True)
class _Plan:
    """One network's column of the layer table, with what its neurons need."""

    workload: Workload
    decay: float
    threshold: float

    def has(self, name: str) -> bool:
        return self.kind(name) != Kind.NONE

    def kind(self, name: str) -> Kind:
        return Kind(self.read(name, "kind"))

    def read(self, name: str, column: str) -> int:
        array: np.typing.NDArray[np.int64] = getattr(self.workload, column)
        return int(array[SLOT_INDEX[name], 0])

    def lif(self) -> LIF:
        return LIF(self.decay, self.threshold)

    def conv(self, name: str) -> QuantizedConv2d:
        kind = QuantizedConv2d if name == "stem" else SpikeConv2d
        return kind(
            self.read(name, "in_channels"),
            self.read(name, "out_channels"),
            self.read(name, "kernel"),
            self.read(name, "weight_bits"),
        )

    def conv_norm(self, name: str) -> nn.Sequential:
        return nn.Sequential(self.conv(name), nn.BatchNorm2d(self.read(name, "out_channels")))

    def norm_lif(self, name: str) -> NormalizedLIF:
        return NormalizedLIF(nn.BatchNorm2d(self.read(name, "in_channels")), self.lif())

    def pool(self, name: str) -> SameAvgPool2d:
        return SameAvgPool2d(self.read(name, "in_channels"), self.read(name, "kernel"))

    def linear(self, name: str, *, bias: bool) -> QuantizedLinear:
        return QuantizedLinear(
            self.read(name, "in_channels"),
            self.read(name, "out_channels"),
            self.read(name, "weight_bits"),
            bias=bias,
        )


def fire(lif: LIF, current: Tensor, time_steps: int) -> Tensor:
    """Return the spikes of ``current``, ``(T*B, ...)`` in and out."""
    spikes: Tensor = lif(_over_time(current, time_steps))
    return spikes.flatten(0, 1)


def _over_time(x: Tensor, time_steps: int) -> Tensor:
    """Return ``(T, B, ...)`` of ``(T*B, ...)``, without a copy."""
    return x.view(time_steps, len(x) // time_steps, *x.shape[1:])


def _repeated(x: Tensor, time_steps: int) -> Tensor:
    """Return ``(T*B, C, H, W)`` of ``(B, C, H, W)``, channels last as before."""
    return x.permute(0, 2, 3, 1).repeat(time_steps, 1, 1, 1).permute(0, 3, 1, 2)


class NormalizedLIF(nn.Module):
    """Batch norm over time and batch, then LIF."""

    def __init__(self, norm: nn.BatchNorm2d, lif: LIF) -> None:
        super().__init__()
        self.norm = norm
        self.lif = lif

    def forward(self, current: Tensor, time_steps: int) -> Tensor:
        """Return spikes, ``(T*B, C, H, W)`` in and out."""
        return fire(self.lif, self.norm(current), time_steps)


class Cell(nn.Module):
    """A cell: nodes that sum their incoming edges; one LIF serves all edges that leave a node."""

    def __init__(self, plan: _Plan, cell: str) -> None:
        super().__init__()
        self.kinds = {edge: plan.kind(f"{cell}.{edge}") for edge in EDGE_NAMES}
        self.neurons = nn.ModuleDict(
            {f"lif{n}": plan.lif() for n in range(NODES - 1) if plan.has(f"{cell}.lif{n}")}
        )
        self.operations = nn.ModuleDict()
        for edge, kind in self.kinds.items():
            if kind == Kind.CONV:
                self.operations[edge] = plan.conv_norm(f"{cell}.{edge}")
            elif kind == Kind.AVGPOOL:
                self.operations[edge] = plan.pool(f"{cell}.{edge}")

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """Return the output node's current, ``(T*B, C, H, W)`` in and out."""
        nodes: dict[int, Tensor] = {0: x}
        spikes: dict[int, Tensor] = {}
        for (source, target), edge in zip(EDGES, EDGE_NAMES, strict=True):
            kind = self.kinds[edge]
            if kind == Kind.NONE:
                continue
            value = nodes[source]
            if kind == Kind.CONV:
                if source not in spikes:
                    lif = self.neurons[f"lif{source}"]
                    assert isinstance(lif, LIF)
                    spikes[source] = fire(lif, value, time_steps)
                value = spikes[source]
            if edge in self.operations:
                value = self.operations[edge](value)
            nodes[target] = nodes[target] + value if target in nodes else value
        return nodes[NODES - 1]


class SpikingNetwork(nn.Module):
    """A network of the SNASNet / NeuroNAS family.

    Time is folded into the batch: convolutions see ``(T*B, C, H, W)``, channels last, and only
    the membrane recurrence walks over T. The input is a static image, coded directly as a
    constant current, so the stem is computed once per image. Batch norm sees all time steps
    together.

    Attributes:
        time_steps: Time steps T.
    """

    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self.time_steps = int(plan.workload.time_steps[0])
        self.stem = plan.conv_norm("stem")
        self.cell_a = Cell(plan, "cell_a")
        self.reduction_lif = plan.norm_lif("reduction.lif")
        self.reduction = plan.conv_norm("reduction")
        self.reduction_pool = plan.read("reduction.pool", "kernel")
        self.cell_b = Cell(plan, "cell_b")
        self.classifier_lif = plan.norm_lif("classifier.lif")
        self.pool = plan.read("classifier.pool", "kernel")
        self.hidden: QuantizedLinear | None = None
        self.hidden_lif: LIF | None = None
        if plan.has("classifier.hidden"):
            self.hidden = plan.linear("classifier.hidden", bias=False)
            self.hidden_lif = plan.lif()
        self.head = plan.linear("classifier.head", bias=True)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Return the head's output averaged over time, ``(B, classes)``.

        Args:
            images: Shape ``(B, C, H, W)``.
        """
        steps = self.time_steps
        still = self.stem(images.contiguous(memory_format=torch.channels_last))
        x = _repeated(still, steps)
        x = self.cell_a(x, steps)
        x = self.reduction(self.reduction_lif(x, steps))
        x = self.cell_b(block_mean(x, self.reduction_pool), steps)
        x = self.classifier_lif(x, steps)
        if self.pool:
            x = block_mean(x, self.pool)
        x = x.flatten(1)
        if self.hidden is not None and self.hidden_lif is not None:
            x = fire(self.hidden_lif, self.hidden(x), steps)
        return _over_time(self.head(x), steps).mean(dim=0)

    def lif_layers(self) -> dict[str, LIF]:
        """Return the LIF layers by their name in the layer table."""
        layers = {
            f"{cell}.{name}": lif
            for cell in ("cell_a", "cell_b")
            for name, lif in getattr(self, cell).neurons.items()
        }
        layers["reduction.lif"] = self.reduction_lif.lif
        layers["classifier.lif"] = self.classifier_lif.lif
        if self.hidden_lif is not None:
            layers["classifier.hidden_lif"] = self.hidden_lif
        return dict(sorted(layers.items(), key=lambda item: SLOT_INDEX[item[0]]))


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
    workload = Workload.of(Networks.of([architecture]))
    return SpikingNetwork(_Plan(workload, architecture.decay, architecture.threshold))
