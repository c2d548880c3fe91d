"""What a search space holds, before any search: how much of it fits, and its extremes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuronas.config import StudyConfig
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import HIGHER_IS_BETTER, NO_ROOM, UNITS, Chip
from neuronas.searching.assessment import DISCONNECTED
from neuronas.searching.drawing import CHUNK
from neuronas.searching.objectives import ACCURACY, QUANTITIES
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import Stream, generator

REFERENCE_CHUNKS = 4
_MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class Extreme:
    """A feasible network that is extreme in one quantity.

    Attributes:
        value: The quantity, in its unit.
        genotype: The network, as JSON values.
    """

    value: float
    genotype: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """What N random candidates showed.

    Attributes:
        candidates: N.
        fit: How many are connected and within every budget.
        rejected: How many each reason rejects; one may count under several budgets. That the chip
            has no room is among the reasons where it rejects any.
        cheapest, dearest: Per quantity the best and the worst, among those that fit.
    """

    candidates: int
    fit: int
    rejected: dict[str, int]
    cheapest: dict[str, Extreme]
    dearest: dict[str, Extreme]

    @property
    def binding(self) -> str | None:
        """The budget, or the chip's size, that rejects most; None if none rejects any."""
        budgets = {name: n for name, n in self.rejected.items() if name != DISCONNECTED and n}
        return max(budgets, key=lambda name: budgets[name]) if budgets else None


def surveys(
    study: StudyConfig, candidates: int, chips: Mapping[str, Chip], say: Callable[[str], None]
) -> tuple[FeasibleRegion, dict[str, Survey]]:
    """Return what random networks show of a study's space, under its chip and under others.

    Args:
        study: The study.
        candidates: How many are drawn.
        chips: Other chips, by the name of their hardware model.
        say: Told which of them are left out, since they cannot run the study's networks.

    Returns:
        The study's region, and per hardware model what was found, the study's first.
    """

    def survey(region: FeasibleRegion) -> Survey:
        return survey_region(region, generator(study.search.seed, Stream.SURVEY), candidates)

    own = FeasibleRegion.of(study)
    found = {own.model.name: survey(own)}
    for name, chip in chips.items():
        if name == own.model.name:
            continue
        try:
            found[name] = survey(FeasibleRegion.under(study, chip))
        except HardwareModelError as error:
            say(f"model '{name}' is left out: chip '{chip.name}': {error}")
    return own, found


def survey_region(region: FeasibleRegion, source: np.random.Generator, candidates: int) -> Survey:
    """Return what ``candidates`` uniform draws show of a region."""
    reasons = (DISCONNECTED, NO_ROOM, *region.limits)
    fit, rejected = 0, Counter[str](dict.fromkeys(reasons, 0))
    cheapest: dict[str, Extreme] = {}
    dearest: dict[str, Extreme] = {}
    for start in range(0, candidates, CHUNK):
        size = min(CHUNK, candidates - start)
        a = region.assess(region.space.sample(source, size))
        for reason, rows in a.rejected(region.limits).items():
            rejected[reason] += int(rows.sum())
        feasible = np.flatnonzero(a.feasible)
        fit += len(feasible)
        if len(feasible) == 0:
            continue
        for name in UNITS:
            values = a.quantities[name][feasible]
            sign = -1 if name in HIGHER_IS_BETTER else 1
            low, high = int((sign * values).argmin()), int((sign * values).argmax())
            if name not in cheapest or sign * values[low] < sign * cheapest[name].value:
                network = a.networks[int(feasible[low])].canonical()
                cheapest[name] = Extreme(float(values[low]), network.to_json())
            if name not in dearest or sign * values[high] > sign * dearest[name].value:
                network = a.networks[int(feasible[high])].canonical()
                dearest[name] = Extreme(float(values[high]), network.to_json())
    if not rejected[NO_ROOM]:
        del rejected[NO_ROOM]  # a chip of any size, or of enough room for all
    return Survey(candidates, fit, dict(rejected), cheapest, dearest)


def reference_point(
    region: FeasibleRegion,
    source: np.random.Generator,
    objectives: Sequence[str],
    accuracy: float = 0.0,
) -> dict[str, float]:
    """Return the point from which hypervolume is measured.

    The accuracy that is given; a quantity's budget, or where the study sets none 1.1 times the
    dearest of a fixed sample of feasible networks (of what is maximized, the worst divided by 1.1).
    """
    found = survey_region(region, source, REFERENCE_CHUNKS * CHUNK)
    reference: dict[str, float] = {}
    for name in objectives:
        if name == ACCURACY:
            reference[name] = accuracy
            continue
        quantity = QUANTITIES[name]
        limit = region.budget.limits.get(quantity)
        if limit is None:
            if quantity in found.dearest:
                dearest = found.dearest[quantity].value
            else:  # almost nothing fits: take what can be found at all
                genes = region.draw(source, lambda _: True)
                dearest = float(region.assess(genes[None]).quantities[quantity][0])
            limit = dearest / _MARGIN if quantity in HIGHER_IS_BETTER else dearest * _MARGIN
        if not 0 < limit < np.inf:
            raise ConfigError(
                f"objectives: '{name}' cannot be measured from {limit:g}, which "
                f"every network has at the assumed hardware.spike_rate; set budget.{quantity}, or "
                "another spike rate"
            )
        reference[name] = limit
    return reference
