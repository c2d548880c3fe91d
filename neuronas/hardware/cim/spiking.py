"""What a layer does outside crossbars, and the SNN's own units: counts, before any constant."""

from __future__ import annotations

from neuronas.hardware.cim.arithmetic import either
from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import (
    AVGPOOL,
    CURRENT,
    LIF,
    MAXPOOL,
    SKIP,
    Choice,
    Design,
    Layer,
)
from neuronas.hardware.cim.quantities import Amounts, Most
from neuronas.hardware.cim.settings import SCHEDULES
from neuronas.hardware.cim.work import Reads

LAYER_SERIAL = float(SCHEDULES.index("layer-serial"))
STEP_SERIAL = float(SCHEDULES.index("step-serial"))
PIPELINED = float(SCHEDULES.index("pipelined"))
ROW_STREAMING = float(SCHEDULES.index("row-streaming"))


@compiled
def count_spiking(
    q: Amounts, most: Most, layer: Layer, r: Reads, time_steps: Lanes, d: Design, c: Choice
) -> None:
    """Add the units, memories and work of one layer outside crossbars.

    Every layer holds its input map of one time step: twice where layers work at the same time on
    different steps, its first rows only where they stream. Maximum pooling of currents compares
    where average pooling adds, which costs the same.

    Args:
        q: Quantities, added to.
        most: The most of any layer.
        layer: The layer.
        r: How its input is read.
        time_steps: In which neurons are updated.
        d: The chip.
        c: What the network chooses of it.
    """
    for i in range(LANES):
        kind, steps, neurons, channels = (
            layer.kind[i],
            layer.steps[i],
            layer.neurons[i],
            layer.out_channels[i],
        )
        height, schedule = layer.in_height[i], c.schedule[i]
        pooling = (kind == AVGPOOL) | (kind == MAXPOOL)
        current = layer.signal[i] == CURRENT
        own = pooling | (kind == SKIP) | (kind == LIF)
        positions = layer.out_height[i] * layer.out_width[i]
        outputs = channels * positions
        unpooled = positions - layer.pooled_height[i] * layer.pooled_width[i]
        window = outputs * (layer.kernel[i] * layer.kernel[i] - 1.0)
        window = window if pooling else 0.0
        additions = max(channels * unpooled, 0.0) + outputs * layer.adds[i]
        additions += window if current else 0.0
        counts = 0.0 if current else window
        rescalings, waiting = outputs * layer.rescaled[i], outputs * layer.waits[i]
        elements = layer.in_channels[i] * layer.in_width[i] * height
        accessed = waiting + (elements if own & current else 0.0)
        working = own | (neurons > 0.0) | (layer.adds[i] > 0.0) | (layer.rescaled[i] > 0.0)
        units = channels if working else 0.0
        kernel_rows = min(max(layer.kernel[i], 1.0), height) / max(height, 1.0)
        share = kernel_rows if schedule == ROW_STREAMING else 1.0
        share = 2.0 if schedule == PIPELINED else share
        input_bits = elements * r.element_bits[i]
        stored = max(time_steps[i] - 1.0, 0.0) * (input_bits + neurons)
        most.neurons[i] = max(most.neurons[i], neurons)
        most.stored_bits[i] = max(most.stored_bits[i], stored)
        q.buffer_bits[i] += input_bits * share
        # Layer by layer, only the one at work has membranes: the chip's, no layer's.
        q.membrane_bits[i] += either(schedule == LAYER_SERIAL, 0.0, neurons * d.membrane_bits)
        q.firing_units[i] += units if neurons > 0.0 else 0.0
        q.rescaler_units[i] += units if rescalings > 0.0 else 0.0
        q.sum_units[i] += units if additions + counts > 0.0 else 0.0
        q.waiting[i] += waiting
        q.updates[i] += neurons * time_steps[i]
        q.rescalings[i] += rescalings * steps
        q.current_additions[i] += additions * steps
        q.counts[i] += counts * steps
        q.current_accesses[i] += accessed * steps
