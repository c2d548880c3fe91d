"""What a space would have to allow beyond its choices for anything of it to fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, cast

import numpy as np

from neuronas.architecture import GROUPS, Choice, SearchSpace
from neuronas.searching.assessment import Ints
from neuronas.searching.evolution import evolved

if TYPE_CHECKING:
    from neuronas.searching.region import FeasibleRegion

_GENERATIONS = 10
_NARROWER_BITS = (8, 6, 5, 4, 3, 2)
_CHEAP_OPERATIONS = ("conv1x1", "skip", "zeroize")

Added = dict[str, Choice]
"""A choice more per parameter, by its name."""


def relaxations(region: FeasibleRegion, generator: np.random.Generator, near: Ints) -> list[str]:
    """Return the choices of which each alone lets a network fit, that was found: ``channels 8``.

    Of each dimension the mildest that is enough.

    Args:
        region: In which nothing fits.
        generator: Source of randomness.
        near: Genotypes to begin with, shape ``(M, G)``.
    """
    found = []
    for name, steps in _dimensions(region.space).items():
        # What the furthest step cannot do, the milder ones cannot.
        if not steps or not _fits(region, generator, near, steps[-1]):
            continue
        enough = next((s for s in steps[:-1] if _fits(region, generator, near, s)), steps[-1])
        found.append(f"{name} {next(iter(enough.values()))}")
    return found


def _dimensions(space: SearchSpace) -> dict[str, list[Added]]:
    """Return what might be allowed, by its key in study files, mildest first."""
    choices = {p.name: p.choices for p in space.parameters}
    found: dict[str, list[Added]] = {
        name: [{name: value} for value in _halves(int(min(choices[name])))]
        for name in ("time_steps", "channels", "ratio", "hidden", "votes")
    }
    side = min(space.input_shape[1:]) // 2
    found["pool"] = [{"pool": value} for value in _doubles(int(max(choices["pool"])), side)]
    least = {f"weight_bits.{group}": int(min(choices[f"weight_bits.{group}"])) for group in GROUPS}
    found["weight_bits"] = [
        {name: bits for name, own in least.items() if bits < own}
        for bits in _NARROWER_BITS
        if bits < max(least.values())
    ]
    edges = [name for name in choices if name.startswith("cell")]
    found["operations"] = [
        dict.fromkeys(edges, cast("Choice", operation))
        for operation in _CHEAP_OPERATIONS
        if operation not in choices[edges[0]]
    ]
    return found


def _halves(value: int) -> list[int]:
    return [value >> k for k in range(1, value.bit_length())]


def _doubles(value: int, most: int) -> list[int]:
    return [value << k for k in range(1, most.bit_length()) if value << k <= most]


def _fits(region: FeasibleRegion, generator: np.random.Generator, near: Ints, added: Added) -> bool:
    """Return whether a network was found that fits and takes what is added."""
    parameters, first, new = list(region.space.parameters), near.copy(), {}
    for place, parameter in enumerate(parameters):
        if parameter.name in added:
            parameters[place] = replace(
                parameter, choices=(*parameter.choices, added[parameter.name])
            )
            new[place] = len(parameter.choices)
    columns, indices = list(new), np.array(list(new.values()))
    wider = region.over(replace(region.space, parameters=tuple(parameters)))
    # Half of them take all that is added, the others it in some of the genes that it is for.
    moved = generator.integers(2, size=(len(first), len(columns))) == 1
    moved[: len(first) // 2] = True
    first[:, columns] = np.where(moved, indices, first[:, columns])
    distance = attrgetter("distance")
    generations = evolved(wider.space, wider.assess, generator, distance, first)
    return any(
        bool((found.feasible & (found.genes[:, columns] == indices).any(axis=1)).any())
        for found in chain([wider.assess(first)], islice(generations, _GENERATIONS))
    )
