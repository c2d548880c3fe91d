"""Latency of the schedules of layers and time steps; ns."""

from __future__ import annotations

from collections.abc import Sequence

from neuronas.hardware.cim.compiled import LANES, Lanes, compiled
from neuronas.hardware.cim.inputs import Choice, Graph, Layer
from neuronas.hardware.cim.quantities import Times
from neuronas.hardware.cim.spiking import LAYER_SERIAL, PIPELINED, STEP_SERIAL


class Finished:
    """When a layer has finished, from the input on.

    Attributes:
        first: Its first step, after the first steps of those that it waits for.
        again: A later step; no time where the layer computes in the first one only.
        filled: When the rows are there that the next layer's kernel needs.
    """

    first: Lanes
    again: Lanes
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
def _wait(finished: Sequence[Finished], row: int, g: Graph) -> None:
    """Let a layer begin when those that it waits for have finished."""
    f, first, last = finished[row], g.start[row], g.start[row + 1]
    if first == last:
        for i in range(LANES):
            f.first[i] = f.again[i] = f.filled[i] = 0.0
    else:
        before = finished[g.before[first]]
        for i in range(LANES):
            f.first[i], f.again[i], f.filled[i] = before.first[i], before.again[i], before.filled[i]
    for place in range(first + 1, last):
        before = finished[g.before[place]]
        for i in range(LANES):
            f.first[i] = max(f.first[i], before.first[i])
            f.again[i] = max(f.again[i], before.again[i])
            f.filled[i] = max(f.filled[i], before.filled[i])


@compiled
def _add_layer(
    out: Latency,
    f: Finished,
    t: Times,
    layer: Layer,
    reach: Lanes,
    time_steps: Lanes,
    leaking: bool,
) -> None:
    """Add a layer to the sums, maxima and critical paths of those before it."""
    for i in range(LANES):
        reading = t.conversions[i] + t.selection[i] + t.accumulation[i]
        work = (t.leaking_work[i] if leaking else reading) + t.neurons[i]
        buffers = t.leaking_buffers[i] if leaking else t.buffers[i]
        transfer = buffers + (t.leaking_wires[i] if leaking else t.wires[i]) * reach[i]
        repeated = 0.0 if (layer.steps[i] == 1.0) & (time_steps[i] > 1.0) else 1.0
        whole, again = work + transfer, (work + transfer) * repeated
        streamed = max(work, transfer) * repeated
        out.still[i] += whole - again
        out.slowest_still[i] = max(out.slowest_still[i], whole - again)
        out.every[i] += again
        out.slowest[i] = max(out.slowest[i], again)
        out.streamed[i] = max(out.streamed[i], streamed)
        first, later = f.first[i] + whole, f.again[i] + again
        filled = f.filled[i] + streamed * t.rows_share[i]
        f.first[i], f.again[i], f.filled[i] = first, later, filled
        out.path[i] = max(out.path[i], first)
        out.path_again[i] = max(out.path_again[i], later)
        out.filled[i] = max(out.filled[i], filled)


@compiled
def fill_latency(
    out: Latency,
    finished: Sequence[Finished],
    times: Sequence[Times],
    layers: Sequence[Layer],
    reach: Lanes,
    time_steps: Lanes,
    g: Graph,
    c: Choice,
    leaking: bool,
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
        finished: Scratch, of all layers.
        times: Of one step of all layers, wires per unit of reach.
        layers: The layers.
        reach: Factor of wires' time.
        time_steps: T.
        g: Which layers wait for which.
        c: The network's schedule.
        leaking: Whether with the times that leakage is charged for.
    """
    for i in range(LANES):
        out.still[i] = out.slowest_still[i] = out.every[i] = out.slowest[i] = 0.0
        out.streamed[i] = out.path[i] = out.path_again[i] = out.filled[i] = 0.0
    for row in range(len(finished)):
        _wait(finished, row, g)
        _add_layer(out, finished[row], times[row], layers[row], reach, time_steps, leaking)
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
