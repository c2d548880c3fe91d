"""Budgets: upper limits on costs, and by how much a cost breaks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.hardware.cost import Cost

UNITS: dict[str, str] = {
    "parameters": "",
    "memory_bytes": "B",
    "area_mm2": "mm²",
    "latency_ms": "ms",
    "energy_uj": "µJ",
}
"""Every quantity that a budget may limit, in the one order in which constraints are written."""


def presented(cost: Cost) -> dict[str, NDArray[np.float64]]:
    """Return each quantity of ``UNITS`` in its unit, shape ``(N,)`` each."""
    return {
        "parameters": cost.parameters.astype(np.float64),
        "memory_bytes": cost.memory_bits / 8,
        "area_mm2": cost.area_um2 / 1e6,
        "latency_ms": cost.latency_ns / 1e6,
        "energy_uj": cost.energy_pj / 1e6,
    }


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits on some of the quantities of ``UNITS``."""

    limits: Mapping[str, float]

    def violations(self, quantities: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return ``cost / limit - 1``; at most 0 means within the limit.

        Args:
            quantities: As :func:`presented` returns them, shape ``(N,)`` each.

        Returns:
            Shape ``(B, N)``, one row per limit, in the order of ``limits``.
        """
        if not self.limits:
            count = len(next(iter(quantities.values())))
            return np.zeros((0, count))
        return np.stack([quantities[name] / limit - 1 for name, limit in self.limits.items()])

    def violations_of(self, cost: Cost) -> dict[str, float]:
        """Return the violations of one network, N = 1, by limit."""
        found = self.violations(presented(cost))[:, 0].tolist()
        return dict(zip(self.limits, found, strict=True))
