"""The candidates among which a sampler chooses: all of a small space, else many that evolve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuronas.searching.assessment import Ints
from neuronas.searching.beliefs import Beliefs
from neuronas.searching.drawing import IsNew
from neuronas.searching.features import FeatureMap, Floats
from neuronas.searching.judging import Candidates
from neuronas.searching.pooling import Pool, fitting
from neuronas.searching.question import Question
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.surrogate import Coordinates

_WHOLE = 2**17
"""Genotypes of a space that is looked at whole."""
_KEPT = 12_288
"""Candidates that are kept of a larger one, from proposal to proposal."""
_FIRST = 4096
"""Those at the first one, which nobody has to wait for long."""
_FRESH, _NEAR = 1024, 2048
"""Those that come in at each: drawn and near what was trained, and near the most promising."""
_SAMPLE = 2048


class Population:
    """Candidates of one study.

    Args:
        question: What the study asks.
        seed: The study's seed, of which features are scaled.
        offered: Genotypes that are candidates from the start.
    """

    def __init__(self, question: Question, seed: int, offered: Sequence[Ints] = ()) -> None:
        self._region = question.region
        self._offered = offered
        self._whole = question.region.space.size <= _WHOLE
        self._kept: Candidates | None = None
        self._beliefs: Beliefs | None = None
        count = _WHOLE if self._whole else _SAMPLE
        sample = self._region.pool(generator(seed, Stream.SURVEY, 1), count)
        self._features = FeatureMap(self._region.space, sample.genes)
        self._sample = sample if self._whole else None

    def seen(self, genes: Sequence[Ints]) -> Coordinates:
        """Return what is seen of some genotypes, exactly."""
        width = len(self._region.space.parameters)
        rows = np.array(genes, dtype=np.int64).reshape(len(genes), width)
        return Coordinates.of(self._features(rows))

    def renewed(
        self, source: np.random.Generator, begun: Sequence[Ints], beliefs: Beliefs, is_new: IsNew
    ) -> Candidates:
        """Return the candidates for one proposal.

        Args:
            source: Source of randomness.
            begun: Genotypes of what was trained or is in flight.
            beliefs: What was learned.
            is_new: Whether a network may be proposed.
        """
        if self._kept is not None and beliefs is not self._beliefs:
            expected = beliefs.expected(self._kept.genes, self._kept.seen, self._kept.assumed)
            self._kept = self._kept.expecting(expected)
        self._beliefs = beliefs
        kept = self._kept
        if kept is None or not self._whole:
            kept = self._joined(kept, source, begun, is_new)
        self._kept = kept.take(np.flatnonzero([is_new(key) for key in kept.keys]))
        return self._kept

    def _joined(
        self,
        kept: Candidates | None,
        source: np.random.Generator,
        begun: Sequence[Ints],
        is_new: IsNew,
    ) -> Candidates:
        if self._sample is not None:
            return self._made(self._sample)
        known = np.array(begun) if begun else None
        count, present = (_FRESH, set(kept.keys)) if kept else (_FIRST, set())
        pool = self._region.pool(
            source, count, known=known, is_new=lambda key: key not in present and is_new(key)
        )
        fresh = self._made(pool)
        if kept:
            return kept.followed(fresh)
        return fresh.followed(self._made(self._others(pool, is_new))) if self._offered else fresh

    def _others(self, pool: Pool, is_new: IsNew) -> Pool:
        """Return what is offered and may be proposed, but is not in a pool."""
        present = set(pool.keys)
        return fitting(
            self._region, np.array(self._offered), lambda key: key not in present and is_new(key)
        )

    def near(
        self, source: np.random.Generator, promising: Ints, is_new: IsNew
    ) -> Candidates | None:
        """Return candidates near promising ones, shape ``(N, G)``; None where all are known."""
        if self._whole or self._kept is None:
            return None
        present = set(self._kept.keys)
        pool = self._region.pool(
            source, _NEAR, known=promising, is_new=lambda key: key not in present and is_new(key)
        )
        return self._made(pool)

    def keep(self, candidates: Candidates, value: Floats) -> None:
        """Keep the most promising of candidates for the next proposal."""
        if not self._whole:
            rows = np.argsort(-value, kind="stable")[:_KEPT]
            self._kept = candidates.take(rows)

    def _made(self, pool: Pool) -> Candidates:
        seen = Coordinates.of(self._features(pool.genes), np.float32)
        assumed = pool.quantities
        assert self._beliefs is not None
        expected = self._beliefs.expected(pool.genes, seen, assumed)
        unknown = np.full(len(pool), np.nan)
        return Candidates(pool.genes, pool.keys, assumed, expected, seen, unknown)
