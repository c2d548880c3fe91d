"""The sampler that computes what can be computed: only accuracy and spike rates are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import FEASIBLE_PROBABILITY
from neuronas.searching.beliefs import Beliefs
from neuronas.searching.history import History, Trained
from neuronas.searching.judging import Judge
from neuronas.searching.population import Population
from neuronas.searching.question import Question
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import Stream, generator
from neuronas.searching.starting import first_choice
from neuronas.searching.surrogate import Coordinates
from neuronas.searching.telling import MOST, telling

_START = 3
"""Networks that are trained before anything is learned from them."""
_PROMISING = 64
"""Candidates near which others are looked for."""
_LEARN_AGAIN = 0.05
"""Share of new networks after which everything is learned again."""


class HardwareAwareSampler(GatedSampler):
    """Proposes what is expected to add most hypervolume; hardware costs are known to it.

    Accuracy is learned by a Gaussian process on graph features, spike rates by a second one;
    costs are computed at the expected spike rates. Works in ``study.optimize`` too: it reads the
    values of finished trials and their user attributes ``spike_rates`` and ``accuracy``, and of
    any trial ``rungs``, which foretell its accuracy. After a restart, it looks at other candidates
    than it would have, and learns from the same trials: of very many, the best and a sample.

    Args:
        region: The feasible region.
        seed: The study's seed.
        objectives: Of the study, in the order of its values.
        reference: Worst value per objective, from which hypervolume is measured.
        elsewhere: Networks that other studies trained alike: learned from, and not yet proposed.
    """

    def __init__(
        self,
        region: FeasibleRegion,
        seed: int,
        objectives: Sequence[str],
        reference: Mapping[str, float],
        elsewhere: Sequence[Trained] = (),
    ) -> None:
        super().__init__(region, seed)
        self._question = Question(region, objectives, reference)
        self._offered = [network.genes for network in elsewhere]
        self._history = History(region.space, objectives, elsewhere)
        self._population: Population | None = None
        self._beliefs: Beliefs | None = None
        self._learned_from = 0

    def _propose(self, study: Study, trials: Sequence[FrozenTrial], trial: FrozenTrial) -> Ints:
        del study  # all that it tells are its trials
        if self._population is None:
            self._population = Population(self._question, self._seed, self._offered)
        population = self._population
        self._history.read(trials, trial.number)
        elsewhere, failed = self._history.elsewhere, self._history.failed
        in_flight, stopped = self._history.in_flight(MOST), self._history.stopped[-MOST:]
        # Failures count as known networks, or what is cheap and fails would be tried for ever.
        trained = [*elsewhere, *failed, *self._history.trained]
        total, rows = len(trained), telling(self._question, trained, len(elsewhere))
        borrowed = int((rows < len(elsewhere)).sum())
        trained = [trained[row] for row in rows]
        begun = [t.genes for t in trained] + [b.genes for b in (*in_flight, *stopped)]
        known = population.seen(begun)
        beliefs = self._learned(trained, known, total)
        source = generator(self._seed, Stream.SAMPLER, *self._place(trial.number))
        candidates = population.renewed(source, begun, beliefs, self._is_new)
        if len(candidates) == 0:
            return self._any(trial.number)
        unknown = total < _START or total == len(failed)
        if self._question.learns_accuracy and unknown:
            # Guesses alone may mislead: every second network is any that fits.
            if len(self._question.objectives) == 1 or failed or trial.number % 2 == 0:
                return self._any(trial.number)
            return np.asarray(candidates.genes[first_choice(self._question, candidates, begun)])
        judge = Judge(self._question, beliefs, trained, in_flight, stopped, known, borrowed)
        value, probability = judge.promise(candidates)
        promising = candidates.genes[np.argsort(-value, kind="stable")[:_PROMISING]]
        near = population.near(source, promising, self._is_new)
        if near is not None:
            more, likely = judge.promise(near)
            value, probability = np.append(value, more), np.append(probability, likely)
            candidates = candidates.followed(near)
            population.keep(candidates, value)
        best = int(value.argmax())
        trial.set_user_attr(FEASIBLE_PROBABILITY, float(probability[best]))
        return np.asarray(candidates.genes[best])

    def _learned(self, trained: Sequence[Trained], known: Coordinates, total: int) -> Beliefs:
        """Return what was learned, anew whenever enough is new."""
        beliefs = self._beliefs
        new = total - self._learned_from
        if beliefs is None or new >= max(2, _LEARN_AGAIN * total):
            known = known.take(slice(0, len(trained)))
            beliefs = Beliefs.of(self._question, known, trained, beliefs)
            self._beliefs, self._learned_from = beliefs, total
        return beliefs
