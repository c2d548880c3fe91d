"""The benchmark: problems on trained cells, and one simulated search on one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from neuronas.architecture import Workload
from neuronas.benchmarks.search.classes import SPACE, Classes
from neuronas.benchmarks.search.costs import Costs, recorded_rates
from neuronas.benchmarks.search.measures import unfound_curve
from neuronas.benchmarks.search.problems import Problem, ProblemConfig
from neuronas.benchmarks.search.region import TrainedRegion
from neuronas.benchmarks.search.state import Run
from neuronas.benchmarks.search.table import Floats, Ints, TrainedCells
from neuronas.benchmarks.search.truth import Truth
from neuronas.errors import ConfigError
from neuronas.searching.choosing import make_sampler
from neuronas.searching.simulation import KnownTraining, simulate

MARKS = (10, 20, 40, 60, 100, 200)
"""Trainings at which a search is judged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One sampler on one problem.

    Attributes:
        problem: Name of the problem.
        sampler: Name of the sampler.
        workers: Simulated workers.
        trainings: Trainings of each run.
        seeds: Runs; seed s is the same luck for every sampler.
    """

    problem: str
    sampler: str
    workers: int
    trainings: int
    seeds: int

    @property
    def marks(self) -> list[int]:
        """The trainings at which it is judged."""
        return [mark for mark in MARKS if mark <= self.trainings] or [self.trainings]


@dataclass(slots=True)
class Bench:
    """Everything that is known before the first run.

    Attributes:
        classes: Classes of equal networks.
        truth: What is held to be true of them.
        costs: What they cost.
        problems: Problems by name.
    """

    classes: Classes
    truth: Truth
    costs: Costs
    problems: dict[str, Problem]
    _regions: dict[str, TrainedRegion] = field(default_factory=dict)

    @classmethod
    def of(cls, table: TrainedCells, problems: Iterable[ProblemConfig]) -> Bench:
        """Return the benchmark of some problems on trained cells.

        Raises:
            ConfigError: A problem has no solution, or there is no network to compare.
        """
        classes = Classes.of(table)
        truth, costs = Truth.of(classes), Costs.of(classes)
        made: dict[str, Problem] = {}
        for problem in problems:
            if problem.name in made:
                raise ConfigError(f"two problems are named '{problem.name}'; give one another name")
            made[problem.name] = Problem.of(problem, truth.accuracy, costs)
        return cls(classes, truth, costs, made)

    def luck(self, seed: int) -> Ints:
        """Return which training of each class a seed gives, shape ``(C,)``."""
        share = np.random.default_rng(seed).random(len(self.classes))
        return np.asarray(self.classes.start[:-1] + (share * self.classes.sizes).astype(np.int64))

    def measured(self, seed: int) -> Floats:
        """Return the accuracy that a seed's training of each class has, shape ``(C,)``."""
        return self.classes.cells.accuracy[self.luck(seed)]

    def run(self, plan: Plan, seed: int) -> Run:
        """Return one simulated search."""
        problem, region = self.problems[plan.problem], self.region(plan.problem)
        done = simulate(
            make_sampler(plan.sampler, region, seed, problem.config.objectives, problem.reference),
            region,
            problem.config.objectives,
            self.trainer(problem, seed),
            trainings=min(plan.trainings, problem.proposable),
            workers=plan.workers,
        )
        trained = self.classes.number(np.stack(done.genes))
        improved_at, left = unfound_curve(problem, trained)
        return Run(
            improved_at=improved_at,
            unfound=left,
            duplicates=len(trained) - len(np.unique(trained)),
            over_budget=sum(done.over_budget),
            ask_s=float(np.mean(done.ask_seconds)),
        )

    def region(self, problem: str) -> TrainedRegion:
        """Return where samplers propose for a problem."""
        if problem not in self._regions:
            self._regions[problem] = TrainedRegion(self.classes, self.problems[problem].budget)
        return self._regions[problem]

    def trainer(self, problem: Problem, seed: int) -> Callable[[Ints], KnownTraining]:
        """Return what looks up the training that a seed gives a genotype."""
        luck = self.luck(seed)
        cells, recorded = self.classes.cells, problem.config.spike_rates == "recorded"

        def train(genes: Ints) -> KnownTraining:
            number = int(self.classes.number(genes[None])[0])
            training = int(luck[number])
            assumed = {name: float(v[number]) for name, v in self.costs.assumed.items()}
            measured = {name: float(v[training]) for name, v in self.costs.trained.items()}
            return KnownTraining(
                accuracy=float(cells.accuracy[training]),
                seconds=float(cells.seconds[training]),
                assumed=assumed,
                measured=measured if recorded else assumed,
                spike_rates=self._spike_rates(number, training) if recorded else {},
            )

        return train

    def _spike_rates(self, number: int, training: int) -> dict[str, float]:
        workload = Workload.of(SPACE.decode(self.classes.genes[[number]]))
        rates = recorded_rates(workload, self.classes.cells.rates[[training]])
        return {name: float(r[0]) for name, r in rates.items() if not np.isnan(r[0])}
