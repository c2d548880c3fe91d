"""What a study asks, as samplers that learn see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.searching.objectives import ACCURACY, QUANTITIES, gain
from neuronas.searching.region import FeasibleRegion

Floats = NDArray[np.float64]
Quantities = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Question:
    """What a study asks.

    Attributes:
        region: Where it looks.
        objectives: In the order of its values.
        reference: Worst value per objective, from which hypervolume is measured.
    """

    region: FeasibleRegion
    objectives: Sequence[str]
    reference: Mapping[str, float]

    @property
    def learns_accuracy(self) -> bool:
        """Whether accuracy is an objective; all else is computed."""
        return ACCURACY in self.objectives

    @property
    def quantities(self) -> set[str]:
        """What is asked of costs, as an objective or a limit."""
        asked = {QUANTITIES[name] for name in self.objectives if name != ACCURACY}
        return asked | {*self.region.limits}

    def cost_gains(self, quantities: Quantities) -> Floats:
        """Return what networks gain in each objective but accuracy, shape ``(N, K)``."""
        names = [name for name in self.objectives if name != ACCURACY]
        count = len(next(iter(quantities.values())))
        columns = [gain(n, quantities[QUANTITIES[n]], self.reference[n]) for n in names]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0))

    def within(self, quantities: Quantities) -> NDArray[np.bool_]:
        """Return which networks are within every budget, shape ``(N,)``."""
        return np.asarray((self.region.budget.violations(quantities) <= 0).all(axis=0))
