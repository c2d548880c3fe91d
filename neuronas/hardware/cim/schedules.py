"""Latency of the schedules of layers and time steps; ns."""

from __future__ import annotations

from collections.abc import Sequence

from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import Choice, Graph, Layer
from neuronas.hardware.cim.quantities import Times
from neuronas.hardware.cim.spiking import LAYER_SERIAL, PIPELINED, STEP_SERIAL


class Step:
    """Times of one step of one layer.

    Attributes:
        work, transfer: Of crossbars, adders and neurons; of buffers and wires.
        whole: Both.
        again: The same where the layer computes in every step, 0 where in the first only.
        streamed: The same where transfers hide behind conversions.
        filling: Until the rows of a kernel are there.
        finished, finished_again, filled: When the layer has finished, from the input on.
    """

    work: Lanes
    transfer: Lanes
    whole: Lanes
    again: Lanes
    streamed: Lanes
    filling: Lanes
    finished: Lanes
    finished_again: Lanes
    filled: Lanes


class Latency:
    """From an input to its result, and between results; what they follow from.

    Attributes:
        latency_ns, interval_ns: The two.
        still, slowest_still: Sum and maximum over layers that compute in the first step only.
        every, slowest, streamed: Sum and maxima over the others.
        path, path_again, filled: Critical paths.
    """

    latency_ns: Lanes
    interval_ns: Lanes
    still: Lanes
    slowest_still: Lanes
    every: Lanes
    slowest: Lanes
    streamed: Lanes
    path: Lanes
    path_again: Lanes
    filled: Lanes


@compiled
def fill_step(s: Step, times: Times, layer: Layer, time_steps: Lanes) -> None:
    """Fill in the times of one layer."""
    for i in range(LANES):
        work = times.conversions[i] + times.selection[i] + times.accumulation[i]
        s.work[i] = work + times.neurons[i]
        s.transfer[i] = times.buffers[i] + times.wires[i]
    _complete_step(s, layer, time_steps)


@compiled
def fill_leaking_step(s: Step, times: Times, layer: Layer, time_steps: Lanes) -> None:
    """Fill in the times of one layer that leakage is charged for."""
    for i in range(LANES):
        s.work[i] = times.leaking_work[i] + times.neurons[i]
        s.transfer[i] = times.leaking_buffers[i] + times.leaking_wires[i]
    _complete_step(s, layer, time_steps)


@compiled
def _complete_step(s: Step, layer: Layer, time_steps: Lanes) -> None:
    for i in range(LANES):
        work, transfer = s.work[i], s.transfer[i]
        again = 0.0 if (layer.steps[i] == 1.0) & (time_steps[i] > 1.0) else 1.0
        streamed = max(work, transfer) * again
        rows = min(max(layer.kernel[i], 1.0) / max(layer.out_height[i], 1.0), 1.0)
        s.whole[i], s.again[i] = work + transfer, (work + transfer) * again
        s.streamed[i], s.filling[i] = streamed, streamed * rows


@compiled
def _add_step(out: Latency, steps: Sequence[Step], row: int, g: Graph) -> None:
    """Add a layer to the sums, maxima and critical paths of those before it."""
    s = steps[row]
    for i in range(LANES):
        out.still[i] += s.whole[i] - s.again[i]
        out.slowest_still[i] = max(out.slowest_still[i], s.whole[i] - s.again[i])
        out.every[i] += s.again[i]
        out.slowest[i] = max(out.slowest[i], s.again[i])
        out.streamed[i] = max(out.streamed[i], s.streamed[i])
        s.finished[i] = s.finished_again[i] = s.filled[i] = 0.0
    for place in range(g.start[row], g.start[row + 1]):
        before = steps[g.before[place]]
        for i in range(LANES):
            s.finished[i] = max(s.finished[i], before.finished[i])
            s.finished_again[i] = max(s.finished_again[i], before.finished_again[i])
            s.filled[i] = max(s.filled[i], before.filled[i])
    for i in range(LANES):
        s.finished[i] += s.whole[i]
        s.finished_again[i] += s.again[i]
        s.filled[i] += s.filling[i]
        out.path[i] = max(out.path[i], s.finished[i])
        out.path_again[i] = max(out.path_again[i], s.finished_again[i])
        out.filled[i] = max(out.filled[i], s.filled[i])


@compiled
def fill_latency(
    out: Latency, steps: Sequence[Step], time_steps: Lanes, g: Graph, c: Choice
) -> None:
    """Fill in latency and the time between results.

    With L the time of one step of a layer, T the time steps, and layers whose input never changes
    computed once, in the first step:

    - layer-serial: each layer runs all its steps, then the next one: ``T * sum L``.
    - step-serial: all layers run a step, then the next one; parallel branches of a cell at the
      same time: ``T *`` the critical path.
    - pipelined: layers work on different steps: the critical path and ``(T - 1) * max L``.
    - row-streaming: a layer starts when the rows of its kernel are there, and transfers hide
      behind conversions: the critical path of those rows and ``T * max L``.

    Args:
        out: Filled in.
        steps: Times of one step of all layers.
        time_steps: T.
        g: Which layers wait for which.
        c: The network's schedule.
    """
    for i in range(LANES):
        out.still[i] = out.slowest_still[i] = out.every[i] = out.slowest[i] = 0.0
        out.streamed[i] = out.path[i] = out.path_again[i] = out.filled[i] = 0.0
    for row in range(len(steps)):
        _add_step(out, steps, row, g)
    for i in range(LANES):
        count, schedule, still = time_steps[i], c.schedule[i], out.still[i]
        slowest, streamed, path = out.slowest[i], out.streamed[i], out.path[i]
        latency = still + out.filled[i] + count * streamed
        pipelined, by_step = (
            path + (count - 1.0) * slowest,
            path + (count - 1.0) * out.path_again[i],
        )
        by_layer = still + count * out.every[i]
        latency = pipelined if schedule == PIPELINED else latency
        latency = by_step if schedule == STEP_SERIAL else latency
        latency = by_layer if schedule == LAYER_SERIAL else latency
        slowest = slowest if schedule == PIPELINED else streamed
        interval = min(max(count * slowest, out.slowest_still[i]), latency)
        serial = (schedule == LAYER_SERIAL) | (schedule == STEP_SERIAL)
        out.latency_ns[i], out.interval_ns[i] = latency, latency if serial else interval
