"""How far the means of two samples lie apart, where some of their values pair up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Some values, shape ``(N,)``, and their places: values of equal place in two samples pair up.

    Places are distinct.
    """

    values: Floats
    places: Ints

    def times(self, factor: float) -> Sample:
        """Return the sample with all values multiplied."""
        return Sample(factor * self.values, self.places)

    @property
    def mean(self) -> float:
        """Its mean; it must not be empty."""
        return float(self.values.mean())


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two means.

    Attributes:
        value: The difference.
        error: Half of its 95 % interval.
    """

    value: float
    error: float


def change_of_mean(before: Sample, after: Sample) -> Change | None:
    """Return by how much the mean of ``after`` lies above that of ``before``.

    What pairs have in common is no part of the error. The interval is Student's, with the degrees
    of freedom of the smaller sample. None where a sample has fewer than two values.
    """
    from scipy.special import stdtrit

    sizes = len(before.values), len(after.values)
    least = 2
    if min(sizes) < least:
        return None
    _, first, second = np.intersect1d(before.places, after.places, return_indices=True)
    common = 0.0
    if len(first) >= least:
        pairs = np.cov(before.values[first], after.values[second])
        common = len(first) * float(pairs[0, 1]) / (sizes[0] * sizes[1])
    alone = before.values.var(ddof=1) / sizes[0] + after.values.var(ddof=1) / sizes[1]
    deviation = float(np.sqrt(max(0.0, float(alone) - 2 * common)))
    quantile = float(stdtrit(min(sizes) - 1, 0.975))
    return Change(after.mean - before.mean, quantile * deviation)


def relative_change_of_mean(before: Sample, after: Sample) -> Change | None:
    """Return by which share the mean of ``after`` lies above that of ``before``, which is not 0.

    As :func:`change_of_mean`.
    """
    if not len(before.values) or not len(after.values):
        return None
    ratio = after.mean / before.mean
    difference = change_of_mean(before.times(ratio), after)
    return difference and Change(ratio - 1, difference.error / before.mean)
