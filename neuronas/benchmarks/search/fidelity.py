"""Searches in rungs on trained cells, judged by the epochs that they take.

A training that pauses shows the accuracy of its recorded curve, the mean of its last up to three
epochs. The curve is that of the whole training, and a truncated long schedule is not a short one:
its learning rate is still high, so a training planned to be that short would come to more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuronas.benchmarks.search.bench import MARKS, Bench
from neuronas.benchmarks.search.classes import EPOCHS
from neuronas.benchmarks.search.measures import bootstrapped, unfound
from neuronas.benchmarks.search.planning import check_sampler
from neuronas.benchmarks.search.table import Floats, Ints
from neuronas.errors import ConfigError
from neuronas.searching.choosing import make_sampler
from neuronas.searching.simulation import KnownTraining
from neuronas.searching.simulation_in_rungs import Fidelity, simulate_in_rungs

FULL = "full"
"""Trainings that never pause."""

SHARE = 5
"""Rungs are also compared with full trainings of so many times their epochs."""


@dataclass(frozen=True, slots=True)
class FidelityPlan:
    """One sampler on one problem, with rungs or without.

    Attributes:
        problem, sampler: Their names.
        rungs: Epochs at which trainings pause, rising; none for full trainings.
        workers: Simulated workers.
        epochs: Of all trainings of a run.
        seeds: Runs; seed s is the same luck for every scheme.
    """

    problem: str
    sampler: str
    rungs: tuple[int, ...]
    workers: int
    epochs: int
    seeds: int

    @property
    def scheme(self) -> str:
        """The name under which it is reported."""
        return "/".join(map(str, self.rungs)) or FULL

    @property
    def marks(self) -> list[int]:
        """The epochs at which it is judged: those of ``MARKS`` trainings, and fifths of them."""
        found = {mark * EPOCHS // part for mark in MARKS for part in (1, SHARE)}
        return sorted(mark for mark in found if mark <= self.epochs)


@dataclass(frozen=True, slots=True)
class FidelityResult:
    """What trainings with rungs or without leave unfound after a number of epochs.

    Attributes:
        problem, sampler, workers: As planned.
        scheme: The rungs, or ``full``.
        epochs: Epochs of all trainings so far.
        unfound_mean: Mean over seeds of what the trainings that ended leave unfound.
        unfound_low, unfound_high: 95 % interval of that mean.
        standard_error: Of that mean; None of one run.
        ended: Mean of the trainings that came to their end.
        seeds: Runs.
        behind_equal, behind_fivefold: By how much more that is than what full trainings of as many
            epochs leave, and of ``SHARE`` times as many, in the mean over seeds; None where that
            was not run.
        behind_equal_error, behind_fivefold_error: Standard errors of those, paired by seed.
    """

    problem: str
    sampler: str
    scheme: str
    workers: int
    epochs: int
    unfound_mean: float
    unfound_low: float
    unfound_high: float
    standard_error: float | None
    ended: float
    seeds: int
    behind_equal: float | None = None
    behind_equal_error: float | None = None
    behind_fivefold: float | None = None
    behind_fivefold_error: float | None = None


def rungs_named(text: str) -> tuple[int, ...]:
    """Return rungs written as ``10,30``.

    Raises:
        ConfigError: They are not rising numbers of epochs below those of a whole training.
    """
    words = [word.strip() for word in text.split(",")]
    rungs = [int(word) for word in words if word.isdecimal()]
    if (
        len(rungs) < len(words)
        or rungs != sorted(set(rungs))
        or not 0 < rungs[0] <= rungs[-1] < EPOCHS
    ):
        raise ConfigError(
            f"--rungs: found '{text}'; allowed: rising numbers of epochs from 1 to {EPOCHS - 1}, "
            "separated by commas, such as 10,30"
        )
    return tuple(rungs)


def fidelity_plans(
    problems: Iterable[str], sampler: str, rungs: tuple[int, ...], epochs: int, seeds: int
) -> list[FidelityPlan]:
    """Return searches with rungs, one worker each, and full trainings of five times the epochs.

    Raises:
        ConfigError: There is no such sampler, or it scores untrained networks.
    """
    check_sampler(sampler)
    return [
        FidelityPlan(problem, sampler, stops, 1, spent, seeds)
        for problem in problems
        for stops, spent in (((), epochs * SHARE), (rungs, epochs))
    ]


def run_in_rungs(bench: Bench, plan: FidelityPlan, seed: int) -> tuple[list[float], list[int]]:
    """Return what is unfound at each mark of one simulated search, and how many had ended."""
    problem = bench.problems[plan.problem]
    region, luck, look_up = (
        bench.region(plan.problem),
        bench.luck(seed),
        bench.trainer(problem, seed),
    )

    def train(genes: Ints) -> KnownTraining:
        training = int(luck[int(bench.classes.number(genes[None])[0])])
        shown = {rung: bench.classes.cells.accuracy_at(training, rung) for rung in plan.rungs}
        return replace(look_up(genes), at_rungs=shown)

    ended = simulate_in_rungs(
        make_sampler(plan.sampler, region, seed, problem.config.objectives, problem.reference),
        region,
        problem.config.objectives,
        train,
        reference=problem.reference,
        fidelity=Fidelity(plan.rungs, EPOCHS),
        epochs=plan.epochs,
        workers=plan.workers,
    )
    at = np.array([one.epochs for one in ended], dtype=np.int64)
    genes = np.stack([one.genes for one in ended]) if ended else bench.classes.genes[:0]
    trained = bench.classes.number(genes)
    left = [unfound(problem, trained[at <= mark]) for mark in plan.marks]
    return left, [int((at <= mark).sum()) for mark in plan.marks]


def fidelity_results(
    bench: Bench, plans: Sequence[FidelityPlan], listener: Callable[[int, int], None]
) -> list[FidelityResult]:
    """Return the rows of all plans, mark by mark.

    Args:
        bench: The benchmark.
        plans: What to run.
        listener: Told after each run how many are done, of how many.
    """
    found: dict[FidelityPlan, list[tuple[list[float], list[int]]]] = {plan: [] for plan in plans}
    tasks = [(plan, seed) for plan in plans for seed in range(plan.seeds)]
    for done, (plan, seed) in enumerate(tasks, start=1):
        found[plan].append(run_in_rungs(bench, plan, seed))
        listener(done, len(tasks))
    left = {plan: np.array([unfound_at for unfound_at, _ in runs]) for plan, runs in found.items()}
    full = {
        (plan.problem, plan.sampler, plan.workers, mark): left[plan][:, place]
        for plan in plans
        if not plan.rungs
        for place, mark in enumerate(plan.marks)
    }
    return [
        _row(plan, place, left[plan], [ended for _, ended in found[plan]], full)
        for plan in plans
        for place in range(len(plan.marks))
    ]


def _row(
    plan: FidelityPlan,
    place: int,
    left: Floats,
    ended: Sequence[Sequence[int]],
    full: Mapping[tuple[str, str, int, int], Floats],
) -> FidelityResult:
    """Return what a plan's runs leave unfound, shape ``(S, K)`` at all marks, at one of them."""
    mark, own = plan.marks[place], left[:, place]
    behind: dict[str, float | None] = {}
    for name, times in (("behind_equal", 1), ("behind_fivefold", SHARE)):
        other = full.get((plan.problem, plan.sampler, plan.workers, mark * times))
        if plan.rungs and other is not None:
            both = min(len(own), len(other))
            more = own[:both] - other[:both]
            behind |= {name: float(more.mean()), f"{name}_error": _standard_error(more)}
    low, high = bootstrapped(own)
    return FidelityResult(
        problem=plan.problem,
        sampler=plan.sampler,
        scheme=plan.scheme,
        workers=plan.workers,
        epochs=mark,
        unfound_mean=float(own.mean()),
        unfound_low=low,
        unfound_high=high,
        standard_error=_standard_error(own),
        ended=float(np.mean([count[place] for count in ended])),
        seeds=plan.seeds,
        **behind,
    )


def _standard_error(values: Floats) -> float | None:
    """Return that of the mean of values, shape ``(S,)``; None of one value."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
