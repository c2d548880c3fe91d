"""Rows of results: each sampler's runs summed up, an oracle, and the noise floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuronas.benchmarks.search.measures import bootstrapped, noise_floor, oracle
from neuronas.benchmarks.search.problems import Problem
from neuronas.benchmarks.search.running import MARKS, Bench, Plan
from neuronas.benchmarks.search.state import Run

ORACLE, NOISE_FLOOR = "oracle", "noise floor"
_FLOOR_SEEDS = 30


@dataclass(frozen=True, slots=True)
class Result:
    """What a sampler leaves unfound after a number of trainings.

    Attributes:
        problem: Name of the problem.
        sampler: Name of the sampler; ``oracle`` knows all true values, ``noise floor`` trains
            every class that fits and trusts what it measured.
        workers: Simulated workers.
        trainings: Trainings that ended.
        unfound_mean: Mean over seeds; see ``measures.unfound``.
        unfound_low, unfound_high: 95 % interval of that mean.
        seeds: Runs.
        duplicates, over_budget: Mean of such trainings per whole run.
        seconds_per_ask: Mean processor seconds of a proposal over whole runs.
    """

    problem: str
    sampler: str
    workers: int
    trainings: int
    unfound_mean: float
    unfound_low: float
    unfound_high: float
    seeds: int
    duplicates: float
    over_budget: float
    seconds_per_ask: float | None


def results(bench: Bench, runs: Mapping[Plan, Sequence[Run]]) -> list[Result]:
    """Return the rows of all runs, behind those of what bounds them, problem by problem."""
    rows: list[Result] = []
    for name, problem in bench.problems.items():
        own = {plan: found for plan, found in runs.items() if plan.problem == name}
        if own:
            rows += [*_bounds(bench, problem), *_sampled(own)]
    return rows


def _bounds(bench: Bench, problem: Problem) -> list[Result]:
    name = problem.config.name
    rows = [
        Result(name, ORACLE, 1, mark, left, left, left, 1, 0.0, 0.0, None)
        for mark, left in zip(MARKS, oracle(problem, MARKS), strict=True)
    ]
    floor = np.array([noise_floor(problem, bench.measured(seed)) for seed in range(_FLOOR_SEEDS)])
    fitting = round(problem.satisfied * len(bench.classes))
    spread = (float(floor.mean()), *bootstrapped(floor), _FLOOR_SEEDS)
    rows.append(Result(name, NOISE_FLOOR, 1, fitting, *spread, 0.0, 0.0, None))
    return rows


def _sampled(runs: Mapping[Plan, Sequence[Run]]) -> list[Result]:
    rows = []
    for plan, found in runs.items():
        means = [
            float(np.mean([getattr(run, name) for run in found]))
            for name in ("duplicates", "over_budget", "ask_s")
        ]
        for place, mark in enumerate(plan.marks):
            values = np.array([run.unfound[place] for run in found])
            spread = (float(values.mean()), *bootstrapped(values), len(found))
            rows.append(Result(plan.problem, plan.sampler, plan.workers, mark, *spread, *means))
    return rows
