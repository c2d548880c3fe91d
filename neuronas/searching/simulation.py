"""A search on networks whose trainings are known: what a sampler would have found, in seconds.

The study is Optuna's, in memory, asked and told as in the search loop; trainings are looked up.
Workers are simulated on a clock of their own: each asks, trains for as long as the training took,
and tells. What others train meanwhile is running in the study.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from neuronas.hardware import Budget
from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import (
    COST,
    MEASURED,
    MEASURED_COST,
    SPIKE_RATES,
    TRAINED_ACCURACY,
)
from neuronas.searching.objectives import directions, objective_values
from neuronas.searching.region import FeasibleRegion
from neuronas.storage import set_constraints


@dataclass(frozen=True, slots=True)
class KnownTraining:
    """What one training was, and its network costs.

    Attributes:
        accuracy: Validation accuracy, in [0, 1].
        seconds: How long it took.
        assumed, measured: Cost per quantity before and after training, in the units of budgets.
        spike_rates: Measured, by layer.
        at_rungs: Accuracy at each rung, by its epochs, where it is known.
    """

    accuracy: float
    seconds: float
    assumed: Mapping[str, float]
    measured: Mapping[str, float]
    spike_rates: Mapping[str, float]
    at_rungs: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a sampler did, in the order in which trainings ended.

    Attributes:
        genes: Genotype of each trained network, shape ``(G,)`` each.
        over_budget: Whether its measured cost broke a budget, so that it was pruned.
        ask_seconds: Processor seconds of each proposal, in the order of proposals.
        clock_seconds: Simulated time at which each training ended.
    """

    genes: list[Ints]
    over_budget: list[bool]
    ask_seconds: list[float]
    clock_seconds: list[float]


@dataclass(frozen=True, slots=True, order=True)
class _InFlight:
    ends: float
    number: int
    trial: optuna.Trial
    genes: Ints
    training: KnownTraining


def simulate(
    sampler: BaseSampler,
    region: FeasibleRegion,
    objectives: Sequence[str],
    train: Callable[[Ints], KnownTraining],
    *,
    trainings: int,
    workers: int = 1,
) -> Simulation:
    """Return what a sampler does with a number of trainings.

    Args:
        sampler: Proposes; made for ``region``.
        region: Where it proposes.
        objectives: Of the study, as in study files; one is enough.
        train: Returns the training of a genotype, shape ``(G,)``.
        trainings: How many.
        workers: How many train at once.

    Raises:
        InfeasibleSpaceError: Nothing fits.
        SpaceExhaustedError: There are fewer networks than trainings.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=list(directions(objectives).values()), sampler=sampler)
    done = Simulation([], [], [], [])
    in_flight: list[_InFlight] = []
    clock = 0.0
    for number in range(trainings):
        if len(in_flight) == workers:
            clock = _tell(study, objectives, region.budget, heapq.heappop(in_flight), done)
        started = time.process_time()
        trial = study.ask()
        genes = region.space.suggest(trial)[0]
        done.ask_seconds.append(time.process_time() - started)
        training = train(genes)
        trial.set_user_attr(COST, dict(training.assumed))
        ends = clock + training.seconds
        heapq.heappush(in_flight, _InFlight(ends, number, trial, genes, training))
    while in_flight:
        _tell(study, objectives, region.budget, heapq.heappop(in_flight), done)
    return done


def _tell(
    study: optuna.Study,
    objectives: Sequence[str],
    budget: Budget,
    ended: _InFlight,
    done: Simulation,
) -> float:
    """Tell a training's result; return the simulated time of it."""
    trial, training = ended.trial, ended.training
    violations = budget.violations_of(training.measured)
    # Optuna keeps what a constraint is set to first, so it waits for the measured cost.
    set_constraints(trial, violations)
    measured = {
        MEASURED_COST: dict(training.measured),
        SPIKE_RATES: dict(training.spike_rates),
        TRAINED_ACCURACY: training.accuracy,
    }
    trial.set_user_attr(MEASURED, measured)
    over = any(violation > 0 for violation in violations.values())
    if over:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        values = objective_values(objectives, training.accuracy, training.measured)
        study.tell(trial, list(values.values()))
    done.genes.append(ended.genes)
    done.over_budget.append(over)
    done.clock_seconds.append(ended.ends)
    return ended.ends
