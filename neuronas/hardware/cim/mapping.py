"""How weights lie on crossbars, processing elements (PEs) and tiles.

A crossbar has R rows and C columns; ``columns_per_adc`` columns take turns on one ADC. A PE is a
square of n x n crossbars that holds one matrix block; a tile holds the PEs of one block of a
layer: k*k of them, one per kernel position, or a single larger one where rows of all positions
stand below one another (im2col). A chip's tiles are built for one kernel, the most frequent above
1x1; layers with another kernel are mapped as im2col. PEs are sized by the widest layer of the
network, within 2 to 4 crossbars (4 to 8 for im2col), as DNN+NeuroSim V1.3 does. A matrix that
leaves room in its PE is replicated there: copies work on different output positions, which shortens
latency.

Area and latency follow these PEs. Energy does not: it counts buffers, wires and leakage for PEs
whose side no other layer changes, so that more bits or channels never save energy.
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
from neuronas.hardware.cim.reads import reads_of
from neuronas.hardware.cim.settings import MAPPINGS, SCHEDULES, CimSettings
from neuronas.hardware.cost import Activity, Floats

_FLOATING_POINT = 16
_KERNEL = MAPPINGS.index("kernel")
_FEW_KERNELS = 16

NARROW, NARROW_FLAT = 2.0, 4.0
"""Least crossbars along a PE that holds a kernel position, and along an im2col one."""

GROUP_SIDE = 4.0
"""Crossbars along the groups that wires and buffers are counted for.

