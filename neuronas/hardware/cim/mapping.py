"""How weights lie on crossbars, processing elements (PEs) and tiles.

A crossbar has R rows and C columns; ``columns_per_adc`` columns take turns on one ADC. A PE is a
square of n x n crossbars that holds one matrix block; a tile holds the PEs of one block of a
layer: k*k of them, one per kernel position, or a single larger one where rows of all positions
stand below one another (im2col). A chip's tiles are built for one kernel, the most frequent above
1x1; layers with another kernel are mapped as im2col. PEs are sized by the widest layer of the
network, within 2 to 4 crossbars (4 to 8 for im2col), as DNN+NeuroSim V1.3 does. A matrix that
leaves room in its PE is replicated there: copies work on different output positions, which shortens
latency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Workload
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware.cim.settings import MAPPINGS, SCHEDULES, CimSettings
from neuronas.hardware.cost import Activity, Floats

_FLOATING_POINT = 16
_DENSITY = 0.5
"""Share of ones assumed in a bit plane of an image or of a multi-bit current."""

_KERNEL = MAPPINGS.index("kernel")


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that may differ between networks, one number each or shape ``(N,)``."""

    columns_per_adc: Floats
    pe_per_tile: Floats
    columns: Floats
    mapping: NDArray[Any]
    schedule: NDArray[Any]

    @classmethod
    def of(cls, settings: CimSettings, choices: Mapping[str, NDArray[Any]] | None) -> Options:
        """Return the settings of a chip, with what networks choose in their place."""
        given = {
            "columns_per_adc": np.float64(settings.columns_per_adc),
            "pe_per_tile": np.float64(settings.pe_per_tile or 0),
            "columns": np.float64(settings.columns),
            "mapping": np.int64(MAPPINGS.index(settings.mapping)),
            "schedule": np.int64(SCHEDULES.index(settings.schedule)),
        }
        chosen: dict[str, Any] = {name: np.asarray(value) for name, value in given.items()}
        for name, values in (choices or {}).items():
            if name not in chosen:
                raise HardwareModelError(
                    f"'{name}' is no choice per network; allowed: {', '.join(chosen)}"
                )
            chosen[name] = np.asarray(values, dtype=chosen[name].dtype)
        return cls(**chosen)

    def part(self, chunk: slice) -> Options:
        """Return the options of some networks."""
        return Options(
            *(
                value if value.ndim == 0 else value[chunk]
                for value in (getattr(self, name) for name in self.__slots__)
            )
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Where every layer of N networks goes; arrays ``(L, N)`` unless stated.

    Attributes:
        settings: Of the chip.
        options: What differs between networks.
        channels, outputs: Channels in and out of one group.
        kernel_area: Kernel positions.
        copies: Groups of a convolution: matrices of this size; 0 where there is no matrix.
        slices: Columns per output.
        columns: Columns of one matrix.
        by_position: Whether kernel positions have crossbars of their own.
        rows: Rows of one matrix.
        positions: Output positions x input planes x reads of a row block, per time step.
        density: Share of rows that a read drives.
        parallel: PEs that work at once, one per kernel position.
        side: Crossbars along a PE, n.
        row_blocks, column_blocks: Crossbars that a matrix needs along each side.
        row_tiles, column_tiles: PEs that it needs along each side.
        replicas: Copies that fit into one PE.
        crossbars, pe, tiles: Of a layer, room that stays empty included.
        cell_current: Columns per output, by the current that they draw.
        tile_kernel: Kernel that tiles are built for, ``(N,)``; 1 for im2col.
    """

    settings: CimSettings
    options: Options
    channels: Floats
    outputs: Floats
    kernel_area: Floats
    copies: Floats
    slices: Floats
    columns: Floats
    by_position: NDArray[np.bool_]
    rows: Floats
    positions: Floats
    density: Floats
    parallel: Floats
    side: Floats
    row_blocks: Floats
    column_blocks: Floats
    row_tiles: Floats
    column_tiles: Floats
    replicas: Floats
    crossbars: Floats
    pe: Floats
    tiles: Floats
    cell_current: Floats
    tile_kernel: Floats


def place(
    w: Workload, settings: CimSettings, options: Options, activity: Activity, beyond: float
) -> Placement:
    """Return where every layer goes.

    Args:
        w: N networks.
        settings: Of the chip.
        options: What differs between networks.
        activity: Spike rates.
        beyond: Current of a cell that holds bits beyond the fourth, over one of the first four.

    Raises:
        HardwareModelError: A layer has floating-point weights.
    """
    weighted = (w.kind == Kind.CONV) | (w.kind == Kind.LINEAR)
    _check_bits(w, weighted)
    copies = np.where(weighted, np.maximum(w.groups, 1), 0).astype(np.float64)
    per_group = np.maximum(copies, 1.0)
    channels = np.where(weighted, w.in_channels, 0) / per_group
    outputs = np.where(weighted, w.out_channels, 0) / per_group
    kernel_area = np.maximum(w.kernel, 1.0) ** 2
    slices, cell_current = _slices(w.weight_bits, settings, beyond)
    columns = outputs * slices
    rows_all = channels * kernel_area
    tile_kernel = np.where(options.mapping == _KERNEL, _tile_kernel(w, weighted), 0)
    by_position = weighted & (np.maximum(w.kernel, 1) == tile_kernel) & (rows_all > settings.rows)
    rows = np.where(by_position, channels, rows_all)
    row_blocks = np.ceil(rows / settings.rows)
    column_blocks = np.ceil(columns / options.columns)
    side = _side(by_position, row_blocks * copies, column_blocks)
    row_tiles, column_tiles = np.ceil(row_blocks / side), np.ceil(column_blocks / side)
    parallel = np.where(by_position, kernel_area, 1.0)
    blocks = row_tiles * column_tiles * copies
    pe = blocks * parallel
    planes, density = _planes(w, settings, activity)
    reads = np.ceil(np.minimum(rows, settings.rows) / (settings.active_rows or settings.rows))
    return Placement(
        settings=settings,
        options=options,
        channels=channels,
        outputs=outputs,
        kernel_area=kernel_area,
        copies=copies,
        slices=slices,
        columns=columns,
        by_position=by_position,
        rows=rows,
        positions=w.out_height * w.out_width * planes * np.maximum(reads, 1.0) * weighted,
        density=density / np.maximum(reads, 1.0),
        parallel=parallel,
        side=side,
        row_blocks=row_blocks,
        column_blocks=column_blocks,
        row_tiles=row_tiles,
        column_tiles=column_tiles,
        replicas=np.maximum(np.floor(side / np.maximum(row_blocks, 1.0)), 1.0)
        * np.maximum(np.floor(side / np.maximum(column_blocks, 1.0)), 1.0),
        crossbars=pe * side**2,
        pe=pe,
        tiles=np.where(
            options.pe_per_tile > 0, np.ceil(pe / np.maximum(options.pe_per_tile, 1.0)), blocks
        ),
        cell_current=cell_current,
        tile_kernel=np.maximum(tile_kernel, 1.0),
    )


def _tile_kernel(w: Workload, weighted: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the kernel that tiles are built for, ``(N,)``: the most frequent above 1x1.

    The larger one of two that are equally frequent; 1 where there is none.
    """
    kernels = np.where(weighted, w.kernel, 0)
    chosen = np.ones(kernels.shape[1], dtype=kernels.dtype)
    most = np.ones_like(chosen)
    for kernel in range(2, int(kernels.max(initial=0)) + 1):
        count = (kernels == kernel).sum(axis=0)
        chosen = np.where(count >= most, kernel, chosen)
        most = np.maximum(most, count)
    return chosen


def _check_bits(w: Workload, weighted: NDArray[np.bool_]) -> None:
    wide = weighted & (w.weight_bits >= _FLOATING_POINT)
    if wide.any():
        row, network = (int(index[0]) for index in np.nonzero(wide))
        raise HardwareModelError(
            f"network {network}, {w.slots[row].name}: weight_bits is "
            f"{w.weight_bits[row, network]}, floating point, which crossbars do not compute; "
            "allowed: 2 to 8"
        )


def _slices(bits: NDArray[Any], settings: CimSettings, beyond: float) -> tuple[Floats, Floats]:
    """Return columns per output, and the same weighted by the current of their cells."""
    cell = float(settings.cell_bits)
    first = 4  # bits
    if settings.signed_weights == "differential":
        magnitude = np.maximum(bits - 1.0, 0.0)
        count = np.ceil(magnitude / cell)
        leading = np.ceil(np.minimum(magnitude, first) / cell)
        return 2 * count, leading + beyond * (count - leading)  # one side of a pair conducts
    count = np.ceil(bits / cell)
    leading = np.ceil(np.minimum(bits, first) / cell)
    return count, leading + beyond * (count - leading)


def _side(by_position: NDArray[np.bool_], row_blocks: Floats, column_blocks: Floats) -> Floats:
    """Return the crossbars along a PE, ``(L, N)``: by the widest layer of either mapping.

    A power of two within 2 to 4 (4 to 8 for im2col), or the widest layer's own where PEs as large
    leave no more crossbars empty.
    """
    narrow, wide = 2.0, 4.0
    return np.where(
        by_position,
        _common_side(by_position, row_blocks, column_blocks, narrow),
        _common_side(~by_position, row_blocks, column_blocks, wide),
    )


def _common_side(
    here: NDArray[np.bool_], row_blocks: Floats, column_blocks: Floats, least: float
) -> Floats:
    rows, columns = np.where(here, row_blocks, 0.0), np.where(here, column_blocks, 0.0)
    widest = np.exp2(np.ceil(np.log2(np.maximum(columns.max(axis=0), least))))
    held = np.minimum(widest, 2 * least)

    def crossbars(side: Floats) -> Floats:
        tiles = np.ceil(rows / side) * np.ceil(columns / side)
        return np.asarray(tiles.sum(axis=0) * side**2)

    if (widest == held).all():
        return np.asarray(held)
    return np.asarray(np.where(crossbars(widest) <= crossbars(held), widest, held))


def _planes(w: Workload, settings: CimSettings, activity: Activity) -> tuple[Floats, Floats]:
    """Return how often a crossbar reads one input element, and the share of ones in a read.

    Of spikes averaged over m positions with spike rate r, at most m*r ones are expected, and a
    plane is at most half full: an upper bound that assumes no more of their distribution.
    """
    rate = np.asarray(activity.spike_rate)
    levels = np.where(w.levels == 0, 2.0**settings.current_bits, w.levels)
    if settings.pooled_reads == "binary":
        small = w.levels * 1.0 - 1.0
        pooled = (w.levels > 2) & (w.levels < 256)  # noqa: PLR2004 - spikes, images
        planes = np.where(pooled, small, np.ceil(np.log2(np.maximum(levels, 2.0))))
        return planes, np.where(pooled | (w.levels == 2), rate, _DENSITY)  # noqa: PLR2004
    planes = np.ceil(np.log2(np.maximum(levels, 2.0)))
    ones = np.minimum((levels - 1.0) * rate, planes * _DENSITY)
    return planes, np.where(w.levels == 2, rate, ones / planes)  # noqa: PLR2004 - spikes
