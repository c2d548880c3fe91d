"""The sampler that computes what can be computed: only accuracy and spike rates are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import FEASIBLE_PROBABILITY
from neuronas.searching.features import FeatureMap
from neuronas.searching.history import History, Trained
from neuronas.searching.judging import Judge, Question
from neuronas.searching.pooling import Pool
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.surrogate import Variances, learned

_START = 3
"""Networks that are trained before anything is learned from them."""
_WHOLE = 2**16
"""Genotypes of a space that is looked at whole."""
_POOL, _NEAR = 12_288, 4096
"""Candidates of a larger one: drawn and around what was trained, and around the most promising."""
_SAMPLE = 2048
_PROMISING = 64
_FRESH = 0.05
"""Share of new networks after which the surrogate's variances are learned again."""


class HardwareAwareSampler(GatedSampler):
    """Proposes what is expected to add most hypervolume; hardware costs are known to it.

    Accuracy is learned by a Gaussian process on graph features, spike rates by a second one;
    costs are computed at the expected spike rates. Works in ``study.optimize`` too: it reads the
    values of finished trials and their user attributes ``spike_rates`` and ``accuracy``.

    Args:
        region: The feasible region.
        seed: The study's seed.
        objectives: Of the study, in the order of its values.
        reference: Worst value per objective, from which hypervolume is measured.
    """

    def __init__(
        self,
        region: FeasibleRegion,
        seed: int,
        objectives: Sequence[str],
        reference: Mapping[str, float],
    ) -> None:
        super().__init__(region, seed)
        self._question = Question(region, objectives, reference)
        self._history = History(region.space, objectives)
        self._features: FeatureMap | None = None
        self._whole: Pool | None = None
        self._learned: tuple[int, Variances] | None = None

    def _propose(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Ints:
        del search_space  # the space is known
        self._history.read(study, trial.number)
        trained, in_flight = self._history.trained, self._history.in_flight
        source = generator(self._seed, Stream.SAMPLER, trial.number)
        pool = self._candidates(source, trained)
        if len(pool) == 0:
            return self._draw(trial.number)
        features = self._feature_map()
        if self._question.learns_accuracy and len(trained) < _START:
            started = [*(t.genes for t in trained), *in_flight]
            return pool.genes[_apart(source, features, pool.genes, started)]
        judge = Judge(self._question, features, trained, in_flight, self._variances(trained))
        value, probability = judge.promise(pool.genes, pool.quantities)
        best = np.argsort(-value, kind="stable")[:_PROMISING]
        found = (value[best[0]], probability[best[0]], pool.genes[best[0]])
        if self._whole is None:
            near = self.region.pool(source, _NEAR, known=pool.genes[best], is_new=self._is_new)
            value, probability = judge.promise(near.genes, near.quantities)
            first = int(value.argmax())
            if value[first] > found[0]:
                found = (value[first], probability[first], near.genes[first])
        trial.set_user_attr(FEASIBLE_PROBABILITY, float(found[1]))
        return np.asarray(found[2])

    def _candidates(self, source: np.random.Generator, trained: Sequence[Trained]) -> Pool:
        """Return new feasible networks: all of a small space, else many."""
        if self.region.space.size <= _WHOLE:
            if self._whole is None:
                self._whole = self.region.pool(source, self.region.space.size)
            new = [row for row, key in enumerate(self._whole.keys) if self._is_new(key)]
            return self._whole.take(np.array(new, dtype=np.int64))
        known = np.array([t.genes for t in trained]) if trained else None
        return self.region.pool(source, _POOL, known=known, is_new=self._is_new)

    def _feature_map(self) -> FeatureMap:
        if self._features is None:
            source = generator(self._seed, Stream.SURVEY, 1)
            pool = self._whole or self.region.pool(source, _SAMPLE)
            self._features = FeatureMap(self.region.space, pool.genes)
        return self._features

    def _variances(self, trained: Sequence[Trained]) -> Variances | None:
        """Return the surrogate's variances, learned again whenever enough is new."""
        if not self._question.learns_accuracy:
            return None
        count, known = self._learned or (0, None)
        if known is None or len(trained) - count >= max(2, _FRESH * len(trained)):
            features = self._feature_map()(np.array([t.genes for t in trained]))
            accuracy = np.array([t.accuracy for t in trained])
            known = learned(features, accuracy, start=known)
            self._learned = len(trained), known
        return known


def _apart(
    source: np.random.Generator, features: FeatureMap, genes: Ints, started: Sequence[Ints]
) -> int:
    """Return a candidate far from those begun, by the square of its distance.

    As k-means++ chooses its centres (Arthur and Vassilvitskii, SODA 2007).
    """
    if not started:
        return int(source.integers(len(genes)))
    seen, known = features(genes), features(np.array(started))
    a = np.concatenate([seen.main, seen.edges], axis=1)
    b = np.concatenate([known.main, known.edges], axis=1)
    nearest = np.min([((a - row) ** 2).sum(axis=1) for row in b], axis=0)
    total = nearest.sum()
    share = nearest / total if total > 0 else None
    return int(source.choice(len(genes), p=share))
