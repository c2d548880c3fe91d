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
from numpy.typing import NDArray
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
class Coordinates:
    """N networks, placed so that covariances are products and distances.

    Attributes:
        linear: A block of columns per main figure, then one of the edges, shape ``(N, D)``.
        joint: All main figures, in their length scale, shape ``(N, M)``.
        edges: Shape ``(N, E)``, likewise.
    """

    linear: NDArray[np.floating]
    joint: NDArray[np.floating]
    edges: NDArray[np.floating]

    @classmethod
    def of(cls, features: Features, dtype: type[np.floating] = np.float64) -> Coordinates:
        """Return where networks stand; ``float32`` is exact enough, and faster, for many."""
        main, edges = features.main.astype(dtype), features.edges.astype(dtype)
        rows, figures = main.shape
        centres = _CENTRES.astype(dtype)
        inside = np.clip(main / dtype(_MAIN_SCALE), centres[0], centres[-1])
        near = np.exp(dtype(-0.5) * (inside[:, :, None] - centres) ** 2) @ _SPANNING.astype(dtype)
        straight = edges / dtype(_LINEAR_SCALE * max(1, edges.shape[1]) ** 0.5)
        return cls(
            np.concatenate([near.reshape(rows, figures * near.shape[2]), straight], axis=1),
            main / dtype(_JOINT_SCALE * max(1, figures) ** 0.5),
            edges / dtype(_EDGE_SCALE * max(1, features.places) ** 0.5),
        )

    def __len__(self) -> int:
        return len(self.linear)

    def take(self, rows: NDArray[np.integer] | slice) -> Coordinates:
        """Return some of the networks."""
        return Coordinates(self.linear[rows], self.joint[rows], self.edges[rows])

    def joined(self, other: Coordinates) -> Coordinates:
        """Return these networks and others behind them."""
        return Coordinates(
            np.concatenate([self.linear, other.linear]),
            np.concatenate([self.joint, other.joint]),
            np.concatenate([self.edges, other.edges]),
        )

    def single(self) -> Coordinates:
        """Return them in single precision."""
        return Coordinates(
            self.linear.astype(np.float32),
            self.joint.astype(np.float32),
            self.edges.astype(np.float32),
        )

    @property
    def blocks(self) -> list[slice]:
        """The columns of each linear part."""
        rank, figures = _SPANNING.shape[1], self.joint.shape[1]
        starts = [rank * figure for figure in range(figures + 1)]
        return [slice(start, start + rank) for start in starts[:-1]] + [slice(starts[-1], None)]

    def per_column(self, weights: Floats) -> Floats:
        """Return the weight of each linear part for each of its columns."""
        edges = self.linear.shape[1] - _SPANNING.shape[1] * self.joint.shape[1]
        return np.repeat(weights, [_SPANNING.shape[1]] * self.joint.shape[1] + [edges])


