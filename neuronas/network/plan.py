"""The modules of single layers, as the layer table describes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from neuronas.architecture import Architecture, Networks, Workload
from neuronas.config import Kind
from neuronas.network.lif import LIF
from neuronas.network.norm import batch_norm
from neuronas.network.quantization import (
    QuantizedConv2d,
    QuantizedLinear,
    RoundedCurrents,
    SpikeConv2d,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One network, with its column of the layer table.

    Attributes:
        architecture: The network, in canonical form.
        workload: Its layer table.
    """

    architecture: Architecture
    workload: Workload

    @classmethod
    def of(cls, architecture: Architecture) -> Plan:
        """Return the plan of a network."""
        canonical = architecture.canonical()
        return cls(canonical, Workload.of(Networks.of([canonical])))

    def has(self, name: str) -> bool:
        """Return whether the network has this layer."""
        return self.kind(name) != Kind.NONE

    def kind(self, name: str) -> Kind:
        """Return what a layer does; nothing where the family has no such place."""
        known = any(slot.name == name for slot in self.workload.slots)
        return Kind(self.read(name, "kind")) if known else Kind.NONE

    def read(self, name: str, column: str) -> int:
        """Return a number of the layer table."""
        array: np.typing.NDArray[np.int64] = getattr(self.workload, column)
        return int(array[self.workload.row(name), 0])

    def lif(self, threshold: float | None = None) -> LIF:
        """Return neurons, with a threshold other than the network's where one is given."""
        network = self.architecture
        return LIF(network.decay, threshold or network.threshold, network.neuron)

    def norm(self, channels: int, time_steps: int, meeting: int = 1) -> nn.BatchNorm2d:
        """Return a batch norm over so many steps; see :func:`~neuronas.network.norm.batch_norm`."""
        network = self.architecture
        return batch_norm(
            network.neuron.batch_norm,
            channels,
            time_steps=time_steps,
            threshold=network.threshold,
            meeting=meeting,
        )

    def rounding(self) -> nn.Module:
        """Return what rounds currents; nothing where their bits are the chip's choice."""
        bits = self.architecture.neuron.current_bits
        return RoundedCurrents(bits, self.architecture.threshold) if bits else nn.Identity()

    def conv_norm(
        self, name: str, *, meeting: int = 1, time_steps: int | None = None
    ) -> nn.Sequential:
        """Return a convolution and its batch norm.

        Args:
            name: Of the layer.
            meeting: Currents that are added up where it leads.
            time_steps: Steps that it sees at once; all in which it computes where None.
        """
        columns = ("in_channels", "out_channels", "kernel", "weight_bits")
        kind = QuantizedConv2d if name == "stem" else SpikeConv2d
        conv = kind(*(self.read(name, column) for column in columns))
        steps = time_steps or self.read(name, "steps")
        return nn.Sequential(conv, self.norm(conv.out_channels, steps, meeting))

    def linear(self, name: str, *, bias: bool) -> QuantizedLinear:
        """Return a linear layer."""
        columns = ("in_channels", "out_channels", "weight_bits")
        return QuantizedLinear(*(self.read(name, column) for column in columns), bias=bias)
