"""What a network does in one time step, and the SNN's own units: counts, before any constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuronas.architecture import Signal, Workload
from neuronas.config import Kind
from neuronas.hardware.cim.mapping import Placement
from neuronas.hardware.cim.settings import CimSettings
from neuronas.hardware.cost import Floats


@dataclass(frozen=True, slots=True)
class SpikingWork:
    """Work of one time step outside the crossbars; arrays ``(L, N)``.

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


def spiking_work(w: Workload, settings: CimSettings) -> SpikingWork:
    """Return what networks do outside the crossbars in one time step."""
    bits = np.where(w.levels > 0, np.ceil(np.log2(np.maximum(w.levels, 2))), settings.current_bits)
    inputs = w.in_channels * (w.in_height * w.in_width) * 1.0
    outputs = w.out_channels * (w.out_height * w.out_width) * 1.0
    kept = w.out_channels * (w.pooled_height * w.pooled_width) * 1.0
    current = w.signal == Signal.CURRENT
    pooling = (w.kind == Kind.AVGPOOL) | (w.kind == Kind.MAXPOOL)
    window = np.maximum(w.kernel, 1) ** 2 - 1.0
    pooled = np.where(pooling, outputs * window, 0.0)
    fused = np.where(outputs > kept, outputs - kept, 0.0)
    outside = pooling | (w.kind == Kind.SKIP) | (w.kind == Kind.LIF)
    lines = np.minimum(np.maximum(w.kernel, 1), np.maximum(w.in_height, 1))
    return SpikingWork(
        input_bits=inputs * bits,
        line_bits=np.asarray(w.in_channels * w.in_width * lines * bits, dtype=np.float64),
        neurons=w.neurons.astype(np.float64),
        currents=np.where(outside & current, inputs, 0.0),
        additions=np.where(current & (w.kind == Kind.AVGPOOL), pooled, 0.0)
        + fused
        + w.adds * outputs,
        comparisons=np.where(current & (w.kind == Kind.MAXPOOL), pooled, 0.0),
        counts=np.where(~current, pooled, 0.0),
        rescalings=w.rescaled * outputs,
        waiting=w.waits * outputs,
        units=np.where(outside | (w.adds + w.rescaled + w.neurons > 0), w.out_channels, 0) * 1.0,
    )


@dataclass(frozen=True, slots=True)
class MatrixWork:
    """Work of one time step on crossbars; arrays ``(L, N)``.

    Attributes:
        outputs: Output elements.
        conversions: ADC conversions.
        cells: Cells that carry current in a conversion.
        row_rounds: Rows of used crossbars x rounds of the multiplexers.
        active_rounds: Of those, rows with a spike.
        input_bits: Bits that PEs read from buffers.
        partial_bits: Bits of the sums that leave tiles.
        width: Bits of a sum that leaves a crossbar.
        ports: Accumulators of a tile's columns.
    """

    outputs: Floats
    conversions: Floats
    cells: Floats
    row_rounds: Floats
    active_rounds: Floats
    input_bits: Floats
    partial_bits: Floats
    width: Floats
    ports: Floats


def matrix_work(w: Workload, m: Placement, zero_rows: float | Floats) -> MatrixWork:
    """Return what the crossbars of networks do in one time step.

    Args:
        w: N networks.
        m: Where their layers lie.
        zero_rows: Share of reads without any spike.
    """
    settings = m.settings
    done = 1.0 - np.asarray(zero_rows) if settings.skip_zero_rows else 1.0
    reference = m.column_blocks if settings.signed_weights == "offset" else 0.0
    reads = m.positions * m.parallel * m.row_blocks * m.copies * done
    inputs = m.positions * m.channels * m.copies
    outputs = m.outputs * m.copies * (w.out_height * w.out_width)
    rounds = m.column_blocks * m.options.columns_per_adc
    width = settings.adc_bits + m.slices
    return MatrixWork(
        outputs=outputs,
        conversions=reads * (m.columns + reference),
        cells=inputs * m.kernel_area * m.density * m.outputs * m.cell_current,
        row_rounds=reads * rounds * settings.rows,
        active_rounds=inputs * m.kernel_area * m.density * rounds,
        input_bits=inputs * m.column_tiles,
        partial_bits=outputs * m.row_tiles * width,
        width=width,
        ports=4.0 * m.options.columns * np.maximum(m.side / 4.0, 1.0) / np.maximum(m.slices, 1.0),
    )
