"""How accurate each class of networks truly is, of few noisy trainings: empirical Bayes.

A class's true accuracy is normally distributed around a smooth prediction from its graph, and its
trainings around that; so its best estimate is its mean, drawn towards the prediction by the share
of noise in it (Efron and Morris, JASA 70, 1975).

- The prediction is ridge regression on the operation of each edge, on all pairs and triples of
  edges, and on how many convolutions, skips and paths there are and how deep these are; without
  the latter, networks of few convolutions are predicted badly. It is cross-validated, so that no
  class is drawn towards its own noise, and of another family than trees and Gaussian processes, so
  that the truth favours neither as a surrogate.
- The noise is the median variance between trainings of networks that compute the same. Within a
  class of equal live graphs there is more of it: a convolution behind a node that nothing reaches
  adds its batch norm's shift, which some members have. A few such groups spread widely, so a mean
  would say more than the prediction of all others leaves unexplained.
- The spread of true values is what the prediction leaves unexplained beyond that noise.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import solve

from neuronas.architecture import EDGES, NODES
from neuronas.benchmarks.search.classes import Classes, genotype_numbers
from neuronas.benchmarks.search.table import OPERATIONS, Floats, Ints

FOLDS = 5
PENALTIES = (0.3, 1.0, 3.0, 10.0)
_PRESENT = len(OPERATIONS) - 1
_ENOUGH = 5
"""Trainings of one network of which a variance says something."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is held to be true.

    Attributes:
        accuracy: Of each class, in [0, 1], shape ``(C,)``.
        noise: Standard deviation between trainings of one network.
        spread: Standard deviation of true values around the prediction.
        penalty: Of the ridge regression, chosen by cross-validation.
    """

    accuracy: Floats
    noise: float
    spread: float
    penalty: float

    @classmethod
    def of(cls, classes: Classes) -> Truth:
        """Return the truth about every class."""
        sums = np.add.reduceat(classes.cells.accuracy, classes.start[:-1])
        means = sums / classes.sizes
        predicted, penalty = cross_validated(_features(_operations(classes)), means)
        noise = _noise_variance(classes)
        single = classes.sizes == classes.sizes.min()
        unexplained = float(((means - predicted)[single] ** 2).mean())
        spread = max(0.0, unexplained - noise / int(classes.sizes.min()))
        per_class = noise / classes.sizes
        # Without noise a mean is the truth.
        own = spread / (spread + per_class) if noise > 0 else np.ones_like(means)
        return cls(predicted + own * (means - predicted), noise**0.5, spread**0.5, penalty)


def _noise_variance(classes: Classes) -> float:
    """Return the median variance of trainings of networks that compute the same.

    0 where none was trained often enough to tell.
    """
    numbers = genotype_numbers(_reaching(classes.cells.operations))
    _, group, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    means = np.bincount(group, classes.cells.accuracy) / sizes
    squares = np.bincount(group, (classes.cells.accuracy - means[group]) ** 2)
    often = sizes >= _ENOUGH
    return float(np.median(squares[often] / (sizes[often] - 1))) if often.any() else 0.0


def _reaching(operations: Ints) -> Ints:
    """Return cells without the edges that lead to no output, shape ``(N, 6)``."""
    kept = operations.copy()
    reaches = np.zeros((NODES, len(operations)), dtype=bool)
    reaches[-1] = True
    for edge in range(len(EDGES) - 1, -1, -1):
        source, target = EDGES[edge]
        kept[~reaches[target], edge] = 0
        reaches[source] |= kept[:, edge] > 0
    return kept


def _operations(classes: Classes) -> Ints:
    """Return the live edges of each class, shape ``(C, 6)``, as places in ``OPERATIONS``."""
    kept = _reaching(classes.genes[:, : len(EDGES)])
    reached = np.zeros((NODES, len(kept)), dtype=bool)
    reached[0] = True
    for edge, (source, target) in enumerate(EDGES):
        kept[~reached[source], edge] = 0
        reached[target] |= kept[:, edge] > 0
    return kept


def _features(operations: Ints) -> Floats:
    """Return which operations stand on each edge, pair and triple of edges, shape ``(C, F)``."""
    one = (operations[:, :, None] == np.arange(1, _PRESENT + 1)).astype(np.float64)
    rows = len(operations)
    columns = [one.reshape(rows, -1)]
    for a, b in itertools.combinations(range(len(EDGES)), 2):
        pair = (one[:, a, :, None] * one[:, b, None, :]).reshape(rows, -1)
        columns.append(pair)
        columns += [
            (pair[:, :, None] * one[:, c, None, :]).reshape(rows, -1)
            for c in range(b + 1, len(EDGES))
        ]
    columns += [_one_hot(column) for column in _shapes(operations)]
    found = np.concatenate(columns, axis=1)
    return found[:, found.any(axis=0)]


def _shapes(operations: Ints) -> list[Ints]:
    """Return what graphs have in common apart from where it stands, as tuples ``(C, K)``."""
    rows = len(operations)
    fewest, most, paths = np.zeros((3, NODES, rows), dtype=np.int64)
    fewest[1:], most[1:], paths[0] = len(EDGES), -len(EDGES), 1
    for edge, (source, target) in enumerate(EDGES):
        live, conv = operations[:, edge] > 0, operations[:, edge] > 1
        least, longest = fewest[source] + conv, most[source] + conv
        fewest[target] = np.where(live, np.minimum(fewest[target], least), fewest[target])
        most[target] = np.where(live, np.maximum(most[target], longest), most[target])
        paths[target] += np.where(live, paths[source], 0)
    convolutions, skips = (operations > 1).sum(axis=1), (operations == 1).sum(axis=1)
    shapes = (
        (convolutions,),
        (paths[-1],),
        (convolutions, skips),
        (fewest[-1], most[-1]),
        (convolutions, most[-1]),
        (convolutions, fewest[-1], most[-1], paths[-1]),
    )
    return [np.stack(shape, axis=1) for shape in shapes]


def _one_hot(rows: Ints) -> Floats:
    """Return which of the distinct rows each row is."""
    _, which = np.unique(rows, axis=0, return_inverse=True)
    return np.asarray(which[:, None] == np.arange(which.max() + 1), dtype=np.float64)


def cross_validated(features: Floats, values: Floats) -> tuple[Floats, float]:
    """Return a ridge regression's out-of-fold predictions, and the penalty that predicts best.

    Args:
        features: Shape ``(C, F)``.
        values: Shape ``(C,)``.
    """
    folds = np.random.default_rng(0).permutation(len(values)) % FOLDS
    mean = values.mean()
    rows = sparse.csr_matrix(np.concatenate([features, np.ones((len(values), 1))], axis=1))
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    grams = [(part.T @ part).toarray() for part in parts]
    sums = [part.T @ (values[folds == fold] - mean) for fold, part in enumerate(parts)]
    whole, total = sum(grams), sum(sums)
    predictions = []
    for penalty in PENALTIES:
        predicted = np.empty_like(values)
        for fold, part in enumerate(parts):
            gram = whole - grams[fold] + penalty * np.eye(rows.shape[1])
            weights = solve(gram, total - sums[fold], assume_a="pos")
            predicted[folds == fold] = mean + part @ weights
        predictions.append(predicted)
    best = min(range(len(PENALTIES)), key=lambda i: ((values - predictions[i]) ** 2).mean())
    return predictions[best], PENALTIES[best]
