"""How fast a million networks are costed, against a loop over SpikeSim's closed form."""

from __future__ import annotations

import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuronas.architecture import Workload, chain
from neuronas.config import Kind
from neuronas.hardware import Chip, hardware_model

NETWORKS = (1, 100, 10_000, 1_000_000)
LAYERS = (8, 16, 32)
_AT_LEAST = 1000
"""Networks of one repetition: smaller batches are costed so often that they make up as many."""
_SCRIPT_NETWORKS = 100
"""The same of the script, whose loop takes as long for each; more are not timed."""
_BLOCK = 125_000
"""Networks whose layer table is held at once; more are costed block by block."""


@dataclass(frozen=True, slots=True)
class CimSpeed:
    """Speed of one batch.

    Attributes:
        networks, layers: Size of the batch.
        us_per_network: Median processor time of all metrics of one network, in microseconds; a
            small batch is costed often.
        ratio_to_script: How many times as long the loop over SpikeSim's closed form takes.
        peak_mb: Most memory that costing the batch takes beside its layer table.
    """

    networks: int
    layers: int
    us_per_network: float
    ratio_to_script: float
    peak_mb: float


def bench_cim(repetitions: int) -> list[CimSpeed]:
    """Return the speed of model ``cim`` with chip settings that differ per network."""
    return [_speed(n, layers, repetitions) for layers in LAYERS for n in NETWORKS]


def _speed(count: int, layers: int, repetitions: int) -> CimSpeed:
    generator = np.random.default_rng(0)
    blocks = max(1, count // _BLOCK)
    size = count // blocks
    workload = random_chains(generator, size, layers)
    choices = {
        "columns_per_adc": 2 ** generator.integers(2, 5, size=size),
        "pe_per_tile": 2 ** generator.integers(2, 5, size=size),
        "columns": 2 ** generator.integers(5, 8, size=size),
        "mapping": generator.integers(0, 2, size=size),
        "schedule": generator.integers(0, 4, size=size),
    }
    model, chip = hardware_model("cim"), Chip.of("rram-32nm")
    calls = max(blocks, _AT_LEAST // size)
    rows = _rows(workload, min(size, _SCRIPT_NETWORKS))
    scripted = rows * (_SCRIPT_NETWORKS // len(rows))

    def cim() -> None:
        for _ in range(calls):
            model.cost(workload, chip, choices=choices)

    def script() -> None:
        for network in scripted:
            spikesim_of(network)

    ours, theirs = _alternately(cim, script, repetitions)
    tracemalloc.start()
    model.cost(workload, chip, choices=choices)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    per_network = ours / (calls * size)
    return CimSpeed(
        count, layers, per_network * 1e6, theirs / len(scripted) / per_network, peak / 2**20
    )


def _alternately(
    first: Callable[[], None], second: Callable[[], None], runs: int
) -> tuple[float, float]:
    """Return the median seconds of both, run in turn after a warm-up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for repetition in range(runs + 1):
        for run, taken in zip((first, second), seconds, strict=True):
            started = time.process_time()
            run()
            if repetition:
                taken.append(time.process_time() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def random_chains(generator: np.random.Generator, count: int, layers: int) -> Workload:
    """Return plain networks of convolutions whose feature maps halve half-way."""
    widths = generator.choice([16, 32, 64, 128, 256], size=(layers + 1, count))
    side = np.where(np.arange(layers) < layers // 2, 32, 16)[:, None]
    return chain(
        kind=Kind.CONV,
        in_channels=widths[:-1],
        out_channels=widths[1:],
        height=side,
        width=side,
        kernel=generator.choice([1, 3, 5], size=(layers, count)),
        weight_bits=generator.choice([4, 8], size=(layers, count)),
        time_steps=np.full(count, 4),
    )


Network = tuple[int, list[tuple[int, int, int, int, int]]]


def _rows(workload: Workload, count: int) -> list[Network]:
    columns = (
        workload.in_channels,
        workload.out_channels,
        workload.in_height,
        workload.pooled_height,
        workload.kernel,
    )
    return [
        (
            int(workload.time_steps[index]),
            list(zip(*(column[:, index].tolist() for column in columns), strict=True)),
        )
        for index in range(count)
    ]


def spikesim_of(network: Network) -> tuple[float, float, float]:
    """Return area (um2), energy (pJ) and latency (ns) of SpikeSim's closed form, one network.

    The published script (commit c2627bc) at its defaults, in plain Python: the baseline.
    """
    steps, layers = network
    side, per_tile, adcs = 64, 8, 8
    pe_of = [math.ceil(cin / side) * math.ceil(cout / side) for cin, cout, *_ in layers]
    tiles = math.ceil(sum(pe_of) / per_tile)
    energy = latency = neurons = inputs = crossbars = 0.0
    for index, ((cin, cout, din, dout, kernel), pe) in enumerate(zip(layers, pe_of, strict=True)):
        read = kernel**2 * 1.76423 + adcs * (2.03084 + 0.094245)
        cycle = 157.12 + 4.64 + 5.096 + adcs * read + adcs * (16 * 1.15e-6 + 0.2) + 397
        energy += pe * dout**2 * cycle * steps
        outputs = dout**2 * cout
        latency += outputs if index == len(layers) - 1 else math.floor(0.75 * outputs)
        inputs += cin * din**2
        crossbars += pe * kernel**2
        if index < 5:  # noqa: PLR2004 - the script's own slip
            neurons += cout * dout**2
    # Room that whole tiles leave empty must hold any layer.
    crossbars += (tiles * per_tile - sum(pe_of)) * max(kernel for *_, kernel in layers) ** 2
    area = tiles * (8 * 13411.41498 + 484.643999 + 6054.7072 + 433660.0)
    area += tiles * per_tile * adcs * (693.633 + 45.9) + crossbars * 26.2144
    area += 22 * 0.7391 * (inputs + neurons)
    return area, energy, latency * 104.0 * steps
