"""Random networks of a space with and without each of its operations, drawn so that they pair up.

A network of the reduced space is one of the whole space, with each edge that holds the removed
operation drawn anew from the others. So it is uniform over the reduced space, as the other is over
the whole; those that fit are uniform over what fits of each. Where no live edge holds the operation
both are the same network, whose training is the same training, and what they have in common drops
out of their difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuronas.architecture import SearchSpace
from neuronas.errors import InfeasibleSpaceError
from neuronas.hardware import UNITS
from neuronas.searching.assessment import Ints
from neuronas.searching.changes import Floats, Sample
from neuronas.searching.drawing import CHUNK
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import Stream, generator

SURVEYED = 20 * 1024
"""Random networks whose costs are compared, at least."""

_MOST_SURVEYED = 128 * 1024


@dataclass(frozen=True, slots=True)
class Arm:
    """Random networks of the whole space, or of the space without one operation.

    Attributes:
        removed: The operation; None for the whole space.
        drawn: Networks drawn.
        places: Which of them fit, ascending, shape ``(F,)``; those of equal place in two arms pair
            up.
        costs: Of those that fit, in the units of budgets, by quantity.
        genes: The first of them, which are trained, shape ``(n, G)``.
        keys: Of those, see :meth:`Assessment.keys`.
    """

    removed: str | None
    drawn: int
    places: Ints
    costs: dict[str, Sample]
    genes: Ints
    keys: list[bytes]


def draw_arms(
    region: FeasibleRegion, operations: Sequence[str], seed: int, networks: int
) -> list[Arm]:
    """Return the whole space and the spaces without each of ``operations``.

    Args:
        region: What fits of the whole space.
        operations: Operations to remove, one at a time.
        seed: The study's seed.
        networks: How many to train, of each arm; an arm in which almost nothing fits has fewer.

    Raises:
        InfeasibleSpaceError: Fewer networks than that are found in the whole space.
    """
    growing = [_Growing(removed) for removed in (None, *operations)]
    drawn = 0
    while drawn < _MOST_SURVEYED:
        genes = region.space.sample(generator(seed, Stream.ABLATION, drawn), CHUNK)
        for number, arm in enumerate(growing):
            source = generator(seed, Stream.ABLATION, drawn, number)
            changed = without(region.space, genes, arm.removed, source) if arm.removed else genes
            arm.add(region, changed, drawn, networks)
        drawn += CHUNK
        if drawn >= SURVEYED and all(arm.found >= networks for arm in growing):
            break
    if growing[0].found < networks:
        raise InfeasibleSpaceError(
            f"{growing[0].found} of {drawn:,} random networks fit the budget; an ablation needs "
            f"--networks of them, {networks}: raise the budget, or train fewer"
        )
    return [arm.arm(drawn) for arm in growing]


def without(space: SearchSpace, genes: Ints, operation: str, source: np.random.Generator) -> Ints:
    """Return genotypes, shape ``(N, G)``, with other operations wherever ``operation`` stands.

    Args:
        space: The space, with at least one other operation.
        genes: Genotypes, shape ``(N, G)``.
        operation: One of the space's operations.
        source: Source of randomness.
    """
    changed = genes.copy()
    for column, parameter in enumerate(space.parameters):
        if "->" not in parameter.name:
            continue
        removed = parameter.choices.index(operation)
        others = source.integers(len(parameter.choices) - 1, size=len(genes))
        others += others >= removed
        changed[:, column] = np.where(genes[:, column] == removed, others, genes[:, column])
    return changed


class _Growing:
    """An arm, batch after batch."""

    def __init__(self, removed: str | None) -> None:
        self.removed = removed
        self.found = 0
        self._places: list[Ints] = []
        self._quantities: dict[str, list[Floats]] = {name: [] for name in UNITS}
        self._genes: list[Ints] = []
        self._keys: list[bytes] = []

    def add(self, region: FeasibleRegion, genes: Ints, place: int, networks: int) -> None:
        """Add what fits of a batch whose first network has this place; keep genes of a few."""
        assessment = region.assess(genes)
        fitting = np.flatnonzero(assessment.feasible)
        kept = fitting[: max(0, networks - self.found)]
        self.found += len(fitting)
        self._places.append(fitting + place)
        for name, values in self._quantities.items():
            values.append(assessment.quantities[name][fitting])
        self._genes.append(genes[kept])
        self._keys += assessment.keys(kept)

    def arm(self, drawn: int) -> Arm:
        """Return what was added."""
        places, genes = np.concatenate(self._places), np.concatenate(self._genes)
        costs = {
            name: Sample(np.concatenate(found), places) for name, found in self._quantities.items()
        }
        return Arm(self.removed, drawn, places, costs, genes, self._keys)
