"""Hardware-aware search for spiking neural networks on compute-in-memory chips."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuronas.architecture import Architecture
    from neuronas.config import StudyConfig, load_study
    from neuronas.errors import NeuronasError
    from neuronas.hardware import estimate
    from neuronas.network import build_network
    from neuronas.searching import search

__version__ = "0.1.0"

# Read by OpenMP when torch is imported, so it stands before all such imports. Threads that wait
# otherwise spin, which makes two of them six times slower than one on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Architecture",
    "NeuronasError",
    "StudyConfig",
    "build_network",
    "estimate",
    "load_study",
    "search",
]

_HOMES = {
    "Architecture": "architecture",
    "NeuronasError": "errors",
    "StudyConfig": "config",
    "build_network": "network",
    "estimate": "hardware",
    "load_study": "config",
    "search": "searching",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes have any type
    """Import a public name when it is first used, so that ``import neuronas`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'neuronas' has no attribute '{name}'")
    return getattr(import_module(f"neuronas.{_HOMES[name]}"), name)
