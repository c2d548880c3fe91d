"""Which of very many trained networks a sampler learns from."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from neuronas.searching.assessment import Ints
from neuronas.searching.beliefs import measured_quantities
from neuronas.searching.history import Trained
from neuronas.searching.pareto import front_indices, fronts
from neuronas.searching.question import Floats, Question

MOST = 500
"""Networks that are learned from: with all of 10,000, a proposal takes minutes, and gigabytes."""


def telling(
    question: Question, trained: Sequence[Trained], borrowed: int = 0, most: int = MOST
) -> Ints:
    """Return the rows of the networks that are worth learning from, ascending.

    All that stand on the study's own front come first, since what is proposed has to go beyond it;
    then the best, front by front, as half of all: among their like, accuracy has to be told apart.
    The others are a fair sample of what is left, equal as far as possible from call to call.

    Args:
        question: What the study asks.
        trained: Trained networks.
        borrowed: How many of them, the first, are of other studies.
        most: How many are returned, at most.
    """
    count = len(trained)
    if count <= most:
        return np.arange(count)
    gains, chosen = _gains(question, trained), np.zeros(count, dtype=bool)
    lots = np.array([zlib.crc32(t.genes.tobytes()) for t in trained])

    def choose(rows: Ints) -> None:
        left = rows[~chosen[rows]]
        chosen[left[np.argsort(lots[left], kind="stable")][: most - chosen.sum()]] = True

    choose(borrowed + front_indices(gains[borrowed:]))
    for front in fronts(gains):
        if chosen.sum() >= most // 2:
            break
        choose(front)
    choose(np.arange(count))
    return np.flatnonzero(chosen)


def _gains(question: Question, trained: Sequence[Trained]) -> Floats:
    """Return gains of networks, at their own spike rates where these were measured."""
    genes = np.array([t.genes for t in trained])
    quantities = {n: q.copy() for n, q in question.region.assess(genes).quantities.items()}
    told = [row for row, network in enumerate(trained) if network.rates]
    if told:
        own = measured_quantities(question, [trained[row] for row in told])
        for name, values in own.items():
            quantities[name][told] = values
    gains = question.cost_gains(quantities)
    if not question.learns_accuracy:
        return gains
    accuracy = np.array([t.accuracy for t in trained])
    return np.column_stack([accuracy, gains])
