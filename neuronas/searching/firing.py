"""How often the neurons of a network will fire, learned from the networks that were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neuronas.searching.features import Floats
from neuronas.searching.surrogate import Coordinates, GaussianProcess, Variances


class FiringModel:
    """Spike rates per layer, of a Gaussian process whose variances are the usual ones.

    Args:
        known: n trained networks.
        rates: Measured in each, by layer; a layer that a network lacks is not named.
    """

    def __init__(self, known: Coordinates, rates: Sequence[Mapping[str, float]]) -> None:
        self._layers = sorted(set().union(*rates))
        values = np.array([[own.get(name, np.nan) for name in self._layers] for own in rates])
        self._present = ~np.isnan(values)
        # What is not there says nothing: it is as all others are.
        values = np.where(self._present, values, np.nanmean(values, axis=0))
        self._process = GaussianProcess(known, values, Variances.usual(known))

    def expected(self, networks: Coordinates) -> dict[str, Floats]:
        """Return the expected rate of every layer that any network has, shape ``(N,)`` each."""
        return self._by_layer(self._process.mean(self._process.covariance(networks)))

    def left_out(self) -> dict[str, Floats]:
        """Return likewise what is expected of each trained network from all others."""
        return self._by_layer(np.where(self._present, self._process.left_out(), np.nan))

    def _by_layer(self, values: Floats) -> dict[str, Floats]:
        return dict(zip(self._layers, np.clip(values, 0, 1).T, strict=True))
