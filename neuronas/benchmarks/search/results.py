"""Rows of results: each sampler's runs summed up, an oracle, and the noise floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from neuronas.benchmarks.search.bench import Bench, Plan
from neuronas.benchmarks.search.measures import bootstrapped, noise_floor, oracle
from neuronas.benchmarks.search.problems import Problem
from neuronas.benchmarks.search.state import Run
from neuronas.benchmarks.search.table import Floats

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
        lead_mean: By how much less that is than what the best other sampler leaves after as many
            trainings with as many workers, over the seeds that both ran; None without another.
        lead_low, lead_high: 95 % interval of that, paired by seed.
        overtakes_after: Trainings after which it leaves no more than the best other sampler does at
            the end of its runs; None if it never does, or without another.
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
    lead_mean: float | None = None
    lead_low: float | None = None
    lead_high: float | None = None
    overtakes_after: int | None = None
    seeds: int = 1
    duplicates: float | None = None
    over_budget: float | None = None
    seconds_per_ask: float | None = None


class _Lead(TypedDict, total=False):
    lead_mean: float
    lead_low: float
    lead_high: float


def results(bench: Bench, runs: Mapping[Plan, Sequence[Run]]) -> list[Result]:
    """Return the rows of all runs, behind those of what bounds them, problem by problem."""
    rows: list[Result] = []
    for name, problem in bench.problems.items():
        own = {plan: found for plan, found in runs.items() if plan.problem == name}
        if own:
            marks = sorted({mark for plan in own for mark in plan.marks})
            rows += [*_bounds(bench, problem, marks), *_sampled(own)]
    return rows


def _bounds(bench: Bench, problem: Problem, marks: Sequence[int]) -> list[Result]:
    name = problem.config.name
    rows = [
        Result(name, ORACLE, 1, mark, left, left, left)
        for mark, left in zip(marks, oracle(problem, marks), strict=True)
    ]
    floor = np.array([noise_floor(problem, bench.measured(seed)) for seed in range(_FLOOR_SEEDS)])
    fitting = round(problem.satisfied * len(bench.classes))
    spread = (float(floor.mean()), *bootstrapped(floor))
    rows.append(Result(name, NOISE_FLOOR, 1, fitting, *spread, seeds=_FLOOR_SEEDS))
    return rows


def _sampled(runs: Mapping[Plan, Sequence[Run]]) -> list[Result]:
    curves = {
        plan: np.stack([run.curve(plan.trainings) for run in found]) for plan, found in runs.items()
    }
    rows = []
    for plan, found in runs.items():
        own = curves[plan]
        others = [c for p, c in curves.items() if p.workers == plan.workers and p != plan]
        duplicates, over_budget, ask_s = (
            float(np.mean([getattr(run, name) for run in found]))
            for name in ("duplicates", "over_budget", "ask_s")
        )
        rows += [
            Result(
                plan.problem,
                plan.sampler,
                plan.workers,
                mark,
                float(own[:, mark].mean()),
                *bootstrapped(own[:, mark]),
                **_lead(own, others, mark),
                overtakes_after=_overtakes_after(own, others),
                seeds=len(found),
                duplicates=duplicates,
                over_budget=over_budget,
                seconds_per_ask=ask_s,
            )
            for mark in plan.marks
        ]
    return rows


def _lead(own: Floats, others: Sequence[Floats], mark: int) -> _Lead:
    """Return the mean lead over the best other after some trainings, and its interval."""
    there = [other[:, mark] for other in others if mark < other.shape[1]]
    if not there:
        return {}
    best = min(there, key=lambda values: float(values.mean()))
    both = min(len(own), len(best))
    lead = best[:both] - own[:both, mark]
    low, high = bootstrapped(lead)
    return {"lead_mean": float(lead.mean()), "lead_low": low, "lead_high": high}


def _overtakes_after(own: Floats, others: Sequence[Floats]) -> int | None:
    if not others:
        return None
    best = min(float(other[:, -1].mean()) for other in others)
    reached = np.flatnonzero(own.mean(axis=0) <= best)
    return int(reached[0]) if len(reached) else None
