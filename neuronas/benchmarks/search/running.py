"""Running: every sampler on every problem, seed by seed, in one or more processes."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuronas import searching
from neuronas.architecture import Workload
from neuronas.benchmarks.search.classes import SPACE, Classes
from neuronas.benchmarks.search.costs import Costs, recorded_rates
from neuronas.benchmarks.search.measures import unfound
from neuronas.benchmarks.search.problems import Problem, ProblemConfig
from neuronas.benchmarks.search.region import TrainedRegion
from neuronas.benchmarks.search.state import Run, State
from neuronas.benchmarks.search.table import Floats, Ints, TrainedCells
from neuronas.benchmarks.search.truth import Truth
from neuronas.errors import ConfigError
from neuronas.searching.samplers import make_sampler
from neuronas.searching.simulation import KnownTraining, simulate

MARKS = (10, 20, 40, 60, 100, 200)
"""Trainings at which a search is judged."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far the benchmark is: runs done, of all, and the seconds left at the pace so far."""

    done: int
    runs: int
    seconds_left: float | None


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
            make_sampler(plan.sampler, region, seed),
            region,
            problem.config.objectives,
            self.trainer(problem, seed),
            trainings=plan.trainings,
            workers=plan.workers,
        )
        trained = self.classes.number(np.stack(done.genes))
        return Run(
            unfound=[unfound(problem, trained[:mark]) for mark in plan.marks],
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


def run_all(
    bench: Bench,
    plans: Sequence[Plan],
    *,
    data: Path,
    state: Path | None = None,
    processes: int = 1,
    listener: Callable[[Step], None] = lambda _: None,
) -> dict[Plan, list[Run]]:
    """Return the runs of every plan, those of seed 0 first; what the state has is not run again.

    Args:
        bench: The benchmark.
        plans: What to run.
        data: File of the trained cells, whose content the state must be of.
        state: File that is written after each run; none where None.
        processes: Runs at once.
        listener: Told after each run.

    Raises:
        ConfigError: The state is of another benchmark.
        NeuronasError: It cannot be written.
    """
    kept = State.read(state, protocol(data))
    kept.write(state)  # what cannot be written is told before an hour is spent
    wanted = {
        _key(bench, plan, seed): (plan, seed)
        # Seeds go round, so that what is stopped early has some of every sampler.
        for seed in range(max((plan.seeds for plan in plans), default=0))
        for plan in plans
        if seed < plan.seeds
    }
    missing = {key: run for key, run in wanted.items() if key not in kept.runs}
    done, started = len(wanted) - len(missing), time.monotonic()
    listener(Step(done, len(wanted), None))
    with _executed(bench, missing, processes) as finished:
        for number, (key, run) in enumerate(finished, start=1):
            kept.runs[key] = run
            kept.write(state)
            pace = (time.monotonic() - started) / number
            listener(Step(done + number, len(wanted), pace * (len(missing) - number)))
    return {
        plan: [kept.runs[_key(bench, plan, seed)] for seed in range(plan.seeds)] for plan in plans
    }


def protocol(data: Path) -> str:
    """Return in words what is measured: which data, and which code of the search."""
    folder = Path(next(iter(searching.__path__)))
    code = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    digests = [hashlib.sha256(content).hexdigest()[:12] for content in (data.read_bytes(), code)]
    return f"search on trained cells, data {digests[0]}, code of neuronas.searching {digests[1]}"


def _key(bench: Bench, plan: Plan, seed: int) -> str:
    digest = bench.problems[plan.problem].digest
    return f"{plan.problem} {digest} {plan.sampler} {plan.workers} {plan.trainings} {seed}"


_bench: Bench | None = None


def _hold(bench: Bench) -> None:
    """Keep the benchmark in a process that runs parts of it."""
    global _bench
    _bench = bench


def _run_held(plan: Plan, seed: int) -> Run:
    assert _bench is not None
    return _bench.run(plan, seed)


Runs = Iterator[tuple[str, Run]]


@contextmanager
def _executed(bench: Bench, missing: dict[str, tuple[Plan, int]], processes: int) -> Iterator[Runs]:
    """Give finished runs by key; what has not begun when the context ends is left."""
    if processes == 1:
        yield ((key, bench.run(plan, seed)) for key, (plan, seed) in missing.items())
        return
    # Forked processes would inherit the threads of numba and torch.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, spawn, initializer=_hold, initargs=(bench,))
    try:
        futures: dict[Future[Run], str] = {
            pool.submit(_run_held, plan, seed): key for key, (plan, seed) in missing.items()
        }
        yield ((futures[future], future.result()) for future in as_completed(futures))
    finally:
        pool.shutdown(cancel_futures=True)


def cross(
    problems: Iterable[str],
    samplers: Iterable[str],
    workers: Iterable[int],
    trainings: int,
    seeds: int,
) -> list[Plan]:
    """Return a plan per combination of problem, number of workers and sampler."""
    return [
        Plan(problem, sampler, count, trainings, seeds)
        for problem, count, sampler in itertools.product(problems, workers, samplers)
    ]
