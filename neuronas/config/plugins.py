"""Plug-ins: names from entry points, without importing what they name."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from neuronas.errors import ConfigError

ENGINES = "neuronas.engines"
HARDWARE_MODELS = "neuronas.hardware_models"


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def plugin_names(group: str) -> list[str]:
    """Return the names that installed packages give in an entry-point group, sorted."""
    return sorted(_found(group))


def load_plugin(group: str, name: str) -> Any:  # noqa: ANN401 - whatever the entry point names
    """Return the object behind a name of an entry-point group.

    Raises:
        ConfigError: No installed package gives this name, or it cannot be imported.
    """
    if name not in _found(group):
        raise ConfigError(
            f"no '{name}' among the entry points '{group}'; there are: "
            f"{', '.join(plugin_names(group)) or 'none; reinstall neuronas'}"
        )
    point = _found(group)[name]
    try:
        return point.load()
    except Exception as error:  # whatever another package's module raises
        why = str(error) or type(error).__name__
        raise ConfigError(f"{group} '{name}' ({point.value}) cannot be loaded: {why}") from error
