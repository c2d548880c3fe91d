"""Images of 14x14 that a network learns in no time."""

from __future__ import annotations

import numpy as np

from neuronas.training import Dataset, Split


def noise(count: int, seed: int) -> Split:
    """Return images whose class is told by their mean."""
    labels = np.arange(count) % 10
    images = np.random.default_rng(seed).standard_normal((count, 1, 14, 14), dtype=np.float32)
    return Split(images + labels[:, None, None, None].astype(np.float32) - 4.5, labels)


TINY_DATA = Dataset("noise", noise(128, 0), noise(40, 1), noise(40, 2))
