"""Searches in rungs on trained cells, judged by the epochs that they take.

A training that pauses shows the accuracy of its recorded curve, the mean of its last up to three
epochs. The curve is that of the whole training, and a truncated long schedule is not a short one:
its learning rate is still high, so a training planned to be that short would come to more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuronas.benchmarks.search.bench import MARKS, Bench
from neuronas.benchmarks.search.classes import EPOCHS
from neuronas.benchmarks.search.measures import bootstrapped, unfound
from neuronas.benchmarks.search.table import Ints
from neuronas.searching.choosing import make_sampler
from neuronas.searching.simulation import KnownTraining
from neuronas.searching.simulation_in_rungs import Fidelity, simulate_in_rungs

SCHEMES: dict[str, tuple[int, ...]] = {"full": (), "10/30": (10, 30)}
"""Rungs by the name under which they are reported."""

SHARE = 5
"""The full trainings that a scheme is compared with take so many times its epochs."""


@dataclass(frozen=True, slots=True)
class FidelityPlan:
    """One sampler on one problem, in one scheme.

    Attributes:
        problem, sampler: Their names.
        scheme: One of ``SCHEMES``.
        workers: Simulated workers.
        epochs: Of all trainings of a run.
        seeds: Runs; seed s is the same luck for every scheme.
    """

    problem: str
    sampler: str
    scheme: str
    workers: int
    epochs: int
    seeds: int

    @property
    def marks(self) -> list[int]:
        """The epochs at which it is judged: those of ``MARKS`` trainings, and fifths of them."""
        found = {mark * EPOCHS // part for mark in MARKS for part in (1, SHARE)}
        return sorted(mark for mark in found if mark <= self.epochs)


@dataclass(frozen=True, slots=True)
class FidelityResult:
    """What a scheme leaves unfound after a number of epochs.

    Attributes:
        problem, sampler, scheme, workers: As planned.
        epochs: Epochs of all trainings so far.
        unfound_mean: Mean over seeds of what the trainings that ended leave unfound.
        unfound_low, unfound_high: 95 % interval of that mean.
        standard_error: Of that mean.
        ended: Mean of the trainings that came to their end.
        seeds: Runs.
    """

    problem: str
    sampler: str
    scheme: str
    workers: int
    epochs: int
    unfound_mean: float
    unfound_low: float
    unfound_high: float
    standard_error: float
    ended: float
    seeds: int


def run_in_rungs(bench: Bench, plan: FidelityPlan, seed: int) -> tuple[list[float], list[int]]:
    """Return what is unfound at each mark of one simulated search, and how many had ended."""
    problem, rungs = bench.problems[plan.problem], SCHEMES[plan.scheme]
    region, luck, look_up = (
        bench.region(plan.problem),
        bench.luck(seed),
        bench.trainer(problem, seed),
    )

    def train(genes: Ints) -> KnownTraining:
        training = int(luck[int(bench.classes.number(genes[None])[0])])
        shown = {rung: bench.classes.cells.accuracy_at(training, rung) for rung in rungs}
        return replace(look_up(genes), at_rungs=shown)

    ended = simulate_in_rungs(
        make_sampler(plan.sampler, region, seed, problem.config.objectives, problem.reference),
        region,
        problem.config.objectives,
        train,
        reference=problem.reference,
        fidelity=Fidelity(rungs, EPOCHS),
        epochs=plan.epochs,
        workers=plan.workers,
    )
    at = np.array([one.epochs for one in ended], dtype=np.int64)
    genes = np.stack([one.genes for one in ended]) if ended else bench.classes.genes[:0]
    trained = bench.classes.number(genes)
    left = [unfound(problem, trained[at <= mark]) for mark in plan.marks]
    return left, [int((at <= mark).sum()) for mark in plan.marks]


def fidelity_results(bench: Bench, plans: Sequence[FidelityPlan]) -> list[FidelityResult]:
    """Return the rows of all plans, mark by mark."""
    rows = []
    for plan in plans:
        runs = [run_in_rungs(bench, plan, seed) for seed in range(plan.seeds)]
        for place, mark in enumerate(plan.marks):
            left = np.array([unfound_at[place] for unfound_at, _ in runs])
            error = float(left.std(ddof=1) / len(left) ** 0.5) if len(left) > 1 else 0.0
            rows.append(
                FidelityResult(
                    problem=plan.problem,
                    sampler=plan.sampler,
                    scheme=plan.scheme,
                    workers=plan.workers,
                    epochs=mark,
                    unfound_mean=float(left.mean()),
                    unfound_low=bootstrapped(left)[0],
                    unfound_high=bootstrapped(left)[1],
                    standard_error=error,
                    ended=float(np.mean([ended[place] for _, ended in runs])),
                    seeds=plan.seeds,
                )
            )
    return rows
