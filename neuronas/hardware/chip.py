"""Chips: presets in ``chips/*.yaml``, every constant with unit, node and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from neuronas.config import chip_names, read_yaml, suggestion, validate
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware.models import hardware_model, hardware_models

BASE = "base"


class Constant(BaseModel):
    """One physical constant of a chip.

    Attributes:
        value: Its value in ``unit``, above 0.
        unit: Unit, as written in reports.
        node_nm: Technology node; None where the source does not say, or it depends on none.
        node_exponent: With which power of the node it grows; None where it does not.
        source: Where the value comes from; of a fitted one, the data and the residual.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: str = Field(min_length=1)
    node_nm: float | None
    node_exponent: float | None = None
    source: str = Field(min_length=1)


class _ChipFile(BaseModel):
    """What a chip file may say; where it has a base, that was put in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: None = None
    name: str
    model: str
    source: str
    settings: dict[str, Any]
    constants: dict[str, Constant]


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip that a hardware model can cost networks on.

    Attributes:
        name: Name of the preset, or of what a user made of it.
        model: Hardware model that settings and constants belong to.
        source: Where the description comes from.
        settings: What was chosen on it; the class is the model's.
        constants: Physical constants by name.
        base: Preset that its file is based on; None where the file says everything itself.
        own: Keys that a file with a base gives itself, such as ``source`` or ``settings.rows``.
    """

    name: str
    model: str
    source: str
    settings: BaseModel
    constants: dict[str, Constant]
    base: str | None = field(default=None, compare=False)
    own: frozenset[str] = field(default=frozenset(), compare=False)

    def __hash__(self) -> int:
        return hash((self.name, self.model, self.source))

    @classmethod
    def of(cls, description: str | Path | Mapping[str, Any]) -> Chip:
        """Return a chip.

        Args:
            description: Name of a preset, path of a YAML file, or what such a file holds: a whole
                chip, or ``base:`` (a preset) and the settings and constants that differ.

        Raises:
            HardwareModelError: There is no such preset.
            ConfigError: The description is wrong; the message names file, key, what is allowed.
        """
        if isinstance(description, Mapping):
            return _read(description, source=None)
        path = Path(description)
        if path.suffix in {".yaml", ".yml", ".json"}:
            content = read_yaml(path)
            if not isinstance(content, dict):
                raise ConfigError("a chip file is a mapping of keys", source=str(path))
            return _read({"name": path.stem, **content}, source=str(path))
        name = str(description)
        if name not in chip_names():
            raise HardwareModelError(
                f"unknown chip '{name}'{suggestion(name, chip_names())}; allowed: "
                f"{', '.join(chip_names())}, or the path of a chip file that ends in .yaml"
            )
        return _preset(name)

    def changed(self, settings: Mapping[str, Any]) -> Chip:
        """Return this chip with other settings; ConfigError if they cannot be."""
        if not settings:
            return self
        content = self.settings.model_dump() | dict(settings)
        return replace(self, settings=validate(type(self.settings), content, source=self.name))

    def value(self, constant: str) -> float:
        """Return the value of a constant, in its own unit.

        Raises:
            HardwareModelError: The chip does not describe it.
        """
        if constant not in self.constants:
            raise HardwareModelError(
                f"chip '{self.name}' has no constant '{constant}', which its model needs"
            )
        return self.constants[constant].value

    def to_json(self) -> dict[str, object]:
        """Return what identifies the chip in a deployment digest, as JSON values."""
        return {
            "model": self.model,
            "settings": self.settings.model_dump(mode="json"),
            "constants": {name: c.value for name, c in sorted(self.constants.items())},
        }


def _read(content: Mapping[str, Any], *, source: str | None) -> Chip:
    whole = _completed(content, source) if BASE in content else dict(content)
    file = validate(_ChipFile, whole, source=source)
    if file.model not in hardware_models():
        raise ConfigError(
            f"model: unknown hardware model '{file.model}'"
            f"{suggestion(file.model, hardware_models())}; allowed: {', '.join(hardware_models())}",
            source=source,
        )
    settings = validate(
        hardware_model(file.model).settings, file.settings, source=source, section="settings"
    )
    return Chip(
        file.name,
        file.model,
        file.source,
        settings,
        file.constants,
        base=content.get(BASE),
        own=_own(content) if BASE in content else frozenset(),
    )


def _own(content: Mapping[str, Any]) -> frozenset[str]:
    """Return what the content of a chip file gives itself."""
    sections = ("settings", "constants")
    keys = {f"{section}.{key}" for section in sections for key in content.get(section) or {}}
    return frozenset(keys | content.keys())


def _completed(content: Mapping[str, Any], source: str | None) -> dict[str, Any]:
    """Return the content of a chip file on top of its base."""
    if content[BASE] not in chip_names():
        raise ConfigError(
            f"base: found {content[BASE]!r}; allowed: {', '.join(chip_names())}", source=source
        )
    base = _content(content[BASE])
    if BASE in base:
        base = _completed(base, content[BASE])
    whole = base | {"name": f"{base['name']}, changed"}
    whole |= {key: value for key, value in content.items() if key != BASE}
    for section in ("settings", "constants"):
        changed = content.get(section) or {}
        if not isinstance(changed, Mapping):
            raise ConfigError(f"{section}: a mapping of keys is expected", source=source)
        whole[section] = {**base[section], **changed}
    whole["constants"] |= {
        name: _own_constant(name, value, base["constants"][name], source)
        for name, value in (content.get("constants") or {}).items()
        if name in base["constants"] and isinstance(value, Mapping)
    }
    unknown = [name for name in whole["constants"] if name not in base["constants"]]
    if unknown:
        raise ConfigError(
            [
                f"constants.{name}: '{base['name']}' has no such constant"
                f"{suggestion(name, list(base['constants']))}; `neuronas chips show "
                f"{base['name']}` lists them"
                for name in unknown
            ],
            source=source,
        )
    return whole


def _own_constant(
    name: str, given: Mapping[str, Any], base: Mapping[str, Any], source: str | None
) -> dict[str, Any]:
    """Return a constant that replaces a base's: in the same unit, scaled with the node alike."""
    unit = given.get("unit", base["unit"])
    if unit != base["unit"]:
        raise ConfigError(
            f"constants.{name}.unit: found '{unit}'; this constant is in {base['unit']}",
            source=source,
        )
    inherited = {key: base.get(key) for key in ("unit", "node_nm", "node_exponent")}
    return inherited | dict(given)


def _content(name: str) -> dict[str, Any]:
    """Return what the file of a preset holds."""
    with resources.as_file(resources.files(__package__) / "chips" / f"{name}.yaml") as path:
        content: dict[str, Any] = read_yaml(path)
        return content


@cache
def _preset(name: str) -> Chip:
    return _read(_content(name), source=name)
