"""What the compiled model reads: layers, a chip's settings and constants as plain numbers."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Signal, Workload
from neuronas.architecture.workload import SPIKE_LEVELS
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware.cim.arithmetic import A_HAIR_LESS
from neuronas.hardware.cim.compiled import LANES, Lanes, aligned, record
from neuronas.hardware.cim.settings import CimSettings
from neuronas.hardware.cim.technology import Technology
from neuronas.hardware.cost import Activity, Floats, Ints

CONV, LINEAR, AVGPOOL = float(Kind.CONV), float(Kind.LINEAR), float(Kind.AVGPOOL)
MAXPOOL, SKIP, LIF = float(Kind.MAXPOOL), float(Kind.SKIP), float(Kind.LIF)
SPIKES, CURRENT = float(SPIKE_LEVELS), float(Signal.CURRENT)
"""Kinds, levels and signals, as the numbers of a record."""

_SIGNS = ("offset", "differential", "twos_complement")
OFFSET, DIFFERENTIAL = float(_SIGNS.index("offset")), float(_SIGNS.index("differential"))

UM2_PER_MM2 = 1e6

REFERENCE_SIDE = 64.0
"""Rows and columns of the crossbar that constants of columns, wires and leakage belong to."""


class Layer:
    """One layer of one network, and what the data does to it; see :class:`Workload`."""

    kind: Lanes
    in_channels: Lanes
    out_channels: Lanes
    kernel: Lanes
    groups: Lanes
    in_height: Lanes
    in_width: Lanes
    out_height: Lanes
    out_width: Lanes
    pooled_height: Lanes
    pooled_width: Lanes
    weight_bits: Lanes
    neurons: Lanes
    signal: Lanes
    levels: Lanes
    steps: Lanes
    adds: Lanes
    rescaled: Lanes
    waits: Lanes
    spike_rate: Lanes
    zero_rows: Lanes


_FIELDS, _DATA_FIELDS = tuple(Layer.__annotations__), ("spike_rate", "zero_rows")
_OF_NETWORKS, _OF_DATA = attrgetter(*_FIELDS[: -len(_DATA_FIELDS)]), attrgetter(*_DATA_FIELDS)
"""What a workload says of its layers, and what the data does to them, in this order."""


class Columns(NamedTuple):
    """Layers of a workload, and what the data does to them.

    Attributes:
        fixed: Numbers of every layer that all networks have, ``(L, numbers)``; 0 for the others.
        fields: Places of the others among the numbers of :class:`Layer`.
        differing: The others, ``(L, N)`` each.
    """

    fixed: Floats
    fields: list[int]
    differing: list[NDArray[Any]]

    @classmethod
    def of(cls, w: Workload, activity: Activity) -> Columns:
        """Return the columns of a workload."""
        shape = (len(w.slots), len(w))
        columns = (*_OF_NETWORKS(w), *_OF_DATA(activity))
        found = cls(np.zeros((len(w.slots), len(columns))), [], [])
        for field, values in enumerate(columns):
            whole = isinstance(values, np.ndarray) and values.shape == shape
            column = values if whole else np.broadcast_to(values, shape)
            # An array without a stride says that all networks have the same.
            if column.strides[1] == 0 and shape[1]:
                found.fixed[:, field] = column[:, 0]
            else:
                found.fields.append(field)
                found.differing.append(column)
        return found


class Table(NamedTuple):
    """Layers of some networks: the numbers of :class:`Layer`.

    Attributes:
        fixed: Of every layer, ``(L, numbers)``: those that all networks have.
        differing: The others, ``(fields, L, networks)``, of as many networks as fill all lanes.
        fields: Their places among the numbers, ``(fields,)``.
    """

    fixed: Floats
    differing: Floats
    fields: Ints


def empty_table(columns: Columns, networks: int) -> Table:
    """Return a table for so many networks at once, or fewer."""
    differing = aligned(len(columns.fields), len(columns.fixed), whole_lanes(networks))
    return Table(columns.fixed, differing, np.array(columns.fields, dtype=np.int64))


def fill_table(table: Table, columns: Columns, networks: slice) -> None:
    """Fill in what differs between networks, from the first place on.

    The last network is repeated to fill all lanes.
    """
    for place, column in enumerate(columns.differing):
        values, found = table.differing[place], column[:, networks]
        count = found.shape[1]
        values[:, :count] = found
        values[:, count : whole_lanes(count)] = found[:, -1:]


def whole_lanes(networks: int) -> int:
    """Return how many networks fill all lanes."""
    return networks + -networks % LANES


class Graph(NamedTuple):
    """Which rows each row waits for: ``before[start[row]:start[row + 1]]``."""

    start: Ints
    before: Ints


def graph_of(w: Workload) -> Graph:
    """Return the order of a workload's layers.

    Raises:
        HardwareModelError: A layer waits for one that does not come before it.
    """
    rows: dict[str, int] = {}
    before: list[int] = []
    start = [0]
    for slot in w.slots:
        for name in slot.after:
            if name not in rows:
                raise HardwareModelError(
                    f"{slot.name}: waits for '{name}', which is no layer before it; layers are "
                    "listed in the order in which they compute"
                )
            before.append(rows[name])
        rows[slot.name] = len(rows)
        start.append(len(before))
    return Graph(np.array(start, dtype=np.int64), np.array(before, dtype=np.int64))


class Design:
    """The settings of a chip; see :class:`~neuronas.hardware.cim.settings.CimSettings`.

    Shares are one over rows, over those active at once (all where none are given) and over the bits
    of a cell; of the last two, 1 is true.
    """

    rows: float
    row_share: float
    active_share: float
    cell_share: float
    signs: float
    adc_bits: float
    membrane_bits: float
    current_bits: float
    binary_reads: float
    skip_zero_rows: float


def design_of(s: CimSettings) -> NDArray[Any]:
    """Return settings as numbers: one :class:`Design`."""
    return record(
        Design,
        rows=float(s.rows),
        row_share=A_HAIR_LESS / s.rows,
        active_share=A_HAIR_LESS / (s.active_rows or s.rows),
        cell_share=A_HAIR_LESS / s.cell_bits,
        signs=_SIGNS.index(s.signed_weights),
        adc_bits=float(s.adc_bits),
        membrane_bits=float(s.membrane_bits),
        current_bits=float(s.current_bits),
        binary_reads=s.pooled_reads == "binary",
        skip_zero_rows=s.skip_zero_rows,
    )


class Prices:
    """What things cost on a chip at its node, of its cell, converter, decay and rescaling.

    Areas are in um^2, energies in pJ, powers in mW, times in ns; ``_mm``: per millimetre;
    ``clocks_``: in periods of one conversion.
    """

    crossbar_cell_um2: float
    row_um2: float
    row_multiplexer_um2: float
    converter_um2: float
    shift_add_bit_um2: float
    adder_pe_bit_um2: float
    adder_tile_bit_um2: float
    accumulator_bit_um2: float
    tile_um2: float
    buffer_bit_um2: float
    memory_bit_um2: float
    lif_unit_um2: float
    rescaler_um2: float
    adder_um2: float
    wire_column_um2: float
    wire_column2_um2: float
    wire_tile_um2: float
    conversion_pj: float
    cell_pj: float
    beyond_four_bits: float
    row_pj: float
    word_line_pj: float
    output_pj: float
    shift_add_pj: float
    adder_pe_bit_pj: float
    adder_tile_bit_pj: float
    adder_chip_bit_pj: float
    buffer_read_bit_pj: float
    buffer_write_bit_pj: float
    buffer_pe_bit_pj: float
    wire_in_bit_pj_mm: float
    wire_out_bit_pj_mm: float
    wire_tile_bit_pj_mm: float
    update_pj: float
    update_access_pj: float
    rescaling_pj: float
    current_addition_pj: float
    count_pj: float
    current_access_pj: float
    leakage_crossbar_mw: float
    leakage_wire_mw_mm: float
    leakage_memory_mw_um2: float
    conversion_ns: float
    clocks_adder_bit: float
    clocks_select: float
    clocks_unit: float
    clocks_buffer_out: float
    clocks_buffer_in: float
    clocks_buffer_position: float
    clocks_wire_in: float
    clocks_wire_out: float


def prices_of(t: Technology) -> NDArray[Any]:
    """Return what things cost on a chip: one :class:`Prices`."""
    s, device = t.settings, t.settings.device
    clock_ns = conversion_ns(t)
    access_pj = t["energy_buffer_read_bit"] + t["energy_buffer_write_bit"]
    # A leak, an addition and a comparison; a multiplier with an 8-bit factor where chosen.
    multiplied = s.decay == "multiplier"
    decay_um2 = t["area_multiplier_bit2"] * 8 if multiplied else 0.0
    decay_pj = t["energy_multiplier_bit2"] * 8 if multiplied else 0.0
    return record(
        Prices,
        crossbar_cell_um2=t[f"cell_{device}"] * (s.node_nm * 1e-3) ** 2,
        row_um2=t[f"area_row_{device}"],
        row_multiplexer_um2=t["area_row_multiplexer"],
        converter_um2=converter_um2(t),
        shift_add_bit_um2=t["area_shift_add_bit"],
        adder_pe_bit_um2=t["area_adder_pe_bit"],
        adder_tile_bit_um2=t["area_adder_tile_bit"],
        accumulator_bit_um2=t["area_accumulator_bit"],
        tile_um2=t["area_tile"],
        buffer_bit_um2=t["area_buffer_bit"],
        memory_bit_um2=t["area_memory_bit"],
        lif_unit_um2=s.membrane_bits * (3 * t["area_adder_bit"] + decay_um2),
        rescaler_um2=s.current_bits * _rescaling(t, "area"),
        adder_um2=s.current_bits * t["area_adder_bit"],
        wire_column_um2=t["area_wire_column"],
        wire_column2_um2=t["area_wire_column2"],
        wire_tile_um2=t["area_wire_tile"],
        conversion_pj=conversion_pj(t),
        # An active cell draws its current as long as its column is converted.
        cell_pj=t[f"power_cell_{device}"] * clock_ns,
        beyond_four_bits=t["cell_current_beyond_4_bits"],
        row_pj=t[f"energy_row_{device}"],
        word_line_pj=t["energy_word_line"],
        output_pj=t["energy_output"],
        shift_add_pj=s.adc_bits * t["energy_shift_add_bit"],
        adder_pe_bit_pj=t["energy_adder_pe_bit"],
        adder_tile_bit_pj=t["energy_adder_tile_bit"],
        adder_chip_bit_pj=t["energy_adder_chip_bit"],
        buffer_read_bit_pj=t["energy_buffer_read_bit"],
        buffer_write_bit_pj=t["energy_buffer_write_bit"],
        buffer_pe_bit_pj=t["energy_buffer_pe_bit"],
        wire_in_bit_pj_mm=t["energy_wire_in_bit"],
        wire_out_bit_pj_mm=t["energy_wire_out_bit"],
        wire_tile_bit_pj_mm=t["energy_wire_tile_bit"],
        update_pj=s.membrane_bits * (3 * t["energy_adder_bit"] + decay_pj),
        update_access_pj=s.membrane_bits * access_pj,
        rescaling_pj=s.current_bits * _rescaling(t, "energy"),
        current_addition_pj=s.current_bits * t["energy_adder_bit"],
        count_pj=t["energy_adder_bit"],
        current_access_pj=s.current_bits * access_pj,
        leakage_crossbar_mw=t[f"power_leakage_crossbar_{device}"],
        leakage_wire_mw_mm=t["power_leakage_wire"],
        leakage_memory_mw_um2=t["power_leakage_memory"] / UM2_PER_MM2,
        conversion_ns=clock_ns,
        clocks_adder_bit=t["time_adder_bit"],
        clocks_select=t["time_select"],
        clocks_unit=float(np.ceil(t["time_adder_bit"] * s.membrane_bits)),
        clocks_buffer_out=t["time_buffer_out"],
        clocks_buffer_in=t["time_buffer_in"],
        clocks_buffer_position=t["time_buffer_position"],
        clocks_wire_in=t["time_wire_in"],
        clocks_wire_out=t["time_wire_out"],
    )


def conversion_ns(t: Technology) -> float:
    """Return the time of one conversion: columns settle, then b SAR steps or one comparison."""
    s = t.settings
    sense = t[f"time_sense_{s.device}"] * (s.rows / REFERENCE_SIDE) ** 0.2
    return float(sense + (t["time_sar_bit"] * s.adc_bits if s.adc == "sar" else t["time_flash"]))


def conversion_pj(t: Technology) -> float:
    """Return the energy of one conversion: per bit of a SAR ADC, per comparator of a flash one."""
    s = t.settings
    if s.adc == "sar":
        return t["energy_sar_bit"] * s.adc_bits
    return t["energy_flash_comparator"] * (2.0**s.adc_bits - 1)


def converter_um2(t: Technology) -> float:
    """Return the area of one converter.

    A SAR ADC has a fixed part and one per bit; a flash ADC of b bits has 2**b - 1 comparators, a
    comparator one.
    """
    s = t.settings
    if s.adc == "sar":
        return t["area_sar"] + t["area_sar_bit"] * s.adc_bits
    return t["area_flash_comparator"] * (2.0**s.adc_bits - 1)


def _rescaling(t: Technology, kind: str) -> float:
    """Return area or energy of rescaling, per bit of the value."""
    if t.settings.rescaling == "shared":
        return 0.0
    if t.settings.rescaling == "shift":
        return t[f"{kind}_adder_bit"]
    return t[f"{kind}_multiplier_bit2"] * 8


class Choice:
    """What may differ between networks on one chip.

    ``mapping`` and ``schedule`` are indices of ``MAPPINGS`` and ``SCHEDULES``; ``pe_per_tile`` is
    0 for those of one block of a layer; shares, which follow, are one over columns, over the
    columns that adders over tiles serve at once, and over PEs of a tile.
    """

    columns_per_adc: Lanes
    pe_per_tile: Lanes
    columns: Lanes
    mapping: Lanes
    schedule: Lanes
    column_share: Lanes
    adder_share: Lanes
    tile_share: Lanes
