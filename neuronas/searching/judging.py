"""What candidates promise, after what the trained networks have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from neuronas.searching.acquisition import expected_hypervolume_improvement
from neuronas.searching.assessment import Ints
from neuronas.searching.features import FeatureMap
from neuronas.searching.firing import FiringModel
from neuronas.searching.history import Trained
from neuronas.searching.objectives import ACCURACY, QUANTITIES, gain
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.surrogate import GaussianProcess, Variances

Floats = NDArray[np.float64]
Quantities = Mapping[str, Floats]

_CERTAIN = 1e-9
_LEAST_DEVIATION = 1e-3
"""Of a cost that depends on spike rates, relative: nothing is expected more exactly."""
_TELLING = 3
"""Networks with measured spike rates, from which on rates are expected instead of assumed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a study asks.

    Attributes:
        region: Where it looks.
        objectives: In the order of its values.
        reference: Worst value per objective, from which hypervolume is measured.
    """

    region: FeasibleRegion
    objectives: Sequence[str]
    reference: Mapping[str, float]

    @property
    def learns_accuracy(self) -> bool:
        """Whether accuracy is an objective; all else is computed."""
        return ACCURACY in self.objectives

    def cost_gains(self, quantities: Quantities) -> Floats:
        """Return what networks gain in each objective but accuracy, shape ``(N, K)``."""
        names = [name for name in self.objectives if name != ACCURACY]
        count = len(next(iter(quantities.values())))
        columns = [gain(n, quantities[QUANTITIES[n]], self.reference[n]) for n in names]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0))


class Judge:
    """What is expected of networks, in the light of those that were trained.

    Args:
        question: What the study asks.
        features: What is seen of a network.
        trained: Trained networks, at least one if accuracy is an objective.
        in_flight: Genotypes of networks that are being trained; they are taken to turn out as
            expected, so that others are proposed beside them.
        variances: Of the surrogate of accuracy.
    """

    def __init__(
        self,
        question: Question,
        features: FeatureMap,
        trained: Sequence[Trained],
        in_flight: Sequence[Ints],
        variances: Variances | None,
    ) -> None:
        self._question = question
        self._features = features
        self._firing, self._deviations = self._learn_firing(trained)
        genes = np.array([*(t.genes for t in trained), *in_flight], dtype=np.int64)
        self._accuracy: GaussianProcess | None = None
        if question.learns_accuracy:
            values = np.array([t.accuracy for t in trained])
            self._accuracy = self._learn_accuracy(genes, values, variances)
        self._front = self._standing(genes, trained)

    def promise(self, genes: Ints, quantities: Quantities) -> tuple[Floats, Floats]:
        """Return what candidates promise, shape ``(N,)`` each.

        Args:
            genes: Genotypes, shape ``(N, G)``.
            quantities: What they cost at the assumed spike rates.

        Returns:
            The hypervolume that each is expected to add, and the probability that it stays within
            every budget once its spike rates are measured. The former is weighted by the latter.
        """
        expected = self._expected(genes, quantities)
        probability = self._probability(expected)
        mean, deviation = self._gain_in_accuracy(genes)
        costs = self._question.cost_gains(expected)
        value = expected_hypervolume_improvement(self._front, mean, deviation, costs)
        return value * probability, probability

    def _gain_in_accuracy(self, genes: Ints) -> tuple[Floats, Floats]:
        if self._accuracy is None:
            return np.ones(len(genes)), np.full(len(genes), _CERTAIN)
        mean, deviation = self._accuracy.predict(self._features(genes))
        return mean - self._question.reference[ACCURACY], deviation

    def _learn_accuracy(
        self, genes: Ints, values: Floats, variances: Variances | None
    ) -> GaussianProcess:
        seen = self._features(genes)
        known = seen.take(slice(0, len(values)))
        variances = variances or Variances.usual(seen)
        process = GaussianProcess(known, values, variances)
        if len(genes) == len(values):
            return process
        fantasies = process.mean(seen.take(slice(len(values), None)))
        return GaussianProcess(seen, np.append(values, fantasies), variances)

    def _learn_firing(
        self, trained: Sequence[Trained]
    ) -> tuple[FiringModel | None, dict[str, float]]:
        """Return the expected rates, and how far costs at them are off, relative, by quantity."""
        told = [t for t in trained if t.rates]
        if len(told) < _TELLING:
            return None, {}
        genes = np.array([t.genes for t in told])
        model = FiringModel(self._features(genes), [t.rates for t in told])
        region = self._question.region
        measured = region.assess(genes, rates=_columns(told)).quantities
        expected = region.assess(genes, rates=model.left_out()).quantities
        assumed = region.assess(genes).quantities
        deviations = {
            name: max(_LEAST_DEVIATION, float(np.sqrt(np.mean(np.log(expected[name] / own) ** 2))))
            for name, own in measured.items()
            if (own != assumed[name]).any()
        }
        return model, deviations

    def _expected(self, genes: Ints, quantities: Quantities) -> Quantities:
        """Return what networks are expected to cost; exact where spike rates say nothing."""
        if self._firing is None or not self._matters():
            return quantities
        rates = self._firing.expected(self._features(genes))
        return self._question.region.assess(genes, rates=rates).quantities

    def _matters(self) -> bool:
        """Whether anything that is asked depends on spike rates."""
        asked = {QUANTITIES[name] for name in self._question.objectives if name != ACCURACY}
        return bool(self._deviations.keys() & (asked | {*self._question.region.limits}))

    def _probability(self, quantities: Quantities) -> Floats:
        region = self._question.region
        probability = np.ones(len(next(iter(quantities.values()))))
        for name, violation in zip(
            region.limits, region.budget.violations(quantities), strict=True
        ):
            deviation = self._deviations.get(name)
            if deviation is None:
                probability *= violation <= 0
            else:
                probability *= ndtr(-violation / deviation)
        return probability

    def _standing(self, genes: Ints, trained: Sequence[Trained]) -> tuple[Floats, Floats]:
        """Return the gains of networks that are within the budget, as far as is known."""
        region = self._question.region
        if not len(genes):
            return np.zeros(0), np.zeros((0, len(self._question.objectives)))
        quantities = dict(self._expected(genes, region.assess(genes).quantities))
        told = [row for row, network in enumerate(trained) if network.rates]
        if told:
            own = region.assess(genes[told], rates=_columns([trained[row] for row in told]))
            for name, values in own.quantities.items():
                quantities[name] = quantities[name].copy()
                quantities[name][told] = values
        within = (region.budget.violations(quantities) <= 0).all(axis=0)
        accuracy = self._gain_in_accuracy(genes)[0]
        return accuracy[within], self._question.cost_gains(quantities)[within]


def _columns(trained: Sequence[Trained]) -> dict[str, Floats]:
    """Return measured rates by layer, shape ``(n,)`` each, NaN where a network lacks it."""
    layers = sorted(set().union(*(t.rates for t in trained)))
    return {name: np.array([t.rates.get(name, np.nan) for t in trained]) for name in layers}
