"""Which paused training goes on: asynchronous successive halving towards a front.

Trainings pause at rungs, numbers of epochs at which their accuracy is measured. Whenever a worker
is free, the best of a rung may be trained on as long as not more than one in ``ETA`` of those that
reached the rung were, from the highest rung down (ASHA: arXiv 1810.05934). What is best is told by
all objectives: costs are known, and accuracy is what it may optimistically come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuronas.searching.pareto import front_indices, hypervolume

Floats = NDArray[np.float64]

ETA = 3
"""One in so many of a rung is trained on."""

_OPTIMISTIC = 0.9
"""Quantile of the accuracy that trainings gained behind a rung."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A training that has begun, as far as it is known.

    Attributes:
        number: Number of its trial.
        accuracies: Accuracy by the rung at which it was measured, in [0, 1].
        final: Accuracy at the end of its training; None before it.
        costs: Gain of each objective but accuracy over its reference, shape ``(M - 1,)``.
        parameters: Of the network.
        paused: Whether it waits to be trained on.
    """

    number: int
    accuracies: Mapping[int, float]
    final: float | None
    costs: tuple[float, ...]
    parameters: float
    paused: bool

    @property
    def reached(self) -> int:
        """Epochs of the last rung that it finished; 0 before the first."""
        return max(self.accuracies, default=0)


@dataclass(frozen=True, slots=True)
class Front:
    """What trainings that ended have found.

    Attributes:
        gains: Accuracy over its reference, then the gains of ``Contender.costs``, of the points on
            the front, shape ``(N, M)``.
        reference_accuracy: Accuracy from which gains are measured.
    """

    gains: Floats
    reference_accuracy: float

    def point(self, contender: Contender, accuracy: float) -> Floats:
        """Return the gains that a contender would have with an accuracy, shape ``(M,)``."""
        return np.array([accuracy - self.reference_accuracy, *contender.costs])

    def is_entered_by(self, point: Floats) -> bool:
        """Return whether no point of the front is as good."""
        return not (self.gains >= point).all(axis=1).any()

    def gained_by(self, point: Floats) -> float:
        """Return the hypervolume that a point adds."""
        return hypervolume(np.vstack([self.gains, point])) - hypervolume(self.gains)


def to_train_on(
    contenders: Sequence[Contender],
    front: Front,
    rungs: Sequence[int],
    *,
    beyond_share: bool = False,
    eta: int = ETA,
) -> int | None:
    """Return the number of the paused training that goes on, or None where a new one is due.

    A training that could not enter the front even if it gained as much accuracy as the best tenth
    behind its rung did is never it; before any training ended, any may be.

    Args:
        contenders: All trainings of the study that have begun, also those that ended.
        front: The front that ended trainings form.
        rungs: Epochs at which trainings pause, rising. What paused elsewhere, as the rungs were
            others then, goes on before anything else.
        beyond_share: Whether more than one in ``eta`` may go on, as there is nothing new to train.
        eta: One in so many goes on.
    """
    stray = [c.number for c in contenders if c.paused and c.reached not in rungs]
    if stray:
        return min(stray)
    for rung in sorted(rungs, reverse=True):
        peers = [c for c in contenders if rung in c.accuracies]
        waiting = [c for c in peers if c.paused and c.reached == rung]
        share = len(waiting) if beyond_share else len(peers) // eta - len(peers) + len(waiting)
        if share > 0:
            chosen = _best(waiting, peers, front, rung, first=rung == min(rungs))
            if chosen is not None:
                return chosen.number
    return None


def epochs_per_training(rungs: Sequence[int], epochs: int, *, eta: int = ETA) -> int:
    """Return the epochs that one training to its end takes, those of what it beat included.

    Args:
        rungs: Epochs at which trainings pause, rising.
        epochs: Of a whole training.
        eta: One in so many of each rung goes on.
    """
    stops = [0, *rungs, epochs]
    pieces = [later - earlier for earlier, later in pairwise(stops)]
    return sum(piece * eta**left for left, piece in enumerate(reversed(pieces)))


def _best(
    waiting: Sequence[Contender],
    peers: Sequence[Contender],
    front: Front,
    rung: int,
    *,
    first: bool,
) -> Contender | None:
    """Return which of those that wait at a rung goes on first, if any has a chance."""
    gain = optimistic_gain(peers, rung)
    able = [c for c in waiting if _may_enter(c, front, rung, gain)]
    told = dict(zip((c.number for c in peers), _expected(peers, rung, first=first), strict=True))
    left = np.array([front.point(c, told[c.number]) for c in able])
    if not able:
        return None
    leading: list[Contender] = [able[i] for i in front_indices(left)]
    added = [
        front.gained_by(front.point(c, min(1.0, told[c.number] + (gain or 0.0)))) for c in leading
    ]
    return leading[int(np.argmax(added))]


def optimistic_gain(peers: Sequence[Contender], rung: int) -> float | None:
    """Return the accuracy that a training may optimistically gain behind a rung.

    None before any that reached it has ended.
    """
    gained = [c.final - c.accuracies[rung] for c in peers if c.final is not None]
    return float(np.quantile(gained, _OPTIMISTIC, method="higher")) if gained else None


def _may_enter(contender: Contender, front: Front, rung: int, gain: float | None) -> bool:
    if gain is None:
        return True
    accuracy = min(1.0, contender.accuracies[rung] + gain)
    return front.is_entered_by(front.point(contender, accuracy))


def _expected(peers: Sequence[Contender], rung: int, *, first: bool) -> Floats:
    """Return the accuracies by which the trainings of a rung are compared, shape ``(N,)``.

    At the first rung larger networks are still behind what they will be, so that the mean of the
    ranks of accuracy and parameters tells more than accuracy (studies/fidelity.md): each training
    has the accuracy of that place.
    """
    accuracies = np.array([c.accuracies[rung] for c in peers])
    if not first:
        return accuracies
    both = _ranks(accuracies) + _ranks(np.array([c.parameters for c in peers]))
    places = np.round(_ranks(both)).astype(np.int64)
    return np.asarray(np.sort(accuracies)[places])


def _ranks(values: Floats) -> Floats:
    """Return the place of each value from the smallest, 0, on; the mean of equal ones' places."""
    ordered = np.sort(values)
    first = np.searchsorted(ordered, values, side="left")
    last = np.searchsorted(ordered, values, side="right")
    return np.asarray((first + last - 1) / 2)
