"""The simulated search, with trainings that pause at rungs: judged by the epochs that it takes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from neuronas.errors import SpaceExhaustedError
from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import (
    COST,
    MEASURED,
    MEASURED_COST,
    RUNGS,
    SPIKE_RATES,
    TRAINED_ACCURACY,
)
from neuronas.searching.objectives import ACCURACY, directions, gains, objective_values
from neuronas.searching.pareto import front_indices
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.rungs import ETA, Contender, Front, to_train_on
from neuronas.searching.simulation import KnownTraining
from neuronas.storage import set_constraints

Train = Callable[[Ints], KnownTraining]


@dataclass(frozen=True, slots=True)
class Ended:
    """A training that came to its end.

    Attributes:
        genes: Genotype, shape ``(G,)``.
        epochs: Epochs of all trainings when it ended.
    """

    genes: Ints
    epochs: int


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How trainings pause.

    Attributes:
        rungs: Epochs at which they do, rising; none lets each go to its end at once.
        epochs: Of a whole training.
        eta: One in so many is trained on.
    """

    rungs: Sequence[int]
    epochs: int
    eta: int = ETA

    def stop_behind(self, reached: int) -> int:
        """Return the epochs at which a training stops next."""
        return min((rung for rung in self.rungs if rung > reached), default=self.epochs)


@dataclass(slots=True)
class _Begun:
    trial: optuna.Trial
    genes: Ints
    training: KnownTraining
    contender: Contender


@dataclass(slots=True)
class _Search:
    study: optuna.Study
    region: FeasibleRegion
    objectives: Sequence[str]
    reference: Mapping[str, float]
    train: Train
    fidelity: Fidelity
    begun: dict[int, _Begun] = field(default_factory=dict)
    front: list[tuple[float, ...]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    epochs: int = 0

    def next_training(self) -> _Begun | None:
        """Return what a free worker trains: what was paused, or something new."""
        chosen = self._promoted(beyond_share=False)
        if chosen is not None:
            return chosen
        try:
            return self._new()
        except SpaceExhaustedError:
            return self._promoted(beyond_share=True)

    def _promoted(self, *, beyond_share: bool) -> _Begun | None:
        reference = self.reference[ACCURACY]
        found = np.array(self.front).reshape(-1, len(self.objectives))
        number = to_train_on(
            [one.contender for one in self.begun.values()],
            Front(found, reference),
            self.fidelity.rungs,
            beyond_share=beyond_share,
            eta=self.fidelity.eta,
        )
        return None if number is None else self.begun[number]

    def _new(self) -> _Begun:
        trial = self.study.ask()
        genes = self.region.space.suggest(trial)[0]
        training = self.train(genes)
        trial.set_user_attr(COST, dict(training.assumed))
        assumed = objective_values(self.objectives, 0.0, training.assumed)
        contender = Contender(
            number=trial.number,
            accuracies={},
            final=None,
            costs=gains(_costs(assumed), self.reference),
            parameters=training.assumed["parameters"],
            paused=False,
        )
        begun = self.begun[trial.number] = _Begun(trial, genes, training, contender)
        return begun

    def stopped(self, one: _Begun) -> None:
        """Take note of what a training that stopped has shown."""
        known = one.contender
        stop = self.fidelity.stop_behind(known.reached)
        self.epochs += stop - known.reached
        if stop < self.fidelity.epochs:
            shown = {**known.accuracies, stop: one.training.at_rungs[stop]}
            one.contender = replace(known, accuracies=shown, paused=True)
            one.trial.set_user_attr(RUNGS, {str(rung): a for rung, a in shown.items()})
            return
        one.contender = replace(known, final=one.training.accuracy)
        self.ended.append(Ended(one.genes, self.epochs))
        self._tell(one)

    def _tell(self, one: _Begun) -> None:
        training = one.training
        violations = self.region.budget.violations_of(training.measured)
        set_constraints(one.trial, violations)
        measured = {
            MEASURED_COST: dict(training.measured),
            SPIKE_RATES: dict(training.spike_rates),
            TRAINED_ACCURACY: training.accuracy,
        }
        one.trial.set_user_attr(MEASURED, measured)
        if any(violation > 0 for violation in violations.values()):
            self.study.tell(one.trial, state=TrialState.PRUNED)
            return
        values = objective_values(self.objectives, training.accuracy, training.measured)
        self.study.tell(one.trial, list(values.values()))
        accuracy = training.accuracy - self.reference[ACCURACY]
        self.front.append((accuracy, *gains(_costs(values), self.reference)))
        found = np.array(self.front)
        self.front = [self.front[i] for i in front_indices(found)]


def simulate_in_rungs(
    sampler: BaseSampler,
    region: FeasibleRegion,
    objectives: Sequence[str],
    train: Train,
    *,
    reference: Mapping[str, float],
    fidelity: Fidelity,
    epochs: int,
    workers: int = 1,
) -> list[Ended]:
    """Return the trainings that came to their end, in that order.

    Args:
        sampler: Proposes; made for ``region``.
        region: Where it proposes.
        objectives: Of the study, accuracy among them.
        train: Returns the training of a genotype, shape ``(G,)``, with its accuracy at the rungs.
        reference: Worst value per objective.
        fidelity: Where trainings pause.
        epochs: Of all trainings together, after which none is begun or gone on with.
        workers: How many train at once.

    Raises:
        InfeasibleSpaceError: Nothing fits.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=list(directions(objectives).values()), sampler=sampler)
    search = _Search(study, region, objectives, reference, train, fidelity)
    in_flight: list[tuple[float, int, _Begun]] = []
    clock, spent, exhausted = 0.0, 0, False
    while True:
        while len(in_flight) < workers and spent < epochs and not exhausted:
            one = search.next_training()
            if one is None:
                exhausted = True
                break
            pieces = fidelity.stop_behind(one.contender.reached) - one.contender.reached
            one.contender = replace(one.contender, paused=False)
            spent += pieces
            ends = clock + one.training.seconds * pieces / fidelity.epochs
            heapq.heappush(in_flight, (ends, one.trial.number, one))
        if not in_flight:
            return search.ended
        clock, _, one = heapq.heappop(in_flight)
        search.stopped(one)
        exhausted = False


def _costs(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != ACCURACY}
