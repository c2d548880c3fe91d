"""Networks side by side: what each costs on several chips, and whether it fits a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuronas.hardware.budget import Budget, presented
from neuronas.hardware.chip import Chip
from neuronas.hardware.costing import Network, estimate
from neuronas.hardware.layer_list import LayerList

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
            cost = found.explanation.cost
            violations = budget.violations_of(cost)
            bits = np.unique(found.workload.weight_bits[found.workload.weight_bits > 0])
            broken = [f"{limit} +{v:.0%}" for limit, v in violations.items() if v > 0]
            if not cost.fits[0]:
                broken.insert(0, NO_ROOM)
            unknown = isinstance(network, LayerList)
            rows.append(
                {
                    "network": name,
                    "model": chip.model,
                    "chip": chip.name,
                    "bits": "" if unknown else "/".join(str(b) for b in bits),
                    **{quantity: float(value[0]) for quantity, value in presented(cost).items()},
                    **({"memory_bytes": None} if unknown else {}),
                    "verdict": ", ".join(broken) or "fits",
                }
            )
    return rows
