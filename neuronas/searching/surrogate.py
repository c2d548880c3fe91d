"""A Gaussian process over networks: what accuracy is expected, and how sure that is.

The covariance of two networks is the sum of

- per main figure, a squared-exponential of their difference in it: main effects, learned from few
  networks (additive Gaussian processes: Duvenaud et al., NeurIPS 2011);
- a squared-exponential over all main figures: their interactions;
- a linear one and a squared-exponential over which operation stands on which edge.

Length scales are fixed on the scaled features; the variance of each part and that of the noise
are those of largest posterior density (Rasmussen and Williams, Gaussian Processes for Machine
Learning, 2006, section 5.4). Chosen by measurement on trained cells: CONTRIBUTING.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from neuronas.searching.features import Features, Floats

_MAIN_SCALE = 1.0
_JOINT_SCALE = 0.6
"""Length scales of a main figure, and of all together per root of their number."""
_EDGE_SCALE = 0.6
_LINEAR_SCALE = 0.4

_CENTRES = np.arange(-4.0, 4.01, 0.5)
"""Where the covariance of a main figure is spanned from, in units of its length scale."""
_NEGLIGIBLE = 1e-3

_PRIOR_DEVIATION = 1.5
_NOISE, _NOISE_DEVIATION = 0.05, 1.0
"""Of the logarithms of variances, and of the noise: relative to the variance of the values."""
_AT_MOST = 3.0
"""Prior deviations that a variance may lie off; farther, covariances become singular."""
_STEPS = 30
_ENOUGH = 300
"""Networks that variances are learned from: more only take longer."""
_JITTER = 1e-8


def _spanning() -> Floats:
    """Return what turns covariances with the centres into coordinates, shape ``(C, R)``."""
    covariance = np.exp(-0.5 * (_CENTRES[:, None] - _CENTRES) ** 2)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _NEGLIGIBLE
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


_SPANNING = _spanning()


@dataclass(frozen=True, slots=True)
class _Coordinates:
    """N networks where covariances are products and distances.

    Attributes:
        linear: A block of columns per main figure, then one of the edges, shape ``(N, D)``.
        joint: All main figures, in their length scale, shape ``(N, M)``.
        edges: Shape ``(N, E)``, likewise.
    """

    linear: Floats
    joint: Floats
    edges: Floats

    @classmethod
    def of(cls, features: Features) -> _Coordinates:
        rows, figures = features.main.shape
        inside = np.clip(features.main / _MAIN_SCALE, _CENTRES[0], _CENTRES[-1])
        near = np.exp(-0.5 * (inside[:, :, None] - _CENTRES) ** 2) @ _SPANNING
        edges = features.edges / (_LINEAR_SCALE * max(1, features.edges.shape[1]) ** 0.5)
        return cls(
            np.concatenate([near.reshape(rows, -1), edges], axis=1),
            features.main / (_JOINT_SCALE * max(1, figures) ** 0.5),
            features.edges / (_EDGE_SCALE * max(1, features.places) ** 0.5),
        )

    def take(self, rows: slice) -> _Coordinates:
        return _Coordinates(self.linear[rows], self.joint[rows], self.edges[rows])


def _blocks(features: Features) -> list[slice]:
    """Return the columns of each linear part."""
    rank = _SPANNING.shape[1]
    starts = [rank * figure for figure in range(features.main.shape[1] + 1)]
    return [slice(start, start + rank) for start in starts[:-1]] + [slice(starts[-1], None)]


def _near(a: Floats, b: Floats) -> Floats:
    """Return the squared-exponential covariance, shape ``(N, K)``."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)
    squares -= 2 * a @ b.T
    return np.asarray(np.exp(-0.5 * np.maximum(squares, 0)))


@dataclass(frozen=True, slots=True)
class Variances:
    """Logarithms of what each part of the covariance contributes.

    Attributes:
        parts: Linear parts, the joint one and that of the edges, shape ``(P,)``.
        noise: Of one value.
    """

    parts: Floats
    noise: float

    @classmethod
    def usual(cls, features: Features) -> Variances:
        """Return equal shares, which are expected before anything is learned."""
        count = len(_blocks(features)) + 2
        return cls(np.full(count, -np.log(count)), float(np.log(_NOISE)))


