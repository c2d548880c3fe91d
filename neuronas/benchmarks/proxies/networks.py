"""The networks of the benchmark: one endless sequence, the same every time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import (
    Architecture,
    Networks,
    SearchSpace,
    live_edges,
    network_keys,
)
from neuronas.config import SpaceConfig, StudyConfig, WeightBitsConfig

SIDE = 14
"""Height and width of the images."""

SPACE = SpaceConfig(
    cells="distinct",
    channels=[4, 6, 8, 12, 16],
    ratio=[1, 2],
    pool=[1, 2],
    hidden=[0, 32],
    time_steps=[2, 3, 4],
    threshold=[0.5, 1.0],
    weight_bits=WeightBitsConfig(cell_a=[2, 4, 8], cell_b=[2, 4, 8]),
)
"""What differs between the networks."""

BARELY = 10
"""Every one of so many networks is barely connected."""

_BARELY_EDGES = 3
"""Edges on paths that a barely connected network has at most, in both cells together."""

_SEED = 0
_BLOCK = 1024


def networks() -> Iterator[Architecture]:
    """Yield connected networks, no two equal; every tenth is barely connected.

    The sequence does not depend on how much of it is taken.
    """
    generator = np.random.default_rng(_SEED)
    seen: set[bytes] = set()
    ordinary: deque[Architecture] = deque()
    barely: deque[Architecture] = deque()
    for number in itertools.count(1):
        wanted = ordinary if number % BARELY else barely
        while not wanted:
            drawn = _drawn(generator, seen)
            thin = _edges(drawn) <= _BARELY_EDGES
            for index in range(len(drawn)):
                (barely if thin[index] else ordinary).append(drawn[index])
        yield wanted.popleft()


def _drawn(generator: np.random.Generator, seen: set[bytes]) -> Networks:
    """Return connected networks that were not seen before, in canonical form."""
    study = StudyConfig(name="bench", dataset="fashion_mnist", space=SPACE)
    space = replace(SearchSpace.of(study), input_shape=(1, SIDE, SIDE))
    drawn = space.decode(space.sample(generator, _BLOCK)).canonical()
    kept: list[int] = []
    connected = drawn.connected()
    for index, key in enumerate(network_keys(drawn)):
        if connected[index] and key not in seen:
            seen.add(key)
            kept.append(index)
    return drawn.take(np.array(kept, dtype=np.int64))


def _edges(drawn: Networks) -> NDArray[np.int64]:
    """Return how many edges are on a path, shape ``(N,)``."""
    both = (live_edges(cells).sum(axis=1) for cells in (drawn.cell_a, drawn.cell_b))
    return np.asarray(sum(both))
