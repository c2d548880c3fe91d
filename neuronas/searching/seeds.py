"""The study's seed tree: every random draw of a search derives from the study's seed.

A draw is named by its place, not by the process that makes it, so a restart neither repeats nor
shifts draws.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a branch of the seed tree is for."""

    PROPOSAL = 0
    SAMPLER = 1
    SURVEY = 2
    TRAINING = 3
    FINAL = 4
    POOL = 20
    ABLATION = 21


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the generator of one place in the seed tree."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *place)))


def derived_seed(seed: int, stream: Stream, *place: int) -> int:
    """Return a seed below 2**31 for libraries that want an integer."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, *place))
    return int(sequence.generate_state(1)[0] >> 1)


def training_seed(seed: int, training_digest: str, index: int = 0) -> int:
    """Return the seed of a network's training: equal networks of a study train alike.

    The search trains each network once, with index 0.
    """
    place = [index] if index else []
    return derived_seed(seed, Stream.TRAINING, *place, *_words(training_digest))


def final_seed(seed: int, training_digest: str, index: int) -> int:
    """Return the seed of a network's final training number ``index``."""
    return derived_seed(seed, Stream.FINAL, index, *_words(training_digest))


def _words(training_digest: str) -> list[int]:
    return [int(training_digest[start : start + 8], 16) for start in range(0, 32, 8)]
