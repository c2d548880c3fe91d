"""What the accuracy at a rung foretells of that at the end of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuronas.searching.history import Trained
from neuronas.searching.question import Floats

_TELLING, _SLOPING = 3, 5
"""Networks trained on from a rung to the end, from which on a mean gain and a slope are told."""
_SHARE, _WEIGHT = 0.15, 3
"""What is gained behind a rung varies by so much of its mean, before networks show by how much;
that counts as so many networks."""
_LEAST_DEVIATION = 1e-3
"""Of an accuracy that is foretold."""


@dataclass(frozen=True, slots=True)
class Line:
    """Accuracy at the end as a line over that at a rung.

    Attributes:
        slope, offset: Of the line.
        variance: Of the accuracy at the end around it.
    """

    slope: float
    offset: float
    variance: float


def lines(trained: Sequence[Trained]) -> dict[int, Line]:
    """Return what rungs foretell, by their epochs, where enough networks went on from them."""
    rungs = sorted(set().union(*(network.rungs for network in trained)))
    both = {
        rung: np.array([(t.rungs[rung], t.accuracy) for t in trained if rung in t.rungs])
        for rung in rungs
    }
    return {rung: _line(*pairs.T) for rung, pairs in both.items() if len(pairs) >= _TELLING}


def foretold(rungs: Mapping[int, float], by: Mapping[int, Line]) -> tuple[float, float] | None:
    """Return the accuracy at the end that a network's last rung foretells, and its variance.

    Args:
        rungs: Accuracy at rungs, by their epochs.
        by: What rungs foretell; None is returned where that says nothing of these.
    """
    telling = max((rung for rung in rungs if rung in by), default=None)
    if telling is None:
        return None
    line = by[telling]
    accuracy = line.offset + line.slope * rungs[telling]
    return min(1.0, max(0.0, accuracy)), line.variance


def _line(shown: Floats, ended: Floats) -> Line:
    slope = 1.0
    if len(shown) >= _SLOPING and np.ptp(shown) > 0:
        # What is ahead at a rung is caught up with later, and never overtaken in the mean.
        slope = min(1.0, max(0.0, float(np.polyfit(shown, ended, 1)[0])))
    offset = float((ended - slope * shown).mean())
    squares = float(((ended - slope * shown - offset) ** 2).sum())
    expected = (_SHARE * float((ended - shown).mean())) ** 2
    variance = (_WEIGHT * expected + squares) / (_WEIGHT + len(shown) - 1)
    return Line(slope, offset, max(_LEAST_DEVIATION**2, variance))
