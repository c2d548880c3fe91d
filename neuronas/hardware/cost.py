"""What a network costs on a chip, and the protocol of the models that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from neuronas.architecture import Workload
from neuronas.hardware.chip import Chip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DEFAULT_SPIKE_RATE = 0.1
"""Spikes per element and time step that are assumed where none were measured.

Measured: 0.095 is the median of the 15,284 connected networks of SpikeNAS-Bench (IEEE TAI 2025),
0.05 and 0.15 their 5th and 95th percentiles.
"""


def total(layers: Floats) -> Floats:
    """Return the sum over layers, ``(L, N)`` to ``(N,)``.

    Rows are added one after the other, so that a network's sum has the same last digit alone and
    in a batch; NumPy's own sum adds in an order that depends on N.
    """
    result = np.zeros(layers.shape[1:])
    for row in layers:
        result += row
    return result


@dataclass(frozen=True, slots=True)
class Activity:
    """What the data does to a network.

    Attributes:
        spike_rate: Spikes per element and time step of each layer's input, in [0, 1]: one number,
            or shape ``(L, N)``.
        zero_rows: Share of a crossbar's reads whose rows carry no spike at all, in [0, 1]:
            likewise. Only a chip that skips such reads uses it.
        firing_rate: Spikes per neuron and time step of each layer's own neurons, likewise;
            ``spike_rate`` where None, which must be one number then.
    """

    spike_rate: float | Floats = DEFAULT_SPIKE_RATE
    zero_rows: float | Floats = 0.0
    firing_rate: float | Floats | None = None

    @property
    def fired(self) -> float | Floats:
        """Spikes per neuron and time step of each layer's own neurons.

        Raises:
            ValueError: Only what layers read is known.
        """
        if self.firing_rate is not None:
            return self.firing_rate
        if np.ndim(self.spike_rate):
            raise ValueError("firing_rate is needed where layers read different spike rates")
        return self.spike_rate


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of N networks; every array is ``(N,)``.

    Attributes:
        energy_pj: Energy of one inference.
        latency_ns: From an input to its result.
        interval_ns: Between one result and the next, where inputs follow each other.
        area_um2: Chip area.
        parameters: Parameters, classifier included.
        memory_bits: Bits of those parameters.
        num_pe: Processing elements.
        num_tiles: Tiles.
        fits: Whether the network fits a chip of fixed capacity; True where there is none.
    """

    energy_pj: Floats
    latency_ns: Floats
    interval_ns: Floats
    area_um2: Floats
    parameters: Ints
    memory_bits: Ints
    num_pe: Floats
    num_tiles: Floats
    fits: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parts:
    """One quantity of one network, by component and layer.

    Attributes:
        layers: Per component, its share of each layer, shape ``(L,)``.
        shared: Per component, what belongs to no layer.
    """

    layers: dict[str, Floats]
    shared: dict[str, float] = field(default_factory=dict)

    def by_component(self) -> dict[str, float]:
        """Return the total of each component, largest first."""
        sums = {name: float(values.sum()) for name, values in self.layers.items()}
        for name, value in self.shared.items():
            sums[name] = sums.get(name, 0.0) + value
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def by_layer(self) -> Floats:
        """Return the total of each layer, shape ``(L,)``."""
        return np.asarray(sum(self.layers.values()))

    def total(self) -> float:
        """Return the sum of all parts."""
        return sum(self.by_component().values())


@dataclass(frozen=True, slots=True)
class Explanation:
    """The cost of one network, taken apart.

    Attributes:
        cost: The totals, N = 1; those of energy, latency and area are the sums of their parts.
        energy_pj, latency_ns, area_um2: The parts.
        memory_bits: Bits per kind of memory.
        figures: Per name, a further figure of each layer, shape ``(L,)``.
        not_modelled: Which layers the model leaves out, shape ``(L,)``.
        warnings: What a chip designer should doubt, one sentence each.
        leaves_out: What is ignored on this chip; None where it is all that the model names.
    """

    cost: Cost
    energy_pj: Parts
    latency_ns: Parts
    area_um2: Parts
    memory_bits: dict[str, float]
    figures: dict[str, Floats]
    not_modelled: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()
    leaves_out: tuple[str, ...] | None = None


class HardwareModel(Protocol):
    """A model that costs any batch of networks on a chip.

    Another package brings one as an entry point of group ``neuronas.hardware_models`` that names
    an object with these attributes; ``neuronas.hardware.check_hardware_model`` checks it.
    """

    @property
    def name(self) -> str:
        """Name in study files."""

    @property
    def settings(self) -> type[BaseModel]:
        """What may be chosen on a chip of this model."""

    @property
    def choices(self) -> Mapping[str, tuple[Any, ...] | None]:
        """Settings that a study may search, since accuracy does not depend on them.

        Each with its options where they are names, None where they are numbers.
        """

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """What the model ignores, one phrase each; an explanation may say less of its chip."""

    def cost(
        self,
        workload: Workload,
        chip: Chip,
        *,
        activity: Activity | None = None,
        choices: Mapping[str, NDArray[Any]] | None = None,
    ) -> Cost:
        """Return the cost of every network of the workload.

        Args:
            workload: N networks.
            chip: The chip.
            activity: Spike rates; assumed ones where None.
            choices: Settings that differ between the networks, shape ``(N,)`` each.

        Raises:
            HardwareModelError: The chip is another model's, or a layer cannot be costed.
        """

    def explain(
        self,
        workload: Workload,
        chip: Chip,
        *,
        activity: Activity | None = None,
    ) -> Explanation:
        """Return the cost of the one network of the workload, taken apart."""
