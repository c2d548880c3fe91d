"""What is learned now and then: how accuracy varies, and how often neurons fire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from neuronas.searching.assessment import Ints
from neuronas.searching.firing import FiringModel
from neuronas.searching.history import Trained
from neuronas.searching.question import Floats, Quantities, Question
from neuronas.searching.surrogate import Coordinates, Variances, distinct, learned

_LEAST_DEVIATION = 1e-3
"""Of a cost that depends on spike rates, relative: nothing is expected more exactly."""
_TELLING = 3
"""Networks with measured spike rates, from which on rates are expected instead of assumed."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is learned from trained networks.

    Attributes:
        question: What the study asks.
        variances: Of the surrogate of accuracy; None where accuracy is no objective.
        firing: Expected spike rates; None where they change nothing that is asked.
        deviations: By how much costs at expected rates are off, relative, by quantity; a quantity
            that is not named does not depend on spike rates.
    """

    question: Question
    variances: Variances | None
    firing: FiringModel | None
    deviations: Mapping[str, float]

    @classmethod
    def of(
        cls,
        question: Question,
        known: Coordinates,
        trained: Sequence[Trained],
        before: Beliefs | None,
    ) -> Beliefs:
        """Return what networks teach.

        Args:
            question: What the study asks.
            known: The trained networks.
            trained: The same.
            before: What was learned from fewer of them.
        """
        variances = None
        if question.learns_accuracy and trained:
            accuracy = np.array([t.accuracy for t in trained])
            rows = distinct(known, accuracy)
            start = before.variances if before else None
            variances = learned(known.take(rows), accuracy[rows], start)
        told = [row for row, network in enumerate(trained) if network.rates]
        firing, deviations = None, {}
        if len(told) >= _TELLING:
            networks = [trained[row] for row in told]
            firing = FiringModel(known.take(np.array(told)), [t.rates for t in networks])
            deviations = _deviations(question, networks, firing)
            if not deviations.keys() & question.quantities:
                firing = None
        return cls(question, variances, firing, deviations)

    def expected(self, genes: Ints, networks: Coordinates, assumed: Quantities) -> Quantities:
        """Return what networks are expected to cost; what is assumed where rates say nothing."""
        if self.firing is None:
            return assumed
        rates = self.firing.expected(networks)
        return self.question.region.assess(genes, rates=rates).quantities

    def probability(self, expected: Quantities) -> Floats:
        """Return the probability of staying within every budget once rates are measured."""
        region = self.question.region
        probability = np.ones(len(next(iter(expected.values()))))
        violations = region.budget.violations(expected)
        for name, violation in zip(region.limits, violations, strict=True):
            deviation = self.deviations.get(name)
            within = violation <= 0 if deviation is None else ndtr(-violation / deviation)
            probability *= within
        return probability


def measured_quantities(question: Question, trained: Sequence[Trained]) -> Quantities:
    """Return what networks cost at their own spike rates, shape ``(n,)`` each."""
    layers = sorted(set().union(*(t.rates for t in trained)))
    rates = {name: np.array([t.rates.get(name, np.nan) for t in trained]) for name in layers}
    genes = np.array([t.genes for t in trained])
    return question.region.assess(genes, rates=rates).quantities


def _deviations(
    question: Question, trained: Sequence[Trained], firing: FiringModel
) -> dict[str, float]:
    """Return how far costs at rates expected from others are off those at measured rates."""
    region, genes = question.region, np.array([t.genes for t in trained])
    measured = measured_quantities(question, trained)
    expected = region.assess(genes, rates=firing.left_out()).quantities
    assumed = region.assess(genes).quantities
    return {
        name: _relative_deviation(expected[name], own)
        for name, own in measured.items()
        if (own != assumed[name]).any()
    }


def _relative_deviation(expected: Floats, measured: Floats) -> float:
    """Return how far costs are off; one of 0, as of a network that never fires, tells nothing."""
    told = (expected > 0) & (measured > 0)
    if not told.any():
        return _LEAST_DEVIATION
    off = np.log(expected[told] / measured[told])
    return max(_LEAST_DEVIATION, float(np.sqrt(np.mean(off**2))))
