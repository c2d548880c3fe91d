"""Layer lists in the input names of SpikeSim's script, as an alternative to a genotype."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neuronas.architecture import Signal, Slot, Workload
from neuronas.config import Kind
from neuronas.hardware.chip import ChipSettings, Device

Positive = Annotated[int, Field(ge=1, le=65536)]


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
    device: Device | None = None

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

    def settings(self, default: ChipSettings) -> dict[str, object]:
        """Return the chip settings of this file, completed from ``default``."""
        given = {name: getattr(self, name) for name in type(default).model_fields}
        return {
            name: getattr(default, name) if value is None else value
            for name, value in given.items()
        }

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
        weights = kernel**2 * cin * cout
        zero = np.zeros_like(cin)
        return Workload(
            slots=tuple(Slot(f"conv{index}") for index in range(len(cin))),
            kind=zero + Kind.CONV,
            in_channels=cin,
            out_channels=cout,
            kernel=kernel,
            stride=zero + 1,
            in_height=din,
            in_width=din,
            out_height=din,
            out_width=din,
            pooled_height=dout,
            pooled_width=dout,
            weights=weights,
            parameters=weights,
            weight_bits=zero,
            macs=weights * din**2,
            neurons=cout * din**2,
            signal=zero + Signal.SPIKE,
            time_steps=np.array([self.time_steps]),
        )