PEs whose side depends on the network would let a wider layer make others cheaper.
"""


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
        weighted: Whether the layer has a matrix.
        full: Whether all layers have one, one value.
        grouped: Whether any layer has groups, one value.
        channels, outputs: Channels in and out of one group.
        kernel: Side of the kernel, at least 1.
        kernel_area: Kernel positions.
        copies: Groups of a convolution: matrices of this size; 0 where there is no matrix.
        slices: Columns per output, at least 1.
        columns: Columns of one matrix.
        by_position: Whether kernel positions have crossbars of their own.
        rows: Rows of one matrix.
        places: Output positions; 0 where there is no matrix.
        positions: Output positions x input planes x reads of a row block, per time step.
        density: Share of rows that a read drives; one number where it is the same everywhere.
        parallel: PEs that work at once, one per kernel position.
        widest: Column blocks of the widest layer as a power of two, ``(N,)``.
        sides: Crossbars along a PE, n, where it holds a kernel position and where it is flat,
            ``(N,)`` each.
        side: The one of the two that is the layer's.
        row_blocks, column_blocks: Crossbars that a matrix needs along each side.
        row_tiles, column_tiles: PEs that it needs along each side.
        row_groups, column_groups: Likewise, were PEs 4 crossbars wide, whatever the chip's.
        replicas: Copies that fit into one PE.
        blocks: PEs that all matrices of a layer need, at one kernel position.
        crossbars, pe, tiles: Of a layer, room that stays empty included.
        cell_current: Columns per output, by the current that they draw.
        tile_kernel: Kernel that tiles are built for, ``(N,)``; 1 for im2col.
    """

    settings: CimSettings
    options: Options
    weighted: NDArray[np.bool_]
    full: bool
    grouped: bool
    channels: Floats
    outputs: Floats
    kernel: Floats
    kernel_area: Floats
    copies: Floats
    slices: Floats
    columns: Floats
    by_position: NDArray[np.bool_]
    rows: Floats
    places: Floats
    positions: Floats
    density: float | Floats
    parallel: Floats
    widest: Floats
    sides: tuple[Floats, Floats]
    side: Floats
    row_blocks: Floats
    column_blocks: Floats
    row_tiles: Floats
    column_tiles: Floats
    row_groups: Floats
    column_groups: Floats
    replicas: Floats
    crossbars: Floats
    blocks: Floats
    pe: Floats
    tiles: Floats
    cell_current: Floats
    tile_kernel: Floats

    def times_copies(self, amounts: Floats) -> Floats:
        """Return what all groups of a layer have of something, given what one has."""
        return amounts * self.copies if self.grouped else amounts

    def either(self, position: float | Floats, flat: float | Floats) -> Floats:
        """Return one value for layers mapped by kernel position, another for the others."""
        return np.where(self.by_position, position, flat)

    def wide_tiles(self) -> Floats:
        """Return the tiles of each layer, were PEs 4 crossbars wide, or 8 (im2col), ``(L, N)``."""
        per_side = np.where(self.by_position, 1.0 / GROUP_SIDE, 0.5 / GROUP_SIDE)
        blocks = np.ceil(self.row_blocks * per_side) * np.ceil(self.column_blocks * per_side)
        return _tiles(self.parallel, self.times_copies(blocks), self.options)


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
    full = bool(weighted.all())
    grouped = bool(w.groups.max(initial=0) > 1)
    copies = np.maximum(w.groups, 1) * weighted if grouped else weighted
    channels, outputs = w.in_channels.astype(np.float64), w.out_channels.astype(np.float64)
    if not full:
        channels, outputs = channels * weighted, outputs * weighted
    if grouped:
        per_group = np.maximum(copies, 1)
        channels, outputs = channels / per_group, outputs / per_group
    kernel = np.maximum(w.kernel, 1).astype(np.float64)
    kernel_area = kernel * kernel
    slices, cell_current = _slices(w.weight_bits, settings, beyond)
    columns = outputs * slices
    rows_all = channels * kernel_area
    used_kernels = w.kernel if full else w.kernel * weighted
    tile_kernel = np.where(options.mapping == _KERNEL, _tile_kernel(used_kernels), 0)
    # Tiles of 1x1 kernels hold every matrix; larger ones only those that fill more than a crossbar.
    by_position = weighted & (kernel == tile_kernel)
    by_position &= (rows_all > settings.rows) | (tile_kernel == 1)
    rows = np.where(by_position, channels, rows_all)
    row_blocks = np.ceil(rows / settings.rows)
    column_blocks = np.ceil(columns / options.columns)
    parallel = np.where(by_position, kernel_area, 1.0)
    widest = _power_of_two(column_blocks.max(axis=0, initial=0.0))
    sides = _sides(by_position, row_blocks * copies if grouped else row_blocks, column_blocks)
    side = np.where(by_position, *sides)
    per_side = np.where(by_position, 1.0 / sides[0], 1.0 / sides[1])  # exact: powers of two
    row_tiles, column_tiles = np.ceil(row_blocks * per_side), np.ceil(column_blocks * per_side)
    blocks = row_tiles * column_tiles
    if grouped:
        blocks *= copies
    pe = blocks * parallel
    places, positions, density = reads_of(w, None if full else weighted, rows, settings, activity)
    return Placement(
        settings=settings,
        options=options,
        weighted=weighted,
        full=full,
        grouped=grouped,
        channels=channels,
        outputs=outputs,
        kernel=kernel,
        kernel_area=kernel_area,
        copies=copies.astype(np.float64),
        slices=slices,
        columns=columns,
        by_position=by_position,
        rows=rows,
        places=places,
        positions=positions,
        density=density,
        parallel=parallel,
        widest=widest,
        sides=sides,
        side=side,
        row_blocks=row_blocks,
        column_blocks=column_blocks,
        row_tiles=row_tiles,
        column_tiles=column_tiles,
        row_groups=np.ceil(row_blocks * (1.0 / GROUP_SIDE)),
        column_groups=np.ceil(column_blocks * (1.0 / GROUP_SIDE)),
        replicas=replicas_in(side, row_blocks, column_blocks),
        crossbars=pe * (side * side),
        blocks=blocks,
        pe=pe,
        tiles=_tiles(parallel, blocks, options),
        cell_current=cell_current,
        tile_kernel=np.maximum(tile_kernel, 1.0),
    )


def replicas_in(side: Floats, row_blocks: Floats, column_blocks: Floats) -> Floats:
    """Return how often a matrix fits into a PE; 1 where it is larger or there is none."""
    with np.errstate(divide="ignore"):
        below, beside = np.floor(side / row_blocks), np.floor(side / column_blocks)
    fitting = np.maximum(below, 1.0) * np.maximum(beside, 1.0)
    return np.asarray(np.where(np.isfinite(fitting), fitting, 1.0))


