"""What candidates promise, after what the trained networks have shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuronas.searching.acquisition import expected_hypervolume_improvement
from neuronas.searching.assessment import Ints
from neuronas.searching.beliefs import Beliefs, measured_quantities
from neuronas.searching.foretelling import foretold, lines
from neuronas.searching.history import Begun, Trained
from neuronas.searching.objectives import ACCURACY
from neuronas.searching.question import Floats, Quantities, Question
from neuronas.searching.surrogate import Coordinates, GaussianProcess, Variances, distinct

_CERTAIN = 1e-9
_SHORTLIST = 2048
"""Candidates whose deviation is computed anew for each proposal."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """N networks that may be proposed.

    Attributes:
        genes: Genotypes, shape ``(N, G)``.
        keys: Their networks, equal keys for equal ones.
        assumed: Cost per quantity at the assumed spike rates, in the units of budgets.
        expected: The same at expected ones.
        seen: What the surrogate sees of them.
        deviation: Of the surrogate of accuracy, as last computed; NaN before.
    """

    genes: Ints
    keys: list[bytes]
    assumed: Quantities
    expected: Quantities
    seen: Coordinates
    deviation: Floats

    def __len__(self) -> int:
        return len(self.genes)

    def take(self, rows: Ints) -> Candidates:
        """Return some of them."""
        return Candidates(
            self.genes[rows],
            [self.keys[row] for row in rows.tolist()],
            {name: values[rows] for name, values in self.assumed.items()},
            {name: values[rows] for name, values in self.expected.items()},
            self.seen.take(rows),
            self.deviation[rows],
        )

    def expecting(self, expected: Quantities) -> Candidates:
        """Return them with other expected costs, as far as is known before they are judged."""
        return replace(self, expected=expected, deviation=np.full(len(self), np.nan))

    def followed(self, other: Candidates) -> Candidates:
        """Return these and others behind them."""
        return Candidates(
            np.concatenate([self.genes, other.genes]),
            self.keys + other.keys,
            {n: np.append(values, other.assumed[n]) for n, values in self.assumed.items()},
            {n: np.append(values, other.expected[n]) for n, values in self.expected.items()},
            self.seen.joined(other.seen),
            np.append(self.deviation, other.deviation),
        )


class Judge:
    """What is expected of networks, in the light of those that were trained.

    Args:
        question: What the study asks.
        beliefs: What was learned.
        trained: Trained networks, at least one if accuracy is an objective.
        in_flight: Networks that are being trained or wait at a rung; they are taken to turn out as
            expected, so that others are proposed beside them.
        stopped: Networks that came to a rung and do not go on.
        known: What is seen of the trained networks, of those in flight, and of the stopped ones.
        elsewhere: How many of the trained networks, the first, are of other studies: they are
            learned from, but stand on no front of this one.
    """

    def __init__(
        self,
        question: Question,
        beliefs: Beliefs,
        trained: Sequence[Trained],
        in_flight: Sequence[Begun],
        stopped: Sequence[Begun],
        known: Coordinates,
        elsewhere: int = 0,
    ) -> None:
        self._question = question
        self._beliefs = beliefs
        self._accuracy: GaussianProcess | None = None
        if beliefs.variances is not None:
            begun = [*in_flight, *stopped]
            self._accuracy = surrogate_of_accuracy(beliefs.variances, trained, begun, known)
        own = trained[elsewhere:]
        standing = [t.genes for t in own] + [b.genes for b in in_flight]
        genes = np.array(standing, dtype=np.int64)
        behind = elsewhere + len(genes)
        self._front = self._standing(genes, own, known.take(slice(elsewhere, behind)))

    def promise(self, candidates: Candidates) -> tuple[Floats, Floats]:
        """Return what candidates promise, shape ``(N,)`` each.

        Returns:
            The hypervolume that each is expected to add, of all but the most promising an upper
            bound; and the probability that it stays within every budget once its spike rates
            are measured, by which the former is weighted. Deviations are written to the candidates.
        """
        probability = self._beliefs.probability(candidates.expected)
        costs = self._question.cost_gains(candidates.expected)
        if self._accuracy is None:
            certain = np.ones(len(candidates)), np.full(len(candidates), _CERTAIN)
            return self._improvement(*certain, costs) * probability, probability
        process, seen = self._accuracy, candidates.seen
        covariance = process.covariance(seen)
        gain = process.mean(covariance) - self._question.reference[ACCURACY]
        deviation = candidates.deviation
        unknown = np.flatnonzero(np.isnan(deviation))
        deviation[unknown] = process.deviation(seen.take(unknown), covariance[unknown])
        value = self._improvement(gain, deviation, costs) * probability
        if len(unknown) < len(candidates):
            # What more networks tell makes deviations smaller, so old ones are upper bounds, but
            # for the scale of all values, and near what came to a rung since: that tells less
            # than the end it was taken for.
            rows = np.argsort(-value)[:_SHORTLIST]
            deviation[rows] = process.deviation(seen.take(rows), covariance[rows])
            better = self._improvement(gain[rows], deviation[rows], costs[rows])
            value[rows] = better * probability[rows]
        return value, probability

    def _improvement(self, gain: Floats, deviation: Floats, costs: Floats) -> Floats:
        return expected_hypervolume_improvement(self._front, gain, deviation, costs)

    def _standing(
        self, genes: Ints, trained: Sequence[Trained], known: Coordinates
    ) -> tuple[Floats, Floats]:
        """Return the gains of networks that are within the budget, as far as is known."""
        if not len(genes):
            return np.zeros(0), np.zeros(
                (0, len(self._question.objectives) - self._question.learns_accuracy)
            )
        assumed = self._question.region.assess(genes).quantities
        quantities = {n: q.copy() for n, q in self._beliefs.expected(genes, known, assumed).items()}
        told = [row for row, network in enumerate(trained) if network.rates]
        if told:
            own = measured_quantities(self._question, [trained[row] for row in told])
            for name, values in own.items():
                quantities[name][told] = values
        within = self._question.within(quantities)
        accuracy = np.ones(len(genes))
        if self._accuracy is not None:
            mean = self._accuracy.mean(self._accuracy.covariance(known))
            accuracy = mean - self._question.reference[ACCURACY]
        return accuracy[within], self._question.cost_gains(quantities)[within]


def surrogate_of_accuracy(
    variances: Variances, trained: Sequence[Trained], begun: Sequence[Begun], known: Coordinates
) -> GaussianProcess:
    """Return what is known of accuracy; what no rung foretells is taken to be as expected.

    Args:
        variances: Of its parts.
        trained: Trained networks, at least one.
        begun: Others, of which accuracy is foretold where they came to a rung that tells it.
        known: What is seen of all of them, in that order.
    """
    by, ended = lines(trained), len(trained)
    rows = distinct(known.take(slice(0, ended)), np.array([t.accuracy for t in trained]))
    trained = [trained[row] for row in rows]
    known = known.take(np.append(rows, np.arange(ended, len(known))))
    told = [(t.accuracy, 0.0) for t in trained] + [foretold(b.rungs, by) for b in begun]
    rows = np.array([row for row, one in enumerate(told) if one is not None])
    values, noise = np.array([one for one in told if one is not None]).T
    process = GaussianProcess(known.take(rows), values, variances, noise)
    pending = np.array([row for row, one in enumerate(told) if one is None], dtype=np.int64)
    if not len(pending):
        return process
    fantasies = process.mean(process.covariance(known.take(pending)))
    return GaussianProcess(
        known.take(np.append(rows, pending)),
        np.append(values, fantasies),
        variances,
        np.append(noise, np.zeros(len(pending))),
    )
