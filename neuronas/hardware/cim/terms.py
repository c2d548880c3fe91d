"""Terms: an amount per layer times what one unit costs, and sums of both over layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from neuronas.hardware.cost import Floats


class Term(NamedTuple):
    """One summand of an energy or an area.

    Amounts are what differs between layers; what does not is in ``each``, so that a batch is
    summed over its layers first and multiplied once per network.

    Attributes:
        component: Name in reports.
        amount: How much of it every layer has, ``(L, N)``.
        each: What one unit costs: one number, or shape ``(N,)``.
    """

    component: str
    amount: Floats
    each: float | Floats


def nothing(shape: tuple[int, ...]) -> Floats:
    """Return the amount of what no layer has, ``(L, N)``: zeros that take no memory or time."""
    return np.broadcast_to(np.float64(0.0), shape)


class Sums:
    """Sums over layers of one batch of N networks; those of one array are added once.

    Rows are added one after the other, as ``hardware.cost.total`` does, so that a network's sum
    has the same last digit for any N. NumPy's reduction does so too, except for a single column,
    whose rows lie next to each other in memory.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._known: dict[int, tuple[Floats, Floats]] = {}

    def of(self, amount: Floats) -> Floats:
        """Return the sum over layers, ``(L, N)`` to ``(N,)``."""
        known = self._known.get(id(amount))
        if known is None:
            # The array is kept, so that its id stays its own.
            known = self._known[id(amount)] = amount, row_sum(amount)
        return known[1]

    def of_terms(self, terms: Iterable[Term]) -> Floats:
        """Return the total of terms, ``(N,)``."""
        result: Floats | float = 0.0
        for _, amount, each in terms:
            if any(amount.strides):  # not nothing
                result = result + self.of(amount) * each
        return np.zeros(self._count) + result


def row_sum(layers: Floats) -> Floats:
    """Return the sum over layers as :class:`Sums` adds them, ``(L, N)`` to ``(N,)``."""
    if layers.shape[1] == 1:
        return np.asarray(np.add.accumulate(layers, axis=0)[-1])
    return np.asarray(np.add.reduce(layers, axis=0))


def by_component(terms: Iterable[Term]) -> dict[str, Floats]:
    """Return what each layer takes of every component, ``(L, N)``."""
    parts: dict[str, Floats] = {}
    for component, amount, each in terms:
        part = np.asarray(amount * each)
        parts[component] = parts[component] + part if component in parts else part
    return parts
