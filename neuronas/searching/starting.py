"""What to train before anything is known: a front as it might be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuronas.searching.acquisition import expected_hypervolume_improvement
from neuronas.searching.assessment import Ints
from neuronas.searching.judging import Candidates
from neuronas.searching.question import Question

_DEVIATION = 0.2
"""Of the guess, as a share of the range of guesses."""


def first_choice(question: Question, candidates: Candidates, begun: Sequence[Ints]) -> int:
    """Return the candidate that adds most to what was begun, by a guess.

    The guess is that accuracy grows with the logarithm of synaptic operations, with diminishing
    returns. What it chooses is spread along the costs, however wrong it is.

    Args:
        question: What the study asks.
        candidates: What may be proposed.
        begun: Genotypes of what was trained or is in flight.
    """
    assumed = {name: np.array(values) for name, values in candidates.assumed.items()}
    if begun:
        own = question.region.assess(np.array(begun)).quantities
        assumed = {name: np.append(values, own[name]) for name, values in assumed.items()}
    operations = np.log1p(assumed["synops"])
    guess = np.sqrt((operations - operations.min()) / max(np.ptp(operations), 1e-9))
    gains = question.cost_gains(assumed)
    count = len(candidates)
    value = expected_hypervolume_improvement(
        (guess[count:], gains[count:]), guess[:count], np.full(count, _DEVIATION), gains[:count]
    )
    return int(value.argmax())
