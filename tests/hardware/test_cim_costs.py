"""What some networks cost under model ``cim``, digit for digit: costs change on purpose only.

Where a change is meant, write the file anew, ``python -m tests.hardware.test_cim_costs``, and say
what changed in ``CHANGELOG.md``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuronas.architecture import Workload
from neuronas.hardware import Chip
from tests.hardware.mixed import mixed_choices, mixed_family, mixed_networks, rates
from tests.hardware.plain import MODEL

FILE = Path(__file__).with_name("cim_costs.json")
CHIPS = ("rram-22nm", "rram-32nm", "rram-65nm", "sram-32nm")
METRICS = ("energy_pj", "latency_ns", "interval_ns", "area_um2")
PLAIN, FAMILY = 20, 5
"""Networks of each kind."""

Costs = dict[str, list[float]]


def costs(name: str) -> Costs:
    """Return what plain networks with choices, then those of the family cost on a chip."""
    plain, family = mixed_networks(PLAIN), Workload.of(mixed_family(FAMILY))
    chosen, chip = mixed_choices(PLAIN), Chip.of(name)
    first = MODEL.cost(plain, chip, activity=rates(len(plain.slots), PLAIN), choices=chosen)
    then = MODEL.cost(family, chip, activity=rates(len(family.slots), FAMILY))
    return {
        metric: [*getattr(first, metric).tolist(), *getattr(then, metric).tolist()]
        for metric in METRICS
    }


@pytest.mark.parametrize("name", CHIPS)
def test_networks_cost_what_they_did(name):
    kept: dict[str, Costs] = json.loads(FILE.read_text())
    for metric, values in costs(name).items():
        assert values == pytest.approx(kept[name][metric], rel=1e-12, abs=0), metric


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: costs(name) for name in CHIPS}, indent=1) + "\n")
