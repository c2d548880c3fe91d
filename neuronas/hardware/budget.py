"""Budgets: limits on quantities, and by how much a cost breaks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.hardware.quantities import HIGHER_IS_BETTER


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on quantities of ``UNITS``: the most, of ``HIGHER_IS_BETTER`` the least."""

    limits: Mapping[str, float]

    def violations(self, quantities: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return by how much of it each limit is missed; at most 0 means within the limit.

        Args:
            quantities: As :func:`presented` returns them, shape ``(N,)`` each.

        Returns:
            Shape ``(B, N)``, one row per limit, in the order of ``limits``: ``cost / limit - 1``,
            or ``1 - cost / limit`` of what must reach its limit.
        """
        if not self.limits:
            count = len(next(iter(quantities.values())))
            return np.zeros((0, count))
        return np.stack(
            [_sign(name) * (quantities[name] / limit - 1) for name, limit in self.limits.items()]
        )

    def violations_of(self, quantities: Mapping[str, float]) -> dict[str, float]:
        """Return the violations of one network, by limit."""
        return {
            name: _sign(name) * (quantities[name] / limit - 1)
            for name, limit in self.limits.items()
        }


def broken(violations: Mapping[str, float], *, digits: int = 1) -> list[str]:
    """Return each limit that is missed, and by how much: ``energy_uj +3.2%``.

    Args:
        violations: Of one network, by limit.
        digits: Digits behind the point.
    """
    return [
        f"{name} {'-' if name in HIGHER_IS_BETTER else '+'}{violation:.{digits}%}"
        for name, violation in violations.items()
        if violation > 0
    ]


def _sign(name: str) -> float:
    return -1.0 if name in HIGHER_IS_BETTER else 1.0
