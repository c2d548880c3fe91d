"""Layer tables of plain networks: layers in a row, one by one or as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neuronas.architecture.networks import Ints
from neuronas.architecture.slots import Slot
from neuronas.architecture.workload import SPIKE_LEVELS, Signal, Workload
from neuronas.config import BitWidth, Kind
from neuronas.errors import WorkloadError

Size = Annotated[int, Field(ge=1, le=2**20)]

_LEAST = {"in_channels": 0, "out_channels": 0, "levels": 0}
"""Columns that may be zero: a layer without channels is no layer, a current has no levels."""


class Layer(BaseModel):
    """One layer of a plain network.

    Attributes:
        kind: ``conv``, ``linear``, ``avgpool`` or ``maxpool``.
        in_channels, out_channels: Channels; features of a linear layer.
        height, width: Feature map that it reads; 1 for a linear layer.
        kernel, stride, groups: Of a convolution or a pooling.
        same: Whether the border is padded so that all positions count; otherwise a kernel stays
            inside the map.
        pool: Side of an average pooling of its currents, fused behind it.
        weight_bits: Bits of one weight.
        levels: Values that one input element can take in a time step: 2 for spikes, 0 for a
            current of as many bits as the chip carries.
        neurons: Whether LIF neurons read its output.
        static: Whether its input is the same at every time step, so that it is computed once.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["conv", "linear", "avgpool", "maxpool"]
    in_channels: Size
    out_channels: Size
    height: Size = 1
    width: Size = 1
    kernel: Size = 1
    stride: Size = 1
    groups: Size = 1
    same: bool = True
    pool: Size = 1
    weight_bits: BitWidth = 4
    levels: Annotated[int, Field(ge=0, le=2**16)] = SPIKE_LEVELS
    neurons: bool = True
    static: bool = False

    @model_validator(mode="after")
    def _has_a_map(self) -> Layer:
        missing = {"height", "width"} - self.model_fields_set
        if self.kind != "linear" and missing:
            raise PydanticCustomError(
                "contradiction",
                "{name}: required for {kind}",
                {"name": min(missing), "kind": self.kind},
            )
        return self

    def map_out(self) -> tuple[int, int]:
        """Return height and width of what it gives, after its pooling."""
        border = 1 if self.same else self.kernel
        height, width = (
            ((side - border) // self.stride + 1) // self.pool for side in (self.height, self.width)
        )
        return height, width


def workload_of_layers(
    networks: Sequence[Sequence[Layer]], time_steps: Sequence[int] | int = 1
) -> Workload:
    """Return the layer table of plain networks; shorter ones end with layers they do not have.

    Raises:
        WorkloadError: A layer contradicts itself (the message names layer and field), a network
            has no layers, or there is none.
    """
    if not networks:
        raise WorkloadError("networks: found none; allowed: one or more")
    empty = [index for index, layers in enumerate(networks) if not layers]
    if empty:
        raise WorkloadError(f"network {empty[0]}: has no layers; allowed: one or more")
    depth = max(len(layers) for layers in networks)

    def column(name: str) -> Ints:
        table = np.zeros((depth, len(networks)), dtype=np.int64)
        for index, layers in enumerate(networks):
            values = [getattr(layer, name) for layer in layers]
            table[: len(layers), index] = (
                [Kind[value.upper()] for value in values] if name == "kind" else values
            )
        return table

    columns = {name: column(name) for name in Layer.model_fields}
    steps = np.asarray(time_steps)
    if steps.ndim and len(steps) not in {1, len(networks)}:
        raise WorkloadError(f"time_steps: found {len(steps)} values for {len(networks)} networks")
    return chain(**columns, time_steps=np.broadcast_to(steps, len(networks)))


def chain(
    *,
    kind: ArrayLike,
    in_channels: ArrayLike,
    out_channels: ArrayLike,
    height: ArrayLike,
    width: ArrayLike,
    kernel: ArrayLike = 1,
    stride: ArrayLike = 1,
    groups: ArrayLike = 1,
    same: ArrayLike = True,
    pool: ArrayLike = 1,
    weight_bits: ArrayLike = 4,
    levels: ArrayLike = SPIKE_LEVELS,
    neurons: ArrayLike = True,
    static: ArrayLike = False,
    time_steps: ArrayLike = 1,
) -> Workload:
    """Return the layer table of N plain networks of L layers from arrays.

    Arrays broadcast to ``(L, N)``, ``time_steps`` to ``(N,)``; their meaning is that of
    :class:`Layer`. A layer of kind ``NONE`` or without channels is one the network does not have.

    Raises:
        WorkloadError: A value cannot be; the message names layer and field.
    """
    given = {
        "kind": kind,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "height": height,
        "width": width,
        "kernel": kernel,
        "stride": stride,
        "groups": groups,
        "same": same,
        "pool": pool,
        "weight_bits": weight_bits,
        "levels": levels,
        "neurons": neurons,
        "static": static,
    }
    steps = np.atleast_1d(_integers("time_steps", time_steps))
    if (steps < 1).any():
        raise WorkloadError(f"time_steps: found {steps.min()}; allowed: 1 or more")
    columns = {name: np.atleast_2d(_integers(name, value)) for name, value in given.items()}
    shape = np.broadcast_shapes(*(array.shape for array in columns.values()), (1, len(steps)))
    present = (
        (columns["kind"] != Kind.NONE)
        & (columns["in_channels"] != 0)
        & (columns["out_channels"] != 0)
    )
    if present.all():
        present = np.ones((1, 1), dtype=bool)
    _check(columns, present)
    table = {
        name: np.broadcast_to(_shared(column), shape)
        for name, column in _assembled(columns, present, steps[None]).items()
    }
    rows = range(shape[0])
    return Workload(
        slots=tuple(Slot(f"layer{row}", after=(f"layer{row - 1}",) if row else ()) for row in rows),
        time_steps=np.broadcast_to(steps, shape[1]),
        **table,
    )


def _shared(values: Ints) -> Ints:
    """Return one column where all networks have the same, which cost models then read once."""
    first = values[:, :1]
    alike = (values[:, -1:] == first).all() and (values == first).all()
    return first if alike else values


def _assembled(c: dict[str, Ints], present: NDArray[np.bool_], steps: Ints) -> dict[str, Ints]:
    """Return the columns of the layer table; one row or column where all are the same."""
    if not present.all():
        c = {name: np.where(present, values, 0) for name, values in c.items()}
    linear = c["kind"] == Kind.LINEAR
    weighted = linear | (c["kind"] == Kind.CONV)
    pool = np.maximum(c["pool"], 1)
    height, width = (_positions(c, side) * present for side in ("height", "width"))
    weights = np.where(
        weighted,
        c["kernel"] ** 2 * c["in_channels"] * (c["out_channels"] // np.maximum(c["groups"], 1)),
        0,
    )
    signal = np.select(
        [~present, c["levels"] == 0, c["levels"] == SPIKE_LEVELS],
        [Signal.NONE, Signal.CURRENT, Signal.SPIKE],
        Signal.LEVEL,
    )
    zero = np.zeros((1, 1), dtype=np.int64)
    return {
        "kind": c["kind"],
        "in_channels": c["in_channels"],
        "out_channels": c["out_channels"],
        "kernel": np.where(linear, 0, c["kernel"]),
        "stride": np.where(linear, 0, c["stride"]),
        "groups": np.where(weighted & ~linear, c["groups"], 0),
        "in_height": c["height"],
        "in_width": c["width"],
        "out_height": height,
        "out_width": width,
        "pooled_height": height // pool,
        "pooled_width": width // pool,
        "weights": weights,
        "parameters": weights,
        "weight_bits": np.where(weighted, c["weight_bits"], 0),
        "macs": weights * height * width,
        "neurons": np.where(c["neurons"] != 0, c["out_channels"] * height * width, 0),
        "signal": signal,
        "levels": np.where(present, c["levels"], 0),
        "steps": np.where(c["static"] != 0, present, np.where(present, steps, 0)),
        "adds": zero,
        "rescaled": zero,
        "waits": zero,
    }


def _integers(name: str, value: ArrayLike) -> Ints:
    found = np.asarray(value)
    if found.dtype.kind == "f":
        odd = found[~np.isfinite(found) | (found != np.floor(found))]
        if odd.size:
            raise WorkloadError(f"{name}: found {odd[0]}; allowed: integers")
    elif found.dtype.kind not in "iub":
        raise WorkloadError(f"{name}: found {value!r}; allowed: integers")
    return found.astype(np.int64)


def _positions(c: dict[str, Ints], side: str) -> Ints:
    """Return how often a kernel stands along one side of the map that a layer reads."""
    border = np.where(c["same"] != 0, 1, c["kernel"])
    return np.asarray((c[side] - border) // np.maximum(c["stride"], 1) + 1)


def _check(columns: dict[str, Ints], present: NDArray[np.bool_]) -> None:
    kind = columns["kind"]
    _require(np.isin(kind, [k for k in Kind if k != Kind.LIF]), "kind", columns, "a known kind")
    for name, values in columns.items():
        if name in {"neurons", "same", "static"}:
            continue
        least = _LEAST.get(name, 0 if name == "kind" else 1)
        _require((values >= least) | ~present & (values >= 0), name, columns, f"{least} or more")
    groups, conv = columns["groups"], present & (kind == Kind.CONV)
    for name in ("in_channels", "out_channels"):
        divides = columns[name] % np.maximum(groups, 1) == 0
        _require(divides | ~conv, "groups", columns, f"a divisor of {name}")
    linear = present & (kind == Kind.LINEAR)
    for name in ("kernel", "stride", "groups", "height", "width"):
        _require((columns[name] == 1) | ~linear, name, columns, "1 for a linear layer")
    for side in ("height", "width"):
        inside = _positions(columns, side)
        _require((inside >= 1) | ~present, "kernel", columns, f"at most the map's {side}")
        pooled = (columns["pool"] <= inside) | ~present
        _require(pooled, "pool", columns, f"at most the {side} of the map that is pooled")


def _require(good: NDArray[np.bool_], field: str, columns: dict[str, Ints], allowed: str) -> None:
    if good.all():
        return
    row, network = (int(index[0]) for index in np.nonzero(~good))
    shape = np.broadcast_shapes(columns[field].shape, good.shape)
    raise WorkloadError(
        f"network {network}, layer{row}: {field} is "
        f"{np.broadcast_to(columns[field], shape)[row, network]}; "
        f"allowed: {allowed}"
    )
