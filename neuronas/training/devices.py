"""Where networks are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from neuronas.errors import ConfigError
from neuronas.network import Precision


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


def chosen_precision(wanted: str, device: str) -> Precision:
    """Return in which precision to train.

    Args:
        wanted: ``fp32``, ``bf16``, or ``auto``: bf16 where the device has instructions for it.
        device: Where networks are trained.
    """
    if wanted == "auto":
        if device == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
        able = torch.cpu.get_capabilities()
        return "bf16" if any(able.get(name, False) for name in _BF16) else "fp32"
    return "bf16" if wanted == "bf16" else "fp32"


_BF16 = ("avx512_bf16", "amx_bf16", "bf16")
"""Instructions of x86 processors, and of ARM's."""


@contextmanager
def forked_generators(device: str) -> Iterator[None]:
    """Put torch's random generators back afterwards, also those of the device."""
    devices = range(torch.cuda.device_count()) if device == "cuda" else ()
    with torch.random.fork_rng(devices=list(devices)):
        yield
