"""Hardware models by name: ours, and those that other packages bring."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import chain
from neuronas.config import HARDWARE_MODELS, Kind, load_plugin, plugin_names, suggestion
from neuronas.errors import ConfigError, HardwareModelError

if TYPE_CHECKING:
    from neuronas.hardware.chip import Chip
    from neuronas.hardware.cost import HardwareModel

Ints = NDArray[np.int64]

_CHANGES_ACCURACY = (
    "accuracy may depend on it and the search would not see that: the cheapest option would always "
    "win. Choose it in a chip file (hardware.chip)"
)
_REFUSED = {
    ("cim", "tiles"): "it is the fixed capacity of a chip, which is only checked: networks that "
    "need more tiles do not fit, and the area is that of the tiles that a network needs, not of "
    "those that the chip has. Give it in a chip file, or in the study as hardware.chip: "
    "{base: rram-32nm, settings: {tiles: 64}}",
}
"""Why a setting of a model is not open to search for another reason, and what to do instead."""

_IN_ORDER = {"cim": ("schedule", "step-serial")}
"""Setting that lets a model's chips end a time step before the next begins, and its value."""


def hardware_models() -> list[str]:
    """Return the names of all hardware models that are installed."""
    return plugin_names(HARDWARE_MODELS)


def option_codes(model: HardwareModel, chip: Chip, name: str, options: Sequence[Any]) -> Ints:
    """Return the options of a searched chip setting as the numbers that a model takes.

    Raises:
        ConfigError: The setting does not exist, is not open to search, or cannot take an option.
    """
    fields = type(chip.settings).model_fields
    key = f"space.chip.{name}"
    if name not in fields:
        raise ConfigError(
            f"{key}: unknown setting of model '{model.name}'; allowed: "
            f"{', '.join(model.choices) or 'none'}{suggestion(name, list(model.choices))}"
        )
    if name not in model.choices:
        raise ConfigError(
            f"{key}: not open to search, since "
            f"{_REFUSED.get((model.name, name), _CHANGES_ACCURACY)}; a study may search "
            f"{', '.join(model.choices) or 'no setting'}"
        )
    names = model.choices[name]
    if names is None:
        wrong = [option for option in options if not isinstance(option, int)]
        expected = "a whole number"
    else:
        wrong = [option for option in options if option not in names]
        expected = ", ".join(names)
    if wrong:
        near = suggestion(wrong[0], names or [])
        raise ConfigError(f"{key}: found {wrong[0]!r}; allowed: {expected}{near}")
    return np.array([option if names is None else names.index(option) for option in options])


def require_possible(chip: Chip, choices: Mapping[str, Sequence[Any]]) -> None:
    """Raise a ConfigError unless a chip can have every combination of searched settings."""
    for values in itertools.product(*choices.values()):
        chosen = dict(zip(choices, values, strict=True))
        try:
            chip.changed(chosen)
        except ConfigError as error:
            told = ", ".join(f"{name} {value}" for name, value in chosen.items())
            beside = f" (of {told})" if len(chosen) > 1 else ""
            raise ConfigError(f"space.chip.{error.problems[0]}{beside}") from None


def require_steps_in_order(chip: Chip, choices: Mapping[str, Sequence[Any]]) -> None:
    """Raise a ConfigError unless a chip, with every searched setting, can wait for a time step.

    Edges that lead backward bring something to the next time step, which must not begin before.
    """
    if chip.model not in _IN_ORDER:
        return
    name, needed = _IN_ORDER[chip.model]
    own = getattr(chip.settings, name)
    wrong = [option for option in choices.get(name, [own]) if option != needed]
    if wrong:
        key = f"space.chip.{name}: found" if name in choices else f"hardware.chip: found {name}"
        raise ConfigError(
            f"{key} '{wrong[0]}'; allowed: {needed}: with space.feedback edges lead to the next "
            f"time step, which must not begin before this one ends; write space: {{chip: {{{name}: "
            f"{needed}}}}}, or feedback: false"
        )


def require_usable(chip: Chip) -> None:
    """Raise a HardwareModelError unless its model can cost at least the smallest network on a chip.

    It cannot where a whole chip lacks a constant, or one belongs to a node that is out of range.
    """
    smallest = chain(kind=Kind.CONV, in_channels=1, out_channels=1, height=1, width=1, kernel=1)
    hardware_model(chip.model).cost(smallest, chip)


def hardware_model(name: str) -> HardwareModel:
    """Return a hardware model: what the entry point of group ``neuronas.hardware_models`` names.

    Raises:
        HardwareModelError: There is no such model.
    """
    if name not in hardware_models():
        raise HardwareModelError(
            f"unknown hardware model '{name}'{suggestion(name, hardware_models())}; allowed: "
            f"{', '.join(hardware_models())}"
        )
    model: HardwareModel = load_plugin(HARDWARE_MODELS, name)
    return model
