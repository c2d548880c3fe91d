"""Which untrained networks the published training-free methods look at, and what they turn away.

What is known of the methods is kept; what their papers or code leave open is our choice:

- ``snasnet`` (SNASNet, arXiv 2201.10355, and its code): random networks, as in the code only those
  with a live operation on the edge from a cell's input to its output; hardware is not asked.
- ``neuronas-v1`` (HASNAS / NeuroNAS, arXiv 2407.00641): all pairs of cell A and cell B, checked for
  memory, area, latency and energy in this order, before any is scored. How its fitness function is
  made is not published; SNASNet's score, which its authors' code base has, stands in for it. So
  is how many it scores: at most ``search.candidates`` of those that fit, a random sample. A space
  of more than 131,072 genotypes is sampled instead of enumerated.
- ``spikenas`` (SpikeNAS, arXiv 2402.11322): the same, but of the budgets memory alone is checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import EDGES, Networks, live_edges
from neuronas.errors import SpaceExhaustedError
from neuronas.hardware import NO_ROOM
from neuronas.searching.assessment import DISCONNECTED, Assessment, Ints, Tally
from neuronas.searching.drawing import CHUNK
from neuronas.searching.region import FeasibleRegion

MEMORY = ("parameters", "memory_bytes")
AREA = "area_mm2"
NO_DIRECT_EDGE = "no edge from input to output"
EQUAL = "equal to another"
NOT_SCORED = "not among search.candidates"

_ENUMERABLE = 2**17
_LEAST_BATCH = 64
_MOST_DRAWN = 2**20
"""Genotypes of a sampled space that are drawn at most: some ten seconds."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a method chooses what it scores.

    Attributes:
        budgets: Budgets that it checks, in its order, whichever of them a study sets; all where
            None, in the order in which constraints are written: memory, area, latency, energy.
        exhaustive: Whether it looks at all networks of a space that is small enough.
        direct_edge: Whether cells need an operation from input to output.
    """

    budgets: tuple[str, ...] | None
    exhaustive: bool
    direct_edge: bool = False

    def checks(self, region: FeasibleRegion) -> list[str]:
        """Return what it checks of a study's networks, in order; each turns away what is left."""
        budgets = [n for n in region.limits if self.budgets is None or n in self.budgets]
        if self.budgets is None:  # the room on a chip of fixed size is a matter of area
            memory = sum(name in MEMORY for name in budgets)
            budgets.insert(memory, NO_ROOM)
        return [DISCONNECTED, *([NO_DIRECT_EDGE] if self.direct_edge else []), *budgets]


METHODS = {
    "snasnet": Method((), exhaustive=False, direct_edge=True),
    "spikenas": Method(MEMORY, exhaustive=True),
    "neuronas-v1": Method(None, exhaustive=True),
}


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The networks that a method scores.

    Attributes:
        genes: Distinct networks, shape ``(N, G)``.
        tally: What was looked at, and what each check turned away, each genotype once.
        enumerated: Whether the whole space was looked at.
    """

    genes: Ints
    tally: Tally
    enumerated: bool


def shortlist(
    method: Method, region: FeasibleRegion, generator: np.random.Generator, count: int
) -> Shortlist:
    """Return the networks that a method scores, in random order.

    Args:
        method: The method.
        region: The study's space, budget and chip.
        generator: Source of randomness.
        count: Networks, at most; fewer where no more pass the checks.

    Raises:
        SpaceExhaustedError: None passes the checks.
    """
    small = region.space.size <= _ENUMERABLE
    enumerated = small and method.exhaustive
    first = CHUNK if enumerated else min(CHUNK, max(_LEAST_BATCH, count))
    batches = (_all if small else _random)(region, generator, first)
    found: dict[bytes, Ints] = {}
    tally = Tally()
    for genes in batches:
        assessment = region.assess(genes)
        passing = _checked(method, region, assessment, tally)
        before = len(found)
        for row, key in zip(passing, assessment.keys(passing), strict=True):
            found.setdefault(key, genes[row])
        tally.reasons[EQUAL] += len(passing) - (len(found) - before)
        if len(found) >= count and not enumerated:
            break
    if not found:
        reasons = ", ".join(f"{n:,} {name}" for name, n in (+tally.reasons).items())
        raise SpaceExhaustedError(
            f"none of {tally.drawn:,} networks passed the checks ({reasons}); this sampler looks "
            "no further, others draw inside the budget"
        )
    chosen = np.stack(list(found.values())[:count])
    tally.reasons[NOT_SCORED] = len(found) - len(chosen)
    tally.rejected = tally.drawn - len(chosen)
    return Shortlist(chosen, tally, enumerated)


def _all(region: FeasibleRegion, generator: np.random.Generator, first: int) -> Iterator[Ints]:
    """Yield all genotypes of a space in random order."""
    genes = region.space.enumerate(0, region.space.size)[generator.permutation(region.space.size)]
    for start, stop in _batches(first, len(genes)):
        yield genes[start:stop]


def _random(region: FeasibleRegion, generator: np.random.Generator, first: int) -> Iterator[Ints]:
    for start, stop in _batches(first, _MOST_DRAWN):
        yield region.space.sample(generator, stop - start)


def _batches(size: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of batches, each twice as large as the last until ``CHUNK``."""
    start = 0
    while start < end:
        stop = min(start + size, end)
        yield start, stop
        start, size = stop, min(2 * size, CHUNK)


def _checked(method: Method, region: FeasibleRegion, assessment: Assessment, tally: Tally) -> Ints:
    """Return the rows that pass all checks; count each of the others under the first it fails."""
    failing = assessment.rejected(region.limits)
    failing[NO_DIRECT_EDGE] = ~_has_direct_edges(assessment.networks)
    left = np.ones(len(assessment.genes), dtype=bool)
    counts = Counter[str]()
    for check in method.checks(region):
        counts[check] = int((left & failing[check]).sum())
        left &= ~failing[check]
    tally.drawn += len(left)
    tally.reasons.update(counts)
    return np.flatnonzero(left)


def _has_direct_edges(networks: Networks) -> NDArray[np.bool_]:
    direct = EDGES.index((0, 3))
    a, b = (
        live_edges(cell, networks.time_steps)[:, direct]
        for cell in (networks.cell_a, networks.cell_b)
    )
    return np.asarray(a & b)
