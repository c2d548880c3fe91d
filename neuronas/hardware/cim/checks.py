"""What a chip designer should doubt: converters that clip, and energies outside physical bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neuronas.architecture import Workload
from neuronas.hardware.cim.energy import conversion_pj
from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.settings import CimSettings
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cost import Floats

WALDEN_FJ_PER_STEP = 1.0
"""Best published Walden figure of merit; B. Murmann, ADC performance survey."""

MAC_FJ = (5.0, 60.0)
"""Published energies of one MAC of 1-bit input and 4-bit weight at 32 nm.

SpikeSim 16.7, DNN+NeuroSim 8.1, ZigZag 23.5, NeuRRAM (130 nm, measured) 46 fJ.
"""

_REFERENCE_NM, _REFERENCE_BITS = 32.0, 4


def lossless_bits(w: Workload, m: Placement, s: CimSettings) -> Floats:
    """Return the ADC bits that lose nothing, ``(L, N)``: those of the largest sum of a column."""
    rows = np.minimum(np.minimum(m.rows, s.rows), s.active_rows or s.rows)
    stored = w.weight_bits - 1 if s.signed_weights == "differential" else w.weight_bits
    largest = rows * (2.0 ** np.minimum(s.cell_bits, stored) - 1)
    return np.where(m.copies > 0, np.ceil(np.log2(largest + 1)), 0.0)


def warnings_of(
    w: Workload,
    m: Placement,
    t: Technology,
    energies: Mapping[str, Floats],
) -> tuple[str, ...]:
    """Return what to doubt of one network on a chip, one sentence each."""
    found: list[str] = []
    needed, s = int(lossless_bits(w, m, t.settings).max(initial=0.0)), t.settings
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
        found += _mac_warning(w, m, energies)
    return tuple(found)


def _mac_warning(w: Workload, m: Placement, energies: Mapping[str, Floats]) -> list[str]:
    """Warn of layers with spikes and 4-bit weights whose energy per MAC is not plausible."""
    plain = (m.copies > 0) & (w.levels == 2) & (w.weight_bits == _REFERENCE_BITS)  # noqa: PLR2004
    work = float((w.macs * w.steps * plain).sum())
    if not work:
        return []
    names = [name for name in energies if name not in _NOT_OF_A_MAC]
    spent_fj = sum(float((energies[name] * plain).sum()) for name in names) * 1e3
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
