"""What a search left unfound, what an oracle would leave, and what noise alone leaves."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from neuronas.benchmarks.search.problems import Problem
from neuronas.benchmarks.search.table import Floats, Ints
from neuronas.searching.objectives import ACCURACY
from neuronas.searching.pareto import front_indices, hypervolume

RESAMPLES = 2000
_CONFIDENCE = 0.95


def unfound(problem: Problem, trained: Ints) -> float:
    """Return what is not found by training some classes, judged by their true values.

    Args:
        problem: The problem.
        trained: Numbers of the classes.

    Returns:
        Share of the true front's hypervolume, in [0, 1]; with accuracy as the only objective, by
        how much accuracy, in [0, 1], the best of all exceeds the best of these.
    """
    gains = problem.gains
    if gains.shape[1] == 1:
        return float(gains.max() - max(0.0, gains[trained].max(initial=0.0)))
    return float(1 - hypervolume(gains[trained]) / hypervolume(gains))


def unfound_curve(problem: Problem, trained: Ints) -> tuple[list[int], list[float]]:
    """Return after which numbers of trainings less is unfound than before, and what then is.

    Args:
        problem: The problem.
        trained: Numbers of the classes in the order of their trainings.
    """
    improved_at, left = [0], [unfound(problem, trained[:0])]
    front: list[int] = []
    for count, number in enumerate(trained, start=1):
        gained = problem.gains[number]
        known = problem.gains[front]
        # What a trained network is nowhere worse than adds nothing to the volume.
        if (gained > 0).all() and not (known >= gained).all(axis=1).any():
            front = [f for f, k in zip(front, known, strict=True) if not (gained >= k).all()]
            front.append(int(number))
            improved_at.append(count)
            left.append(unfound(problem, np.array(front)))
    return improved_at, left


def oracle(problem: Problem, marks: Sequence[int]) -> list[float]:
    """Return what is unfound after each number of trainings by one that knows all true values.

    It always trains what adds most hypervolume, which is within 1 - 1/e of the best choice of so
    many (Nemhauser et al., Mathematical Programming 14, 1978).
    """
    front = front_indices(problem.gains)
    # What a network adds only falls as others are trained, so a stale bound often settles it.
    bounds = [(-hypervolume(problem.gains[[i]]), -1, int(i)) for i in front]
    heapq.heapify(bounds)
    chosen: list[int] = []
    found = 0.0
    while bounds and len(chosen) < max(marks):
        _, known_at, index = heapq.heappop(bounds)
        volume = hypervolume(problem.gains[[*chosen, index]])
        if known_at == len(chosen):
            chosen.append(index)
            found = volume
        else:
            heapq.heappush(bounds, (found - volume, len(chosen), index))
    return [unfound(problem, np.array(chosen[:mark], dtype=np.int64)) for mark in marks]


def noise_floor(problem: Problem, measured: Floats) -> float:
    """Return what is unfound where every class is trained once and the measured front trusted.

    Args:
        problem: The problem.
        measured: Accuracy of one training of each class, in [0, 1], shape ``(C,)``.
    """
    column = [*map(str, problem.config.objectives)].index(ACCURACY)
    seen = problem.gains.copy()
    within = (problem.gains > -1).all(axis=1)
    seen[within, column] = measured[within] - problem.reference[ACCURACY]
    return unfound(problem, front_indices(seen))


def bootstrapped(values: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values, shape ``(S,)``, by the bootstrap.

    Equal numbers of values are resampled equally, so intervals of paired seeds are comparable.
    """
    chosen = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values[chosen].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)
