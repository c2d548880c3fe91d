"""Where networks are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from neuronas.errors import ConfigError


def chosen_device(wanted: str | None) -> str:
    """Return the device to train on.

    Args:
        wanted: ``cpu`` or ``cuda``; when None, CUDA where it is available.

    Raises:
        ConfigError: There is no such device here.
    """
    available = torch.cuda.is_available()
    if wanted is None:
        return "cuda" if available else "cpu"
    if wanted not in {"cpu", "cuda"}:
        raise ConfigError(f"device: found '{wanted}'; allowed: cpu, cuda")
    if wanted == "cuda" and not available:
        raise ConfigError(
            "device: found 'cuda', but this torch finds no CUDA device here; allowed: cpu"
        )
    return wanted


@contextmanager
def forked_generators(device: str) -> Iterator[None]:
    """Put torch's random generators back afterwards, also those of the device."""
    devices = range(torch.cuda.device_count()) if device == "cuda" else ()
    with torch.random.fork_rng(devices=list(devices)):
        yield
