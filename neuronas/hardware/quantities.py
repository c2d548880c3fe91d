"""The quantities that a study may minimize, maximize or limit, in their units.

Cost models say what depends on the chip. Spikes and synaptic operations depend on the network and
its data alone, so every model has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Signal, Workload
from neuronas.hardware.cost import Activity, Cost, Floats, total

UNITS: dict[str, str] = {
    "parameters": "",
    "memory_bytes": "B",
    "area_mm2": "mm²",
    "latency_ms": "ms",
    "energy_uj": "µJ",
    "edp_uj_ms": "µJ·ms",
    "throughput_per_s": "1/s",
    "spikes": "",
    "synops": "",
    "bit_synops": "",
}
"""Every quantity that a budget may limit, in the one order in which constraints are written."""

HIGHER_IS_BETTER = frozenset({"throughput_per_s"})
"""Quantities of which a budget is the least that is wanted, not the most that is allowed."""

_NS_PER_S = 1e9


def presented(
    cost: Cost, workload: Workload, activity: Activity | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return each quantity of ``UNITS`` in its unit, shape ``(N,)`` each; all are per inference.

    - ``edp_uj_ms``: energy times latency, the energy-delay product (Horowitz, Indermaur and
      Gonzalez, IEEE Symposium on Low Power Electronics 1994).
    - ``throughput_per_s``: results per second where inputs follow each other, the reciprocal of
      the cost's interval; infinite for a network that computes nothing.
    - ``spikes``, ``synops``, ``bit_synops``: see :class:`Activations`.

    Args:
        cost: What a model says of the networks.
        workload: The networks.
        activity: Spike rates that the cost was computed at; assumed ones where None.
    """
    counted = Activations.of(workload, activity or Activity())
    energy_uj, latency_ms = cost.energy_pj / 1e6, cost.latency_ns / 1e6
    endless = np.full(len(workload), np.inf)
    return {
        "parameters": cost.parameters.astype(np.float64),
        "memory_bytes": cost.memory_bits / 8,
        "area_mm2": cost.area_um2 / 1e6,
        "latency_ms": latency_ms,
        "energy_uj": energy_uj,
        "edp_uj_ms": energy_uj * latency_ms,
        "throughput_per_s": np.divide(
            _NS_PER_S, cost.interval_ns, out=endless, where=cost.interval_ns > 0
        ),
        "spikes": counted.spikes,
        "synops": counted.synops,
        "bit_synops": counted.bit_synops,
    }


@dataclass(frozen=True, slots=True)
class Activations:
    """What N networks do in one inference, whatever the chip; every array is ``(N,)``.

    Attributes:
        spikes: Spikes of all LIF neurons. What codes an image as spikes is no neuron.
        synops: Synaptic operations: of the network's MACs over all time steps, those whose input
            is not zero (Yik et al., "NeuroBench", arXiv 2304.04640, effective operations). An
            image is taken to have no zeros. A mean of p * p spikes is not zero where any of them
            is, which is at most p * p times as often as one.
        bit_synops: Each of them times the bits of its weight (Liu et al., "LitE-SNN",
            arXiv 2401.14652, Bit-SynOps).
    """

    spikes: Floats
    synops: Floats
    bit_synops: Floats

    @classmethod
    def of(cls, w: Workload, activity: Activity) -> Activations:
        """Return what networks do at some spike rates."""
        fired = np.multiply(w.neurons * w.time_steps, activity.fired, dtype=np.float64)
        of_spikes = (w.signal == Signal.SPIKE) | (w.signal == Signal.LEVEL)
        often = np.minimum(activity.spike_rate * (w.levels - 1), 1.0)
        density = np.where(of_spikes, often, 1.0)
        operations = np.multiply(w.macs * w.steps, density, dtype=np.float64)
        return cls(total(fired), total(operations), total(operations * w.weight_bits))
