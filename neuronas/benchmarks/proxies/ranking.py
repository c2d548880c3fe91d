"""How well scores rank: Kendall's tau with its standard error, partial tau, processor time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.benchmarks.proxies.state import Measured, Reading

Floats = NDArray[np.float64]
CONTROL = "parameters"
"""What a score must say more than, to be worth anything: it costs nothing."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How well one score, or two together, rank networks as longer training does.

    Attributes:
        score: Name; of two, the mean of their ranks is taken.
        networks: How many networks.
        tau: Kendall's tau-b with longer training's accuracy; None where one of both is constant.
        tau_error: Its standard error over networks, by the jackknife.
        partial_tau: Tau with what the number of parameters tells taken out (Kendall's partial
            rank correlation); None for that number itself.
        partial_error: Its standard error.
        tau_top_half: Tau among the half that longer training ranks highest.
        cpu_s: Median processor seconds per network.
        failed: Networks without a score; they rank last.
    """

    score: str
    networks: int
    tau: float | None
    tau_error: float | None
    partial_tau: float | None
    partial_error: float | None
    tau_top_half: float | None
    cpu_s: float
    failed: int


def fidelities(measured: Sequence[Measured]) -> list[Fidelity]:
    """Return the fidelity of each proxy, each rung, and each proxy together with each rung."""
    truth = ranks([one.long for one in measured])
    proxies = _columns([one.proxies for one in measured])
    rungs = _columns([one.rungs for one in measured])
    control = proxies[CONTROL].ranks
    both = {
        f"{proxy} + {rung}": proxies[proxy].with_(rungs[rung])
        for rung in rungs
        for proxy in proxies
    }
    columns = proxies | rungs | both
    return [_fidelity(name, column, truth, control) for name, column in columns.items()]


@dataclass(frozen=True, slots=True)
class _Column:
    """One score of all networks: ranks, processor seconds, which have none; ``(N,)`` each."""

    ranks: Floats
    cpu_s: Floats
    failed: NDArray[np.bool_]

    def with_(self, other: _Column) -> _Column:
        """Return the mean of both ranks, at the price of both."""
        return _Column(
            (self.ranks + other.ranks) / 2, self.cpu_s + other.cpu_s, self.failed | other.failed
        )


def _columns(readings: Sequence[Mapping[str, Reading]]) -> dict[str, _Column]:
    columns: dict[str, _Column] = {}
    for name in readings[0]:
        values = [one[name] for one in readings]
        columns[name] = _Column(
            ranks(values),
            np.array([value.cpu_s for value in values]),
            np.array([value.score is None for value in values]),
        )
    return columns


def ranks(readings: Sequence[Reading]) -> Floats:
    """Return the rank of each score, ``(N,)``, ties shared; what has no score ranks last."""
    from scipy.stats import rankdata

    scores = [-math.inf if one.score is None else one.score for one in readings]
    return np.asarray(rankdata(scores), dtype=np.float64)


def _fidelity(name: str, column: _Column, truth: Floats, control: Floats) -> Fidelity:
    data = np.stack([column.ranks, truth, control])
    is_control = name == CONTROL
    top = truth > np.median(truth)
    return Fidelity(
        score=name,
        networks=len(truth),
        tau=_known(_tau(data)),
        tau_error=_known(jackknife(_tau, data)),
        partial_tau=None if is_control else _known(partial_tau(data)),
        partial_error=None if is_control else _known(jackknife(partial_tau, data)),
        tau_top_half=_known(_tau(data[:, top])),
        cpu_s=float(np.median(column.cpu_s)),
        failed=int(column.failed.sum()),
    )


def partial_tau(data: Floats) -> float:
    """Return Kendall's partial tau of rows 0 and 1 given row 2, of shape ``(3, N)``.

    ``(t01 - t02 * t12) / sqrt((1 - t02**2) * (1 - t12**2))``; M. G. Kendall, Partial rank
    correlation, Biometrika 32 (1942). NaN where a row is constant or equals the control.
    """
    t01, t02, t12 = (_tau(data[[a, b]]) for a, b in ((0, 1), (0, 2), (1, 2)))
    left = (1 - t02**2) * (1 - t12**2)
    return (t01 - t02 * t12) / math.sqrt(left) if left > 0 else math.nan


def jackknife(statistic: Callable[[Floats], float], data: Floats) -> float:
    """Return the standard error of a statistic of ``(K, N)`` values over its N columns.

    Leaving one out, not drawing with replacement: a network that is drawn twice ties with itself,
    and tau-b of such a sample is another quantity.
    """
    count = data.shape[1]
    values = np.array([statistic(np.delete(data, index, axis=1)) for index in range(count)])
    return float(np.sqrt((count - 1) / count * ((values - values.mean()) ** 2).sum()))


def _tau(data: Floats) -> float:
    """Return Kendall's tau-b of the first two rows; NaN of fewer than three or constant values."""
    from scipy.stats import kendalltau

    least = 3
    if data.shape[1] < least:
        return math.nan
    # The p-value is not used; exact ones are slow.
    return float(kendalltau(data[0], data[1], method="asymptotic").statistic)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
