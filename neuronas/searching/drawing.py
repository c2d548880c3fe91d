"""Drawing one candidate: uniformly where enough fits, else by evolution, at last by enumeration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from neuronas.errors import SpaceExhaustedError
from neuronas.searching.assessment import Assessment, Ints
from neuronas.searching.effort import Effort, looked_apart
from neuronas.searching.evolution import evolved
from neuronas.searching.infeasible import infeasible

if TYPE_CHECKING:
    from neuronas.searching.region import FeasibleRegion

IsNew = Callable[[bytes], bool]

CHUNK = 2048
"""Networks per batch: their arrays stay within a processor's second-level cache."""

_REJECTION_CHUNKS = 11
"""Uniform draws before evolution, 128 to begin with: 16,256 networks."""
_GENERATIONS = 240
"""Of evolution, some 130,000 networks; a population takes some 15 to come as near as it can."""
_SMALL = 2**14
"""Genotypes that are enumerated instead of evolved: less than a tenth of a second."""
_ENUMERABLE = 2**18
"""Genotypes that are enumerated to be sure that none fits: a second or two."""
_PROVABLE = 2**22
"""Genotypes that are enumerated to be sure that a search is over: about 20 seconds."""
_REPAIRS = 512


def draw(
    region: FeasibleRegion,
    generator: np.random.Generator,
    is_new: IsNew,
    known: Ints | None = None,
) -> Ints:
    """Return a feasible genotype, shape ``(G,)``, of a network that is new.

    See :meth:`FeasibleRegion.draw`.
    """
    effort, size = Effort(), region.space.size

    def first_taken(batches: Iterator[Assessment]) -> Ints | None:
        for assessment in batches:
            index = taken(region, assessment, is_new)
            if index is not None:
                return np.asarray(assessment.genes[index])
            effort.add(assessment, region.limits, generator)
        return None

    genes = first_taken(_uniform(region, generator))
    if genes is None and size > _SMALL:
        assert effort.near is not None
        first = effort.near if known is None else np.concatenate([effort.near, known])
        effort.feasible |= bool(region.assess(first).feasible.any())
        genes = first_taken(_evolved(region, generator, first))
    if genes is None and not effort.feasible and size > _ENUMERABLE:
        genes = first_taken(looked_apart(region, generator, effort))
    elif genes is None and size <= _PROVABLE:
        effort = Effort(everything=True)
        genes = first_taken(enumerated(region, generator))
    if genes is not None:
        return genes
    if not effort.feasible:
        raise infeasible(region, generator, effort)
    if effort.everything:
        raise SpaceExhaustedError("every feasible network of the space was proposed")
    raise SpaceExhaustedError(
        f"no unseen feasible network found in {effort.tried:,} draws; the space of "
        f"{size:,} genotypes is too large to look at each"
    )


def _uniform(region: FeasibleRegion, generator: np.random.Generator) -> Iterator[Assessment]:
    for chunk in range(_REJECTION_CHUNKS):
        yield region.assess(region.space.sample(generator, min(CHUNK, 128 << chunk)))


def _evolved(
    region: FeasibleRegion, generator: np.random.Generator, first: Ints
) -> Iterator[Assessment]:
    distance = attrgetter("distance")
    generations = evolved(region.space, region.assess, generator, distance, first)
    return islice(generations, _GENERATIONS)


def enumerated(region: FeasibleRegion, generator: np.random.Generator) -> Iterator[Assessment]:
    """Yield all genotypes of the space, in random order."""
    for start in generator.permutation(np.arange(0, region.space.size, CHUNK)):
        stop = min(int(start) + CHUNK, region.space.size)
        order = generator.permutation(stop - int(start))
        yield region.assess(region.space.enumerate(int(start), stop)[order])


def repair(
    region: FeasibleRegion, generator: np.random.Generator, genes: Ints, is_new: IsNew
) -> Ints | None:
    """Return a new feasible genotype near ``genes``, shape ``(G,)``; None if none is near."""
    searched = max(1, len(region.space.searched))
    for changes in (1, 2, 4):
        batch = np.repeat(genes[None], _REPAIRS, axis=0)
        rate = min(1.0, changes / searched)
        assessment = region.assess(region.space.mutate(generator, batch, rate))
        index = taken(region, assessment, is_new)
        if index is not None:
            return np.asarray(assessment.genes[index])
    return None


def taken(region: FeasibleRegion, assessment: Assessment, is_new: IsNew) -> int | None:
    """Return the first feasible network that is new; count what was drawn up to it."""
    index = _first_new(assessment, is_new)
    stop = len(assessment.genes) if index is None else index + 1
    region.tally.count(assessment, region.limits, stop, taken=index is not None)
    return index


def _first_new(assessment: Assessment, is_new: IsNew) -> int | None:
    """Return the index of the first feasible network that is new."""
    feasible = np.flatnonzero(assessment.feasible)
    step = 64
    for start in range(0, len(feasible), step):
        indices = feasible[start : start + step]
        for index, key in zip(indices, assessment.keys(indices), strict=True):
            if is_new(key):
                return int(index)
    return None
