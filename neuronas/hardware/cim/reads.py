"""How often crossbars are read, and how many of their rows a read drives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Workload
from neuronas.hardware.cim.settings import CimSettings
from neuronas.hardware.cost import Activity, Floats

_SPIKES = 2
"""Levels of a spike."""

_DENSITY = 0.5
"""Share of ones assumed in a bit plane of an image or of a multi-bit current."""


def reads_of(
    w: Workload,
    weighted: NDArray[np.bool_] | None,
    rows: Floats,
    settings: CimSettings,
    activity: Activity,
) -> tuple[Floats, Floats, float | Floats]:
    """Return what crossbars read of every layer's input.

    Args:
        w: N networks.
        weighted: Which layers have matrices, ``(L, N)``; None where all have.
        rows: Of one matrix, ``(L, N)``.
        settings: Of the chip.
        activity: Spike rates.

    Returns:
        Output positions; how often all rows of a matrix are read in a time step; the share of
        rows that a read drives. ``(L, N)`` each, the last one number where it is one everywhere.
    """
    places = (w.out_height * w.out_width).astype(np.float64)
    if weighted is not None:
        places *= weighted
    positions = places
    if w.levels.max(initial=0) == _SPIKES == w.levels.min(initial=_SPIKES):
        density: float | Floats = activity.spike_rate  # one plane, as full as there are spikes
    else:
        planes, density = _planes(w, settings, activity)
        positions = places * planes
    if settings.active_rows is None:
        return places, positions, density
    reads = np.ceil(np.minimum(rows, settings.rows) / settings.active_rows)
    reads = np.maximum(reads, 1.0)
    return places, positions * reads, density / reads


def _planes(w: Workload, settings: CimSettings, activity: Activity) -> tuple[Floats, Floats]:
    """Return how often a crossbar reads one input element, and the share of ones in a read.

    Of spikes averaged over m positions with spike rate r, at most m*r ones are expected, and a
    plane is at most half full: an upper bound that assumes no more of their distribution.
    """
    rate = np.asarray(activity.spike_rate)
    levels = np.where(w.levels == 0, 2.0**settings.current_bits, w.levels)
    if settings.pooled_reads == "binary":
        small = w.levels * 1.0 - 1.0
        pooled = (w.levels > 2) & (w.levels < 256)  # noqa: PLR2004 - spikes, images
        planes = np.where(pooled, small, np.ceil(np.log2(np.maximum(levels, 2.0))))
        return planes, np.where(pooled | (w.levels == 2), rate, _DENSITY)  # noqa: PLR2004
    planes = np.ceil(np.log2(np.maximum(levels, 2.0)))
    ones = np.minimum((levels - 1.0) * rate, planes * _DENSITY)
    return planes, np.where(w.levels == 2, rate, ones / planes)  # noqa: PLR2004 - spikes