def _near(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the squared-exponential covariance, shape ``(N, K)``."""
    found = a @ b.T
    found *= 2
    found -= (a * a).sum(axis=1)[:, None]
    found -= (b * b).sum(axis=1)
    np.minimum(found, 0, out=found)
    found *= 0.5
    return np.exp(found, out=found)


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
    def usual(cls, known: Coordinates) -> Variances:
        """Return equal shares, which are expected before anything is learned."""
        count = len(known.blocks) + 2
        return cls(np.full(count, -np.log(count)), float(np.log(_NOISE)))


class GaussianProcess:
    """A Gaussian process fitted to values of networks.

    Args:
        known: n networks.
        values: Shape ``(n,)``, or ``(n, K)`` for K quantities of one covariance.
        variances: Of its parts; see :func:`learned`.
        extra_noise: Variance beyond the common noise, in squared units of values, shape ``(n,)``.
    """

    def __init__(
        self,
        known: Coordinates,
        values: Floats,
        variances: Variances,
        extra_noise: Floats | None = None,
    ) -> None:
        self._known = {np.dtype(np.float64): known, np.dtype(np.float32): known.single()}
        self._weights = np.exp(variances.parts)
        self._mean, self._scale = values.mean(axis=0), _deviation(values)
        covariance = self.covariance(known)
        covariance[np.diag_indices(len(values))] += np.exp(variances.noise) + _JITTER
        if extra_noise is not None:
            covariance[np.diag_indices(len(values))] += extra_noise / self._scale**2
        self._factor = np.linalg.cholesky(covariance)
        self._standard = (values - self._mean) / self._scale
        self._solved = cho_solve((self._factor, True), self._standard)

    def covariance(self, networks: Coordinates) -> NDArray[np.floating]:
        """Return the covariance of N networks with the n known ones, shape ``(N, n)``."""
        known = self._known[networks.linear.dtype]
        weights = self._weights.astype(networks.linear.dtype)
        found = (networks.linear * networks.per_column(weights[:-2])) @ known.linear.T
        found += 1  # of the mean, which is not known either
        found += weights[-2] * _near(networks.joint, known.joint)
        found += weights[-1] * _near(networks.edges, known.edges)
        return found

    def mean(self, covariance: NDArray[np.floating]) -> Floats:
        """Return the expected values of networks of a covariance, ``(N,)`` or ``(N, K)``."""
        told = covariance @ self._solved.astype(covariance.dtype)
        return np.asarray(self._mean + self._scale * told)

    def deviation(self, networks: Coordinates, covariance: NDArray[np.floating]) -> Floats:
        """Return the standard deviation of networks' values without noise, shape ``(N,)``."""
        explained = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        columns = networks.per_column(self._weights[:-2])
        own = 1 + self._weights[-2:].sum() + networks.linear**2 @ columns
        variance = np.maximum(own - (explained**2).sum(axis=0), _JITTER)
        return np.asarray(self._scale * np.sqrt(variance))

    def left_out(self) -> Floats:
        """Return what is expected of each of the n networks from all others.

        Rasmussen and Williams, equation 5.12.
        """
        inverse = np.diag(cho_solve((self._factor, True), np.eye(len(self._factor))))
        errors = (self._solved.T / inverse).T
        return np.asarray(self._mean + self._scale * (self._standard - errors))


def distinct(known: Coordinates, values: Floats) -> NDArray[np.intp]:
    """Return the rows of different networks or values, ascending, shape ``(k,)``.

    One training may stand for several candidates, equal but for their chips: told several times,
    it would look like trainings without noise.

    Args:
        known: n networks.
        values: Shape ``(n,)``.
    """
    _, rows = np.unique(np.column_stack([known.linear, values]), axis=0, return_index=True)
    return np.sort(rows)


def _deviation(values: Floats) -> Floats:
    return np.asarray(np.maximum(values.std(axis=0), 1e-6))


def learned(known: Coordinates, values: Floats, start: Variances | None = None) -> Variances:
    """Return the variances of largest posterior density.

    Args:
        known: n networks; the last 300 of them are used.
        values: Shape ``(n,)``.
        start: Where the search for them begins.
    """
    known, values = known.take(slice(-_ENOUGH, None)), values[-_ENOUGH:]
    usual, blocks = Variances.usual(known), known.blocks
    start = start or usual
    near = np.stack([_near(known.joint, known.joint), _near(known.edges, known.edges)])
    told = (values - values.mean()) / _deviation(values)
    prior = np.append(usual.parts, usual.noise)
    deviations = np.append(np.full(len(usual.parts), _PRIOR_DEVIATION), _NOISE_DEVIATION)

    def negative(logs: Floats) -> tuple[float, Floats]:
        weights = np.exp(logs)
        covariance = 1 + (known.linear * known.per_column(weights[: len(blocks)])) @ known.linear.T
        covariance += np.tensordot(weights[len(blocks) : -1], near, 1)
        covariance[np.diag_indices(len(told))] += weights[-1] + _JITTER
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
