"""Networks side by side: what each costs on several chips, and whether it fits a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuronas.hardware.budget import Budget, broken
from neuronas.hardware.chip import Chip
from neuronas.hardware.costing import Network, estimate

NO_ROOM = "does not fit the chip"
"""Why a network is turned away that needs more than a chip of fixed size has."""


def compare_networks(
    networks: Mapping[str, Network], chips: Sequence[Chip], budget: Budget
) -> list[dict[str, Any]]:
    """Return one row per network and chip, costs in the units of budgets.

    ``verdict`` is ``fits``, or names each limit that is broken and by how much, and a chip of fixed
    size that is too small. A network whose weight bits are not known has no memory.
    """
    rows: list[dict[str, Any]] = []
    for name, network in networks.items():
        for chip in chips:
            found = estimate(network, chip=chip)
            quantities = found.quantities
            missed = broken(budget.violations_of(quantities), digits=0)
            bits = np.unique(found.workload.weight_bits[found.workload.weight_bits > 0])
            if not found.explanation.cost.fits[0]:
                missed.insert(0, NO_ROOM)
            rows.append(
                {
                    "network": name,
                    "model": chip.model,
                    "chip": chip.name,
                    "bits": "" if not found.memory_known else "/".join(str(b) for b in bits),
                    **found.known_quantities(),
                    "verdict": ", ".join(missed) or "fits",
                }
            )
    return rows
