"""What a network costs on a chip, and the protocol of the models that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Workload
from neuronas.hardware.chip import Chip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def total(layers: Floats) -> Floats:
    """Return the sum over layers, ``(L, N)`` to ``(N,)``.

    Rows are added one after the other, so that a network's sum has the same last digit alone and
    in a batch; NumPy's own sum adds in an order that depends on N.
    """
    if len(layers) == 0:
        return np.zeros(layers.shape[1])
    return np.asarray(layers.cumsum(axis=0)[-1])


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of N networks; totals are the sums of their parts.

    Attributes:
        layer_energy_pj: Energy of one inference per layer, shape ``(L, N)``.
        layer_latency_ns: Contribution of each layer to the latency, shape ``(L, N)``.
        layer_area_um2: Share of each layer in the area, shape ``(L, N)``.
        layer_pe: Processing elements per layer, shape ``(L, N)``.
        area_parts_um2: Area per component, each of shape ``(N,)``.
        num_tiles: Tiles, shape ``(N,)``.
        parameters: Parameters, classifier included, shape ``(N,)``.
        memory_bits: Bits of those parameters, shape ``(N,)``.
        not_modelled: Layers that the model leaves out of energy, latency and area, ``(L, N)``.
    """

    layer_energy_pj: Floats
    layer_latency_ns: Floats
    layer_area_um2: Floats
    layer_pe: Floats
    area_parts_um2: dict[str, Floats]
    num_tiles: Floats
    parameters: Ints
    memory_bits: Ints
    not_modelled: NDArray[np.bool_]

    @property
    def energy_pj(self) -> Floats:
        """Energy of one inference, shape ``(N,)``."""
        return total(self.layer_energy_pj)

    @property
    def latency_ns(self) -> Floats:
        """Latency of one inference, shape ``(N,)``."""
        return total(self.layer_latency_ns)

    @property
    def area_um2(self) -> Floats:
        """Chip area, shape ``(N,)``."""
        return np.asarray(sum(self.area_parts_um2.values()))

    @property
    def num_pe(self) -> Floats:
        """Processing elements, shape ``(N,)``."""
        return total(self.layer_pe)


class HardwareModel(Protocol):
    """A model that costs any batch of networks on a chip."""

    @property
    def name(self) -> str:
        """Name in study files."""

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """What the model ignores in every network, one phrase each."""

    def cost(self, workload: Workload, chip: Chip) -> Cost:
        """Return the cost of every network of the workload."""
