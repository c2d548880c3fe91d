"""Engines by name: ours, and those that other packages bring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from neuronas.config import ENGINES, load_plugin, plugin_names, suggestion
from neuronas.errors import ConfigError
from neuronas.service.engines.protocol import Engine


def engine_names() -> list[str]:
    """Return the names of all engines that are installed."""
    return plugin_names(ENGINES)


def new_engine(name: str) -> Engine:
    """Return an engine that starts workers of this installation.

    Raises:
        ConfigError: There is no such engine, or it cannot be loaded.
    """
    if name not in engine_names():
        raise ConfigError(
            f"--engine: found '{name}'; allowed: {', '.join(engine_names())}"
            f"{suggestion(name, engine_names())}"
        )
    made: Callable[[Sequence[str]], Engine] = load_plugin(ENGINES, name)
    return made((sys.executable, "-m", "neuronas"))
