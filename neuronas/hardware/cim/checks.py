"""What a chip designer should doubt: converters that clip, and energies outside physical bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Signal, Workload
from neuronas.architecture.workload import SPIKE_LEVELS
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware.cim.inputs import conversion_pj
from neuronas.hardware.cim.settings import SCHEDULES, CimSettings
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cost import Floats

WALDEN_FJ_PER_STEP = 1.0
"""Best published Walden figure of merit; B. Murmann, ADC performance survey."""

MAC_FJ = (5.0, 60.0)
"""Published energies of one MAC of 1-bit input and 4-bit weight at 32 nm.

SpikeSim 16.7, DNN+NeuroSim 8.1, ZigZag 23.5, NeuRRAM (130 nm, measured) 46 fJ.
"""

_REFERENCE_NM, _REFERENCE_BITS = 32.0, 4


_FLOATING_POINT = 16


def _weighted(w: Workload) -> NDArray[np.bool_]:
    """Return which layers have a matrix, ``(L, N)``."""
    return np.isin(w.kind, (Kind.CONV, Kind.LINEAR))


def require_quantized(w: Workload) -> None:
    """Check that no layer has floating-point weights.

    Raises:
        HardwareModelError: One has.
    """
    if w.weight_bits.max(initial=0) < _FLOATING_POINT:
        return
    wide = _weighted(w) & (w.weight_bits >= _FLOATING_POINT)
    if wide.any():
        row, network = (int(index[0]) for index in np.nonzero(wide))
        raise HardwareModelError(
            f"network {network}, {w.slots[row].name}: weight_bits is "
            f"{w.weight_bits[row, network]}, floating point, which crossbars do not compute; "
            "allowed: 2 to 8"
        )


def require_same_current_bits(w: Workload, s: CimSettings) -> None:
    """Check that currents which networks round have as many bits as those of the chip.

    All networks of a workload round alike.

    Raises:
        HardwareModelError: They have not.
    """
    if not len(w):
        return
    levels = w.levels[w.signal[:, 0] == Signal.CURRENT, 0]
    bits = int(np.ceil(np.log2(levels.max(initial=1))))
    if bits and bits != s.current_bits:
        raise HardwareModelError(
            f"neuron.current_bits is {bits}, but settings.current_bits of the chip is "
            f"{s.current_bits}; give both the same"
        )


def require_steps_in_order(w: Workload, schedules: Floats) -> None:
    """Check that networks with backward edges run one time step after the other.

    Args:
        w: N networks.
        schedules: Index of each one's schedule among ``SCHEDULES``, ``(N,)``.

    Raises:
        HardwareModelError: One has a schedule that starts a step before the last is finished.
    """
    for row, slot in enumerate(w.slots):
        if not slot.backward:
            continue
        early = (w.kind[row] != Kind.NONE) & (schedules != SCHEDULES.index(_IN_ORDER))
        if early.any():
            network = int(np.flatnonzero(early)[0])
            raise HardwareModelError(
                f"network {network}, {slot.name}: leads backward, to the next time step, which "
                f"schedule '{SCHEDULES[int(schedules[network])]}' cannot wait for; allowed: "
                f"schedule: {_IN_ORDER}"
            )


_IN_ORDER = "step-serial"


def lossless_bits(w: Workload, matrix_rows: Floats, s: CimSettings) -> Floats:
    """Return the ADC bits that lose nothing: those of the largest sum of a column.

    Args:
        w: One network.
        matrix_rows: Rows of each layer's matrix, ``(L,)``.
        s: Settings of the chip.
    """
    rows = np.minimum(np.minimum(matrix_rows, s.rows), s.active_rows or s.rows)
    bits = w.weight_bits[:, 0]
    stored = bits - 1 if s.signed_weights == "differential" else bits
    largest = rows * (2.0 ** np.minimum(s.cell_bits, stored) - 1)
    return np.where(_weighted(w)[:, 0], np.ceil(np.log2(largest + 1)), 0.0)


def warnings_of(
    w: Workload,
    adc_bits: Floats,
    t: Technology,
    energies: Mapping[str, Floats],
) -> tuple[str, ...]:
    """Return what to doubt of one network on a chip, one sentence each.

    Args:
        w: The network.
        adc_bits: Bits that lose nothing, of each layer.
        t: The chip.
        energies: Of each layer by component, in pJ.
    """
    found: list[str] = []
    needed, s = int(adc_bits.max(initial=0.0)), t.settings
    if needed > s.adc_bits:
        found.append(
            f"the ADC's {s.adc_bits} bits clip or round sums that need up to {needed} bits; "
            "accuracy on the chip may be lower than measured"
        )
    walden_pj = WALDEN_FJ_PER_STEP * 2.0**s.adc_bits / 1e3
    if conversion_pj(t) < walden_pj:
        found.append(
            f"a conversion takes {conversion_pj(t) * 1e3:.3g} fJ, below the Walden limit of "
            f"{walden_pj * 1e3:.3g} fJ ({WALDEN_FJ_PER_STEP:g} fJ per step)"
        )
    if s.node_nm == _REFERENCE_NM:
        found += _mac_warning(w, energies)
    return tuple(found)


def _mac_warning(w: Workload, energies: Mapping[str, Floats]) -> list[str]:
    """Warn of layers with spikes and 4-bit weights whose energy per MAC is not plausible."""
    plain = _weighted(w) & (w.levels == SPIKE_LEVELS) & (w.weight_bits == _REFERENCE_BITS)
    work = float((w.macs * w.steps * plain).sum())
    if not work:
        return []
    names = [name for name in energies if name not in _NOT_OF_A_MAC]
    spent_fj = sum(float((energies[name] * plain[:, 0]).sum()) for name in names) * 1e3
    per_mac = spent_fj / work
    low, high = MAC_FJ
    if low <= per_mac <= high:
        return []
    return [
        f"a MAC of 1-bit input and 4-bit weight takes {per_mac:.3g} fJ; published chips and "
        f"simulators at 32 nm lie between {low:g} and {high:g} fJ"
    ]


_NOT_OF_A_MAC = frozenset(
    {"LIF updates", "membrane memory", "rescaling", "node sums and pooling", "currents"}
)
