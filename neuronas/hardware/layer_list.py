"""Layer lists in the input names of SpikeSim's script, as an alternative to a genotype."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neuronas.architecture import Layer, Workload, chain
from neuronas.config import Kind, validate
from neuronas.errors import ConfigError
from neuronas.hardware.chip import Chip

Positive = Annotated[int, Field(ge=1, le=65536)]
_CHIP_SETTINGS = ("xbar_size", "pe_per_tile", "clk_freq", "device")


class Layers(BaseModel):
    """A plain network, layer by layer.

    Attributes:
        layers: Its layers in execution order.
        time_steps: Time steps T.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    layers: Annotated[list[Layer], Field(min_length=1)]
    time_steps: Positive = 1

    @model_validator(mode="after")
    def _follow_each_other(self) -> Layers:
        for index, (before, after) in enumerate(pairwise(self.layers), start=1):
            for field, given in _given_by(before, after).items():
                found = getattr(after, field)
                if found != given:
                    raise PydanticCustomError(
                        "contradiction",
                        "layers[{index}].{field}: found {found}; the layer before gives {given}",
                        {"index": index, "field": field, "found": found, "given": given},
                    )
        return self


def _given_by(before: Layer, after: Layer) -> dict[str, int]:
    """Return what a layer gives to the next one, by the field that reads it."""
    if before.kind == "linear":
        return {"in_channels": before.out_channels}
    height, width = before.map_out()
    if after.kind == "linear":
        return {"in_channels": before.out_channels * height * width}
    return {"in_channels": before.out_channels, "height": height, "width": width}


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


class LayerList(BaseModel):
    """Convolutions in execution order, in the names that ``ela_spikesim.py`` uses.

    Attributes:
        in_ch_list, out_ch_list: Channels of each layer.
        in_dim_list: Side of the feature map that each layer reads.
        out_dim_list: Side of the feature map that it writes, after its pooling.
        kernel_size: Side of the kernel, one for all layers or one per layer.
        time_steps: Time steps T.
        xbar_size, pe_per_tile, clk_freq, device: Chip settings; the chip preset's where absent.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    in_ch_list: Annotated[list[Positive], Field(min_length=1)]
    out_ch_list: Annotated[list[Positive], Field(min_length=1)]
    in_dim_list: Annotated[list[Positive], Field(min_length=1)]
    out_dim_list: Annotated[list[Positive], Field(min_length=1)]
    kernel_size: Annotated[list[Positive], Field(min_length=1), BeforeValidator(_as_list)]
    time_steps: Positive
    xbar_size: int | None = None
    pe_per_tile: int | None = None
    clk_freq: float | None = None
    device: Literal["rram", "sram"] | None = None

    @model_validator(mode="after")
    def _lists_are_equally_long(self) -> LayerList:
        count = len(self.in_ch_list)
        for name in ("out_ch_list", "in_dim_list", "out_dim_list", "kernel_size"):
            values = getattr(self, name)
            if len(values) != count and (name, len(values)) != ("kernel_size", 1):
                raise PydanticCustomError(
                    "contradiction",
                    "{name}: found {found} values; in_ch_list has {count}",
                    {"name": name, "found": len(values), "count": count},
                )
        return self

    def on(self, chip: Chip, source: str | None) -> Chip:
        """Return a chip with the settings that this list gives; ConfigError if it has not got them.

        Args:
            chip: The chip.
            source: File, for the message.
        """
        model = type(chip.settings)
        given = {
            setting: value
            for settings in self._given(chip).values()
            for setting, value in settings.items()
        }
        unknown = given.keys() - model.model_fields.keys()
        if unknown:
            raise ConfigError(
                f"{min(unknown)}: a setting of SpikeSim's script that hardware model "
                f"'{chip.model}' has not got; leave it out, or estimate with --model spikesim",
                source=source,
            )
        settings = validate(model, chip.settings.model_dump() | given, source=source)
        return replace(chip, settings=settings)

    def require_agreement(self, chip: Chip, source: str | None) -> None:
        """Check that this list says nothing else of a chip that was named beside it.

        What the chip leaves open, the list may say.

        Args:
            chip: The chip.
            source: File, for the message.

        Raises:
            ConfigError: A setting of the list is another one on the chip.
        """
        has = chip.settings.model_dump()
        problems: list[str] = []
        for key, settings in self._given(chip).items():
            others = [
                f"{name} {has[name]}"
                for name, value in settings.items()
                if has.get(name) not in (None, value)
            ]
            if others:
                problems.append(
                    f"{key}: found {getattr(self, key)!r}, but chip '{chip.name}' has "
                    f"{', '.join(others)}; leave '{key}' out of the file, or name a chip that "
                    "agrees with it"
                )
        if problems:
            raise ConfigError(problems, source=source)

    def _given(self, chip: Chip) -> dict[str, dict[str, Any]]:
        """Return, per key that this list gives, the settings that it means on a chip."""
        given: dict[str, dict[str, Any]] = {
            key: {key: getattr(self, key)}
            for key in _CHIP_SETTINGS
            if getattr(self, key) is not None
        }
        if "xbar_size" in given and "xbar_size" not in type(chip.settings).model_fields:
            given["xbar_size"] = dict.fromkeys(("rows", "columns"), self.xbar_size)
        return given

    def workload(self) -> Workload:
        """Return the layer table, N = 1."""

        def column(values: object) -> np.typing.NDArray[np.int64]:
            count = len(self.in_ch_list)
            return np.broadcast_to(np.array(values, dtype=np.int64), count).reshape(-1, 1)

        cin, cout = column(self.in_ch_list), column(self.out_ch_list)
        din, dout, kernel = (
            column(self.in_dim_list),
            column(self.out_dim_list),
            column(self.kernel_size),
        )
        table = chain(
            kind=np.full_like(cin, Kind.CONV),
            in_channels=cin,
            out_channels=cout,
            height=din,
            width=din,
            kernel=kernel,
            time_steps=[self.time_steps],
        )
        return replace(table, pooled_height=dout, pooled_width=dout)
