"""What a network does in one time step, and the SNN's own units: counts, before any constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronas.architecture import Signal, Workload
from neuronas.config import Kind
from neuronas.hardware.cim.mapping import GROUP_SIDE, Placement
from neuronas.hardware.cim.settings import CimSettings
from neuronas.hardware.cim.terms import nothing
from neuronas.hardware.cost import Floats

_SPIKES = 2


@dataclass(frozen=True, slots=True)
class SpikingWork:
    """Work of one time step outside the crossbars; arrays ``(L, N)``.

    What no layer of any network has is :func:`~neuronas.hardware.cim.terms.nothing`.

    Attributes:
        input_bits: Bits of the layer's input map.
        line_bits: Bits of the rows of it that a kernel needs at once.
        neurons: LIF neurons that are updated.
        currents: Multi-bit elements that are read and written outside crossbars: skips, pooling
            inside a cell, inputs of LIF layers that have a place of their own.
        additions: Additions of currents: pooling, and sums at nodes.
        comparisons: Comparisons of currents: maximum pooling.
        counts: Additions of single spikes: pooling of spikes.
        rescalings: Elements that are brought to another scale.
        waiting: Multi-bit elements that wait for a slower branch.
        units: Channels, each with a unit for what the layer does outside crossbars.
    """

    input_bits: Floats
    line_bits: Floats
    neurons: Floats
    currents: Floats
    additions: Floats
    comparisons: Floats
    counts: Floats
    rescalings: Floats
    waiting: Floats
    units: Floats


def spiking_work(w: Workload, m: Placement) -> SpikingWork:
    """Return what networks do outside the crossbars in one time step."""
    row_bits = (w.in_channels * w.in_width) * _element_bits(w, m.settings)
    neurons = w.neurons.astype(np.float64)
    positions = w.out_height * w.out_width
    outputs = np.asarray(w.out_channels * positions, dtype=np.float64)
    none = nothing(outputs.shape)
    adds = outputs * w.adds if w.adds.any() else none
    flags = {id(w.adds): adds}
    rescalings, waiting = (
        flags[id(flag)] if id(flag) in flags else outputs * flag if flag.any() else none
        for flag in (w.rescaled, w.waits)
    )
    unpooled = positions - w.pooled_height * w.pooled_width
    pooled = np.maximum(w.out_channels * unpooled, 0) * 1.0 if unpooled.any() else none
    currents = averages = comparisons = counts = none
    outside = neurons > 0
    for flag in {id(flag): flag for flag in (w.adds, w.rescaled)}.values():
        outside |= flag > 0
    if not m.full:
        pooling = (w.kind == Kind.AVGPOOL) | (w.kind == Kind.MAXPOOL)
        current = w.signal == Signal.CURRENT
        own = pooling | (w.kind == Kind.SKIP) | (w.kind == Kind.LIF)
        outside |= own
        currents = (w.in_channels * (w.in_height * w.in_width)) * (own & current) * 1.0
        window = outputs * (m.kernel_area - 1.0) * pooling
        averages = window * (current & (w.kind == Kind.AVGPOOL))
        comparisons = window * (current & (w.kind == Kind.MAXPOOL))
        counts = window * ~current
    return SpikingWork(
        input_bits=np.asarray(row_bits * w.in_height, dtype=np.float64),
        line_bits=np.asarray(row_bits * np.minimum(m.kernel, w.in_height), dtype=np.float64),
        neurons=neurons,
        currents=currents,
        additions=_sum_of(averages, pooled, adds),
        comparisons=comparisons,
        counts=counts,
        rescalings=rescalings,
        waiting=waiting,
        units=np.asarray(w.out_channels * outside, dtype=np.float64),
    )


def _element_bits(w: Workload, settings: CimSettings) -> float | Floats:
    """Return the bits of one element of each layer's input; one number for spikes everywhere."""
    least, most = w.levels.min(initial=_SPIKES), w.levels.max(initial=_SPIKES)
    if least == most == _SPIKES:
        return 1.0
    bits = np.ceil(np.log2(np.maximum(w.levels, 2)))
    return np.where(w.levels > 0, bits, settings.current_bits)


def _sum_of(*amounts: Floats) -> Floats:
    some = [values for values in amounts if any(values.strides)]
    return np.asarray(sum(some[1:], start=some[0])) if some else amounts[0]


@dataclass(frozen=True, slots=True)
class MatrixWork:
    """Work of one inference on crossbars; arrays ``(L, N)``.

    Attributes:
        outputs: Output elements.
        column_reads: Columns of weights that are converted, one conversion each.
        block_reads: Reads of whole crossbars; one more conversion each for a reference column.
        cells: Cells that a read drives, by the current of their column; times ``density``.
        driven: Rows of used crossbars that reads drive; times ``density``.
        density: Share of driven rows and cells that carry a spike.
        input_bits: Bits that PEs read from buffers.
        partial_sums: Sums that leave groups of crossbars.
        partial_bits: Their bits.
        width: Bits of a sum that leaves a crossbar.
        port_rounds: Rounds of the accumulators of 4 crossbars' columns, x output positions.
    """

    outputs: Floats
    column_reads: Floats
    block_reads: Floats
    cells: Floats
    driven: Floats
    density: float | Floats
    input_bits: Floats
    partial_sums: Floats
    partial_bits: Floats
    width: Floats
    port_rounds: Floats


def matrix_work(w: Workload, m: Placement, zero_rows: float | Floats) -> MatrixWork:
    """Return what the crossbars of networks do in one inference.

    Buffers and wires are counted for groups of 4 crossbars, and accumulators by outputs, whatever
    the PEs of a network: with its own, more bits in one layer could save energy in another.

    Args:
        w: N networks.
        m: Where their layers lie.
        zero_rows: Share of reads without any spike.
    """
    settings = m.settings
    positions = m.positions * w.steps
    places = positions if m.positions is m.places else m.places * w.steps
    reads = m.times_copies(positions * m.parallel * m.row_blocks)
    if settings.skip_zero_rows:
        reads = reads * (1.0 - np.asarray(zero_rows))
    inputs = m.times_copies(positions * m.channels)
    driven = inputs * m.kernel_area
    if m.grouped:
        places = places * m.copies
    outputs = m.outputs * places
    partial_sums = outputs * m.row_groups
    width = settings.adc_bits + m.slices
    ports = np.ceil(m.outputs / (GROUP_SIDE * m.options.columns))
    return MatrixWork(
        outputs=outputs,
        column_reads=reads * m.columns,
        block_reads=reads * m.column_blocks,
        cells=driven * m.outputs * m.cell_current,
        driven=driven * m.column_blocks,
        density=m.density,
        input_bits=inputs * m.column_groups,
        partial_sums=partial_sums,
        partial_bits=partial_sums * width,
        width=width,
        port_rounds=places * ports,
    )
