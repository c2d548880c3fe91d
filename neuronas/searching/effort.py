"""What was seen of a space in which nothing new that fits was found, and where else to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuronas.searching.assessment import Assessment, Ints
from neuronas.searching.evolution import Floats, evolved, nearest

if TYPE_CHECKING:
    from neuronas.searching.region import FeasibleRegion

_GENERATIONS = 32
"""Of each evolution towards one or two of the budgets, some 16,000 networks."""


@dataclass(frozen=True, slots=True)
class Least:
    """The network that a budget misses least.

    Attributes:
        violation: By how much, as budgets count it.
        value: Its quantity, in its unit.
    """

    violation: float
    value: float


@dataclass(slots=True)
class Effort:
    """What was looked at, and what came nearest.

    Attributes:
        everything: Whether that is the whole space.
        tried: Genotypes.
        feasible: Whether any was feasible.
        nearest: The genotype of least excess, shape ``(G,)``.
        near: The nearest of all, shape ``(M, G)``.
        alone: Per budget, the network that misses it least, whatever else it misses.
        given: Likewise, of the networks within all the others.
        together: Which two budgets some network keeps, shape ``(B, B)``.
    """

    everything: bool = False
    tried: int = 0
    feasible: bool = False
    nearest: Ints | None = None
    near: Ints | None = None
    alone: dict[str, Least] = field(default_factory=dict)
    given: dict[str, Least] = field(default_factory=dict)
    together: NDArray[np.bool_] | None = None
    _excess: float = np.inf
    _far: Floats = field(default_factory=lambda: np.empty(0))

    def add(self, found: Assessment, limits: list[str], generator: np.random.Generator) -> None:
        """Take note of networks.

        Args:
            found: The networks.
            limits: Names of the budgets.
            generator: Chooses between those that are equally near.
        """
        self.tried += len(found.genes)
        self.feasible |= bool(found.feasible.any())
        best = int(found.excess.argmin())
        if self.nearest is None or found.excess[best] < self._excess:
            self.nearest, self._excess = found.genes[best], float(found.excess[best])
        genes = found.genes if self.near is None else np.concatenate([self.near, found.genes])
        far = np.concatenate([self._far, found.distance])
        self.near, self._far = nearest(genes, far, generator)
        possible, kept = found.connected & found.fits, found.violations <= 0
        counted = (kept & possible).astype(np.float64)
        pairs = counted @ counted.T > 0
        self.together = pairs if self.together is None else self.together | pairs
        for row, name in enumerate(limits):
            others = possible & np.delete(kept, row, axis=0).all(axis=0)
            _note(self.alone, name, found, row, possible)
            _note(self.given, name, found, row, others)

    def out_of_reach(self, limits: list[str]) -> set[str]:
        """Return the budgets that no network keeps."""
        return {n for n in limits if n not in self.alone or self.alone[n].violation > 0}

    def conflicts(self, limits: list[str]) -> list[tuple[str, str]]:
        """Return the pairs of budgets that are each kept by some network, but by none together."""
        assert self.together is not None
        own = self.together.diagonal()
        return [
            (limits[a], limits[b])
            for a, b in combinations(np.flatnonzero(own).tolist(), 2)
            if not self.together[a, b]
        ]


def looked_apart(
    region: FeasibleRegion, generator: np.random.Generator, effort: Effort
) -> Iterator[Assessment]:
    """Yield networks that come near single budgets, near two, and near one within all others.

    Args:
        region: In which nothing was found.
        generator: Source of randomness.
        effort: What was seen; told of what is yielded before more is asked for.
    """
    limits = region.limits

    def towards(distance: Callable[[Assessment], Floats]) -> Iterator[Assessment]:
        generations = evolved(region.space, region.assess, generator, distance, effort.near)
        return islice(generations, _GENERATIONS)

    for row, name in enumerate(limits):
        if name in effort.out_of_reach(limits):
            yield from towards(_to([row], []))
    for pair in effort.conflicts(limits):
        yield from towards(_to([], [limits.index(name) for name in pair]))
    for row, name in enumerate(limits):
        others = [other for other in range(len(limits)) if other != row]
        if others and effort.out_of_reach(limits) <= {name}:
            yield from towards(_to([row], others))


def _to(least: list[int], kept: list[int]) -> Callable[[Assessment], Floats]:
    """Return the distance to networks that keep some budgets and, then, take least of others."""

    def distance(found: Assessment) -> Floats:
        missed = np.log1p(found.violations[kept].clip(min=0)).sum(axis=0)
        wanted = np.arctan(found.violations[least].sum(axis=0))
        far = np.where(missed > 0, np.pi + missed, wanted)
        return np.where(found.connected & found.fits, far, np.inf)

    return distance


def _note(
    least: dict[str, Least], name: str, found: Assessment, row: int, among: NDArray[np.bool_]
) -> None:
    violations = np.where(among, found.violations[row], np.inf)
    best = int(violations.argmin())
    violation = float(violations[best])
    if violation < (least[name].violation if name in least else np.inf):
        least[name] = Least(violation, float(found.quantities[name][best]))