def _tiles(parallel: Floats, blocks: Floats, options: Options) -> Floats:
    """Return the tiles of each layer: of so many PEs each, or one per block."""
    given = options.pe_per_tile > 0
    if not given.any():
        return blocks
    of_given = np.ceil(blocks * parallel / np.maximum(options.pe_per_tile, 1.0))
    return of_given if given.all() else np.where(given, of_given, blocks)


def _power_of_two(blocks: Floats) -> Floats:
    """Return the power of two at or above; 1 below that."""
    return np.asarray(np.exp2(np.ceil(np.log2(np.maximum(blocks, 1.0)))))


def _tile_kernel(kernels: NDArray[Any]) -> NDArray[Any]:
    """Return the kernel that tiles are built for, ``(N,)``: the most frequent above 1x1.

    The larger one of two that are equally frequent; 1 where there is none.
    """
    chosen = np.ones(kernels.shape[1], dtype=np.int64)
    most = np.ones(kernels.shape[1], dtype=np.int16)
    largest = int(kernels.max(initial=0))
    if largest <= _FEW_KERNELS:
        usual, kernels = range(2, largest + 1), kernels.astype(np.int8)  # compares faster
    else:
        usual = np.unique(kernels).tolist()
    for kernel in usual:
        if kernel > 1:
            count = np.add.reduce((kernels == kernel).view(np.int8), axis=0, dtype=np.int16)
            chosen = np.where(count >= most, kernel, chosen)
            most = np.maximum(most, count)
    return chosen


def _check_bits(w: Workload, weighted: NDArray[np.bool_]) -> None:
    if w.weight_bits.max(initial=0) < _FLOATING_POINT:
        return
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
    possible = np.arange(bits.max(initial=0) + 1.0)
    magnitude = possible
    if settings.signed_weights == "differential":
        magnitude = np.maximum(possible - 1.0, 0.0)
    count = np.ceil(magnitude / cell)
    leading = np.ceil(np.minimum(magnitude, first) / cell)
    current = leading + beyond * (count - leading)
    count = np.maximum(count, 1.0)
    if settings.signed_weights == "differential":
        count = 2 * count  # one side of a pair conducts
    return count[bits], current[bits]


def _sides(
    by_position: NDArray[np.bool_], row_blocks: Floats, column_blocks: Floats
) -> tuple[Floats, Floats]:
    """Return the crossbars along a PE of both mappings, ``(N,)``: by its widest layer.

    A power of two within 2 to 4 (4 to 8 for im2col), or the widest layer's own where PEs as large
    leave no more crossbars empty.
    """
    here = by_position * column_blocks
    wide = [
        np.maximum(_power_of_two(blocks.max(axis=0, initial=0.0)), least)
        for blocks, least in ((here, NARROW), (column_blocks - here, NARROW_FLAT))
    ]
    held = [np.minimum(wide[0], 2 * NARROW), np.minimum(wide[1], 2 * NARROW_FLAT)]
    if (wide[0] == held[0]).all() and (wide[1] == held[1]).all():
        return held[0], held[1]
    large, small = np.where(by_position, *wide), np.where(by_position, *held)
    # Whole numbers: their sums are exact in any order.
    more = _crossbars(row_blocks, column_blocks, large)
    more -= _crossbars(row_blocks, column_blocks, small)
    of_positions = (more * by_position).sum(axis=0)
    of_flat = more.sum(axis=0) - of_positions
    return (
        np.where(of_positions <= 0, wide[0], held[0]),
        np.where(of_flat <= 0, wide[1], held[1]),
    )


def _crossbars(row_blocks: Floats, column_blocks: Floats, side: Floats) -> Floats:
    """Return the crossbars of PEs of a side that is a power of two."""
    inverse = 1.0 / side
    blocks = np.ceil(row_blocks * inverse) * np.ceil(column_blocks * inverse)
    return np.asarray(blocks * (side * side))
