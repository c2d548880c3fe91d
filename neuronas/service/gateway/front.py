"""The Pareto front of Optuna's trials, in one vectorised pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from neuronas.searching.pareto import front_indices


def front_trials(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[FrozenTrial]:
    """Return the complete, feasible trials that no other dominates, in their order.

    Of equal ones all, as ``optuna.study.Study.best_trials`` does.
    """
    eligible = [trial for trial in trials if _is_eligible(trial)]
    if not eligible:
        return []
    signs = [1 if direction is StudyDirection.MAXIMIZE else -1 for direction in directions]
    gains = np.array([trial.values for trial in eligible], dtype=np.float64) * signs
    # Ranks stand for values: sums of infinite ones would not be ordered.
    ranks = np.column_stack([np.unique(gain, return_inverse=True)[1] for gain in gains.T])
    points, point_of = np.unique(ranks, axis=0, return_inverse=True)
    stands = np.zeros(len(points), dtype=bool)
    stands[front_indices(points.astype(np.float64))] = True
    return [trial for trial, point in zip(eligible, point_of, strict=True) if stands[point]]


def _is_eligible(trial: FrozenTrial) -> bool:
    return (
        trial.state is TrialState.COMPLETE
        and trial.values is not None
        and all(violation <= 0 for violation in trial.constraints.values())
    )
