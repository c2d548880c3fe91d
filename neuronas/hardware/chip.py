"""Chips: presets in ``chips/*.yaml``, every constant with unit, node and source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from neuronas.config import chip_names, read_yaml, validate
from neuronas.errors import HardwareModelError

Device = Literal["rram", "sram"]


class Constant(BaseModel):
    """One physical constant of a chip.

    Attributes:
        value: Its value in ``unit``.
        unit: Unit, as written in reports.
        node_nm: Technology node; None where the source does not say.
        source: Where the value comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    unit: str = Field(min_length=1)
    node_nm: float | None
    source: str = Field(min_length=1)


class ChipSettings(BaseModel):
    """What may be chosen on a SpikeSim chip, in the script's own names.

    Attributes:
        xbar_size: Rows and columns of a crossbar; a multiple of 8, since 8 columns share an ADC.
        pe_per_tile: Processing elements per tile.
        clk_freq: Clock in MHz.
        device: Memory cell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    xbar_size: Annotated[int, Field(ge=8, le=65536, multiple_of=8)]
    pe_per_tile: Annotated[int, Field(ge=1)]
    clk_freq: Annotated[float, Field(gt=0)]
    device: Device


class _ChipFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    model: str
    source: str
    settings: ChipSettings
    constants: dict[str, Constant]


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip that a hardware model can cost networks on.

    Attributes:
        name: Name of the preset.
        model: Hardware model that the constants belong to.
        source: Where the description comes from.
        settings: What was chosen on it.
        constants: Physical constants by name.
    """

    name: str
    model: str
    source: str
    settings: ChipSettings
    constants: dict[str, Constant]

    @classmethod
    def preset(cls, name: str) -> Chip:
        """Return the chip ``name`` of ``chips/``.

        Raises:
            HardwareModelError: There is no such preset.
        """
        if name not in chip_names():
            raise HardwareModelError(f"unknown chip '{name}'; allowed: {', '.join(chip_names())}")
        return _preset(name)

    @classmethod
    def from_file(cls, path: Path) -> Chip:
        """Return the chip that a YAML file describes; ConfigError if the file is wrong."""
        read = validate(_ChipFile, read_yaml(path), source=str(path))
        return cls(read.name, read.model, read.source, read.settings, read.constants)

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
            "settings": self.settings.model_dump(),
            "constants": {name: c.value for name, c in sorted(self.constants.items())},
        }


@cache
def _preset(name: str) -> Chip:
    with resources.as_file(resources.files(__package__) / "chips" / f"{name}.yaml") as path:
        return Chip.from_file(path)
