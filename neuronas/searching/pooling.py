"""Pools of thousands of feasible networks, to choose among."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuronas.searching.assessment import Assessment, Ints
from neuronas.searching.drawing import CHUNK, draw, enumerated
from neuronas.searching.evolution import children, evolved

if TYPE_CHECKING:
    from neuronas.searching.region import FeasibleRegion

_ENOUGH_FITS = 0.5
"""Share of uniform draws that are feasible, below which descendants are looked at, too."""
_FRESH = 0.25
"""Share of uniform draws among those."""
_SOME_FIT = 0.05
"""Share of uniform draws that are feasible, below which none of them are looked at any more."""
_POPULATIONS = 5
"""That look for what fits, one after the other, where uniform draws find nothing."""
_GENERATIONS = 24
_PARENTS = 1024
_YIELD = 0.005
"""New feasible networks per genotype looked at, below which a pool is called complete."""
_PATIENCE = 8
"""Batches that may yield as little."""


@dataclass(frozen=True, slots=True)
class Pool:
    """N feasible networks, no two of them equal.

    Attributes:
        genes: Shape ``(N, G)``.
        keys: One per network, as of :meth:`Assessment.keys`.
        quantities: Cost per quantity, in the units of budgets, shape ``(N,)`` each.
        violations: Of the budgets, none above 0, shape ``(B, N)``.
    """

    genes: Ints
    keys: list[bytes]
    quantities: dict[str, NDArray[np.float64]]
    violations: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: Ints) -> Pool:
        """Return some of the networks."""
        return Pool(
            self.genes[rows],
            [self.keys[row] for row in rows.tolist()],
            {name: values[rows] for name, values in self.quantities.items()},
            self.violations[:, rows],
        )


class _Gathering:
    """A pool that fills, batch by batch."""

    def __init__(
        self, region: FeasibleRegion, size: int, is_new: Callable[[bytes], bool] | None
    ) -> None:
        self.region = region
        self.size = size
        self.stale = 0
        self._is_new = is_new
        self._keys: dict[bytes, None] = {}
        self._genes: list[Ints] = []
        self._quantities: list[dict[str, NDArray[np.float64]]] = []
        self._violations: list[NDArray[np.float64]] = []

    @property
    def done(self) -> bool:
        """Whether it is full, or hardly anything new is found any more."""
        return len(self._keys) >= self.size or self.stale >= _PATIENCE

    @property
    def genes(self) -> Ints:
        """Genotypes of what was gathered, shape ``(N, G)``."""
        empty = np.empty((0, len(self.region.space.parameters)), dtype=np.int64)
        return np.concatenate(self._genes) if self._genes else empty

    def add(self, found: Assessment) -> float:
        """Gather what is feasible and new; return which share of it is feasible."""
        self.region.tally.look(found, self.region.limits)
        return self.gather(found)

    def gather(self, found: Assessment) -> float:
        """Gather likewise, of genotypes that are not counted."""
        feasible, kept = np.flatnonzero(found.feasible), []
        for index, key in zip(feasible.tolist(), found.keys(feasible), strict=True):
            if len(self._keys) >= self.size:
                break
            if key not in self._keys and (self._is_new is None or self._is_new(key)):
                self._keys[key] = None
                kept.append(index)
        self._genes.append(found.genes[kept])
        self._quantities.append({name: q[kept] for name, q in found.quantities.items()})
        self._violations.append(found.violations[:, kept])
        self.stale = 0 if len(kept) > _YIELD * len(found.genes) else self.stale + 1
        return len(feasible) / len(found.genes)

    def pool(self) -> Pool:
        """Return what was gathered."""
        names = self._quantities[0]
        return Pool(
            self.genes,
            list(self._keys),
            {name: np.concatenate([part[name] for part in self._quantities]) for name in names},
            np.concatenate(self._violations, axis=1),
        )


def pool(
    region: FeasibleRegion,
    generator: np.random.Generator,
    size: int,
    known: Ints | None = None,
    is_new: Callable[[bytes], bool] | None = None,
) -> Pool:
    """Return up to ``size`` feasible networks, no two of them equal.

    See :meth:`FeasibleRegion.pool`.
    """
    space, gathered = region.space, _Gathering(region, size, is_new)
    if space.size <= max(CHUNK, size):
        for found in enumerated(region, generator):
            gathered.add(found)
        if is_new is None and not len(gathered.genes):
            draw(region, generator, _any, known)  # says what would have to give
        return gathered.pool()
    share = gathered.add(region.assess(space.sample(generator, CHUNK)))
    if share == 0:
        _begin(region, generator, gathered, known)
    ancestors = None if known is None else known[region.assess(known).feasible]
    uniform = share >= _ENOUGH_FITS and ancestors is None
    fresh = CHUNK if uniform else int(CHUNK * _FRESH) if share >= _SOME_FIT else 0
    while not gathered.done:
        parents = _parents(generator, gathered.genes, ancestors)
        if not len(parents):  # all that was found to fit was proposed before
            parents = space.sample(generator, CHUNK)
        descendants = children(space, generator, parents, CHUNK - fresh)
        genes = np.concatenate([space.sample(generator, fresh), descendants])
        gathered.add(region.assess(genes))
    return gathered.pool()


def fitting(region: FeasibleRegion, genes: Ints, is_new: Callable[[bytes], bool]) -> Pool:
    """Return those of some genotypes, shape ``(N, G)``, that are feasible and new, each once."""
    gathered = _Gathering(region, len(genes), is_new)
    gathered.gather(region.assess(genes))
    return gathered.pool()


def _begin(
    region: FeasibleRegion,
    generator: np.random.Generator,
    gathered: _Gathering,
    known: Ints | None,
) -> None:
    """Gather what several populations find, each for itself: what fits may lie far apart."""
    gathered.gather(region.assess(draw(region, generator, _any, known)[None]))
    distance = attrgetter("distance")
    for _ in range(_POPULATIONS):
        generations = evolved(region.space, region.assess, generator, distance)
        for found in islice(generations, _GENERATIONS):
            if gathered.add(found) > 0:
                break
    gathered.stale = 0


def _parents(generator: np.random.Generator, gathered: Ints, ancestors: Ints | None) -> Ints:
    """Return as many of what was gathered as of the ancestors that descendants are wanted of."""
    if ancestors is None or not len(ancestors):
        return gathered
    if not len(gathered):
        return ancestors
    return np.concatenate(
        [some[generator.integers(len(some), size=_PARENTS)] for some in (gathered, ancestors)]
    )


def _any(_: bytes) -> bool:
    return True