class GaussianProcess:
    """A Gaussian process fitted to values of networks.

    Args:
        features: Of n networks.
        values: Shape ``(n,)``, or ``(n, K)`` for K quantities of one covariance.
        variances: Of its parts; see :func:`learned`.
        extra_noise: Variance beyond the common noise, in squared units of values, shape ``(n,)``.
    """

    def __init__(
        self,
        features: Features,
        values: Floats,
        variances: Variances,
        extra_noise: Floats | None = None,
    ) -> None:
        self._known = _Coordinates.of(features)
        self._blocks = _blocks(features)
        self._weights = np.exp(variances.parts)
        self._mean, self._scale = values.mean(axis=0), _deviation(values)
        covariance = self._covariance(self._known)
        covariance[np.diag_indices(len(values))] += np.exp(variances.noise) + _JITTER
        if extra_noise is not None:
            covariance[np.diag_indices(len(values))] += extra_noise / self._scale**2
        self._factor = np.linalg.cholesky(covariance)
        self._standard = (values - self._mean) / self._scale
        self._solved = cho_solve((self._factor, True), self._standard)

    def mean(self, features: Features) -> Floats:
        """Return the expected value of N networks, shape ``(N,)`` or ``(N, K)``."""
        return self._told(self._covariance(_Coordinates.of(features)))

    def predict(self, features: Features) -> tuple[Floats, Floats]:
        """Return the expected value of N networks, and its standard deviation without noise."""
        coordinates = _Coordinates.of(features)
        covariance = self._covariance(coordinates)
        explained = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        own = 1 + self._weights[-2:].sum() + (coordinates.linear**2 @ self._per_column())
        variance = np.maximum(own - (explained**2).sum(axis=0), _JITTER)
        return self._told(covariance), self._scale * np.sqrt(variance)

    def left_out(self) -> Floats:
        """Return what is expected of each of the n networks from all others.

        Rasmussen and Williams, equation 5.12.
        """
        inverse = np.diag(cho_solve((self._factor, True), np.eye(len(self._factor))))
        errors = (self._solved.T / inverse).T
        return np.asarray(self._mean + self._scale * (self._standard - errors))

    def _told(self, covariance: Floats) -> Floats:
        return np.asarray(self._mean + self._scale * (covariance @ self._solved))

    def _per_column(self) -> Floats:
        widths = [len(range(*b.indices(self._known.linear.shape[1]))) for b in self._blocks]
        return np.repeat(self._weights[:-2], widths)

    def _covariance(self, networks: _Coordinates) -> Floats:
        """Return the covariance with the n networks, shape ``(N, n)``; 1 of it is their mean's."""
        known, (joint, edges) = self._known, self._weights[-2:]
        found = 1 + (networks.linear * self._per_column()) @ known.linear.T
        found += joint * _near(networks.joint, known.joint)
        found += edges * _near(networks.edges, known.edges)
        return found


def _deviation(values: Floats) -> Floats:
    return np.maximum(values.std(axis=0), 1e-6)


def learned(
    features: Features,
    values: Floats,
    extra_noise: Floats | None = None,
    start: Variances | None = None,
) -> Variances:
    """Return the variances of largest posterior density; arguments as for the process.

    Args:
        features, values, extra_noise: Of n networks; the last 300 of them are used.
        start: Where the search for them begins.
    """
    features, values = features.take(slice(-_ENOUGH, None)), values[-_ENOUGH:]
    usual = Variances.usual(features)
    start = start or usual
    known, blocks = _Coordinates.of(features), _blocks(features)
    near = np.stack([_near(known.joint, known.joint), _near(known.edges, known.edges)])
    told = (values - values.mean()) / _deviation(values)
    given = np.zeros(len(values)) if extra_noise is None else extra_noise[-_ENOUGH:]
    given = given / _deviation(values) ** 2 + _JITTER
    prior = np.append(usual.parts, usual.noise)
    deviations = np.append(np.full(len(usual.parts), _PRIOR_DEVIATION), _NOISE_DEVIATION)
    widths = [known.linear[:, block].shape[1] for block in blocks]

    def negative(logs: Floats) -> tuple[float, Floats]:
        weights = np.exp(logs)
        columns = np.repeat(weights[: len(blocks)], widths)
        covariance = 1 + (known.linear * columns) @ known.linear.T
        covariance += np.tensordot(weights[len(blocks) : -1], near, 1)
        covariance[np.diag_indices(len(told))] += weights[-1] + given
        factor = cho_factor(covariance, lower=True, check_finite=False)
        solved = cho_solve(factor, told, check_finite=False)
        # What each unit of covariance would change: Rasmussen and Williams, equation 5.9.
        slope = np.outer(solved, solved) - cho_solve(factor, np.eye(len(told)), check_finite=False)
        per_column = np.einsum("nd,nd->d", slope @ known.linear, known.linear)
        per_part = [per_column[block].sum() for block in blocks]
        slopes = np.array([*per_part, *np.tensordot(near, slope, 2), np.trace(slope)])
        off = (logs - prior) / deviations
        value = 0.5 * told @ solved + np.log(np.diag(factor[0])).sum() + 0.5 * off @ off
        return float(value), -0.5 * weights * slopes + off / deviations

    first = np.append(start.parts, start.noise)
    within = list(zip(prior - _AT_MOST * deviations, prior + _AT_MOST * deviations, strict=True))
    found = minimize(
        negative, first, jac=True, method="L-BFGS-B", bounds=within, options={"maxiter": _STEPS}
    )
    return Variances(found.x[:-1], float(found.x[-1]))
