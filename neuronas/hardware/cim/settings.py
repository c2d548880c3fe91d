"""What may be chosen on a chip of model ``cim``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Mapping = Literal["kernel", "im2col"]
Schedule = Literal["layer-serial", "step-serial", "pipelined", "row-streaming"]

MAPPINGS: tuple[str, ...] = get_args(Mapping)
SCHEDULES: tuple[str, ...] = get_args(Schedule)

MOST = 65536
"""Of anything that a chip has several of."""

Count = Annotated[int, Field(ge=1, le=MOST)]


class CimSettings(BaseModel):
    """Settings of a crossbar chip.

    Attributes:
        device: Memory cell: ``rram`` (1T1R) or ``sram``, which stores one bit.
        node_nm: Technology node. Constants of other nodes are scaled to it, within 22 to 65 nm.
        rows, columns: Of a crossbar.
        cell_bits: Bits that one cell stores.
        signed_weights: How a sign is stored: ``offset`` (all bits, and a reference column per
            crossbar), ``differential`` (magnitudes in pairs of columns) or ``twos_complement`` (a
            top slice of negative weight).
        mapping: ``kernel``: a crossbar per kernel position; ``im2col``: all rows of a kernel
            below one another.
        active_rows: Rows that one read drives; None for all of a crossbar.
        columns_per_adc: Columns that take turns on one ADC.
        adc: ``sar``, ``flash``, or ``comparator`` (1 bit).
        adc_bits: Bits of one conversion.
        pe_per_tile: Processing elements per tile; None for those of one block of a layer.
        membrane_bits: Of one membrane potential.
        current_bits: Of one multi-bit value: sums at a node, skips, pooled currents.
        decay: How a membrane potential decays: a power-of-two ``shift``, or a ``multiplier``.
        rescaling: How values of different batch-norm scales are brought together: one ``shared``
            scale per node, a power-of-two ``shift``, or a ``multiplier``.
        pooled_reads: How spikes averaged over p*p positions are read: as ``bit_planes`` of the
            level, or as p*p accumulated ``binary`` reads.
        skip_zero_rows: Whether a read whose rows carry no spike is left out.
        schedule: Order of layers and time steps.
        tiles: Tiles of a chip of fixed size; None for as many as a network needs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["rram", "sram"]
    node_nm: Annotated[float, Field(ge=22, le=65)]
    rows: Count
    columns: Count
    cell_bits: Annotated[int, Field(ge=1, le=8)]
    signed_weights: Literal["offset", "differential", "twos_complement"]
    mapping: Mapping
    active_rows: Count | None
    columns_per_adc: Count
    adc: Literal["sar", "flash", "comparator"]
    adc_bits: Annotated[int, Field(ge=1, le=12)]
    pe_per_tile: Count | None
    membrane_bits: Annotated[int, Field(ge=2, le=32)]
    current_bits: Annotated[int, Field(ge=2, le=32)]
    decay: Literal["shift", "multiplier"]
    rescaling: Literal["shared", "shift", "multiplier"]
    pooled_reads: Literal["bit_planes", "binary"]
    skip_zero_rows: bool
    schedule: Schedule
    tiles: Count | None

    @model_validator(mode="after")
    def _agree(self) -> CimSettings:
        if self.device == "sram" and self.cell_bits != 1:
            raise _contradiction("cell_bits: an SRAM cell stores 1 bit, found {}", self.cell_bits)
        if self.adc == "comparator" and self.adc_bits != 1:
            raise _contradiction("adc_bits: a comparator gives 1 bit, found {}", self.adc_bits)
        if self.active_rows is not None and self.active_rows > self.rows:
            raise _contradiction("active_rows: found {}, more than rows", self.active_rows)
        if self.columns_per_adc > self.columns:
            raise _contradiction(
                "columns_per_adc: found {}, more than columns", self.columns_per_adc
            )
        return self


def _contradiction(text: str, found: int) -> PydanticCustomError:
    return PydanticCustomError("contradiction", "{problem}", {"problem": text.format(found)})


CHOICES: dict[str, tuple[str, ...] | None] = {
    "columns_per_adc": None,
    "pe_per_tile": None,
    "columns": None,
    "mapping": MAPPINGS,
    "schedule": SCHEDULES,
}
"""Settings that a study may search: accuracy does not depend on them."""
