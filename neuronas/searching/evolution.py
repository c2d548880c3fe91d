"""Evolution towards feasibility, where almost nothing of a search space is feasible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import SearchSpace
from neuronas.searching.assessment import Assessment, Ints

Floats = NDArray[np.float64]
Assess = Callable[[Ints], Assessment]
Distance = Callable[[Assessment], Floats]

PARENTS = 96
_NEWCOMERS = 1024
_CHILDREN = 512
"""Fewer take hardly less time: half of it goes with the batch, not with its networks."""
_PATIENCE = 12
"""Generations without a nearer network, after which a population starts anew."""
_CHANGES = 1.5
"""Genes of a child that are drawn anew, in the mean."""


def evolved(
    space: SearchSpace,
    assess: Assess,
    generator: np.random.Generator,
    distance: Distance,
    first: Ints | None = None,
) -> Iterator[Assessment]:
    """Yield generation after generation of genotypes that come nearer, endlessly.

    Children mix the genes of two of the nearest, in any proportion, and change some. When none came
    nearer for a while, a new population is begun with.

    Args:
        space: Where they live.
        assess: Costs them.
        generator: Source of randomness.
        distance: How far each is away, shape ``(N,)``.
        first: The first population, shape ``(N, G)``, which is not yielded; random if None.
    """
    while True:
        found = assess(space.sample(generator, _NEWCOMERS) if first is None else first)
        if first is None:
            yield found
        first = None
        genes, far = nearest(found.genes, distance(found), generator)
        stale = 0
        while stale < _PATIENCE:
            found = assess(children(space, generator, genes, _CHILDREN))
            yield found
            before = far.min()
            both = np.concatenate([genes, found.genes]), np.concatenate([far, distance(found)])
            genes, far = nearest(*both, generator)
            stale = 0 if far.min() < before else stale + 1


def children(space: SearchSpace, generator: np.random.Generator, parents: Ints, count: int) -> Ints:
    """Return ``count`` genotypes that mix and change those of parents, shape ``(N, G)``."""
    pairs = parents[generator.integers(len(parents), size=(2, count))]
    mixed = generator.random(pairs.shape[1:]) < generator.random((count, 1))
    rate = min(1.0, _CHANGES / max(1, len(space.searched)))
    return space.mutate(generator, np.where(mixed, pairs[1], pairs[0]), rate)


def nearest(genes: Ints, far: Floats, generator: np.random.Generator) -> tuple[Ints, Floats]:
    """Return the nearest of different genotypes, a population of them, and how far they are.

    Of those at equal distance, any: so a population that cannot come nearer wanders.
    """
    order = np.lexsort((generator.random(len(far)), far))
    _, firsts = np.unique(_hashes(genes[order]), return_index=True)
    kept = order[np.sort(firsts)[:PARENTS]]
    return genes[kept], far[kept]


def _hashes(rows: Ints) -> Ints:
    """Return a number per row of integers, ``(N, K)``: of unequal rows hardly ever the same."""
    factors = np.random.default_rng(0).integers(2**62, size=rows.shape[1]) * 2 + 1
    return np.asarray((rows * factors).sum(axis=1))
