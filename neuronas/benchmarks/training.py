"""How fast the reference network is trained: ours, plain libraries, and the convolutions alone."""

from __future__ import annotations

import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from neuronas.benchmarks.implementations import BATCH, IMPLEMENTATIONS, Step, reference
from neuronas.benchmarks.timing import compare
from neuronas.network import keep_freed_memory

WORKERS = ("neuronas-fp32", "neuronas-bf16")
"""What is measured with two workers."""

_WARM_UP = 5
"""Steps until the process has the memory that it needs; a training has hundreds."""

_STEPS_OF_MEMORY = 2
_STEPS_OF_WORKERS = 4


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """How fast one implementation trains at one width.

    Attributes:
        implementation: Which, one of ``IMPLEMENTATIONS``.
        channels: Channels of cell A.
        workers: Processes of one thread each that train side by side.
        clock: What a second is: ``processor``, or ``wall`` where workers are compared.
        images_per_s: Images trained per second, all workers together.
        ratio_to_snntorch: Over that of snntorch's loop; None where workers are compared.
        ratio_to_one_worker: Over that of one worker; None where workers are not compared.
        peak_mb: Most memory that training takes beside the network, in MiB; None where workers
            are compared.
    """

    implementation: str
    channels: int
    workers: int
    clock: str
    images_per_s: float
    ratio_to_snntorch: float | None = None
    ratio_to_one_worker: float | None = None
    peak_mb: float | None = None


def bench_training(
    repetitions: int, channels: Sequence[int], say: Callable[[str], None]
) -> list[TrainingSpeed]:
    """Return the speed of every implementation that is installed, at each width.

    Args:
        repetitions: Steps of each implementation, in turn, after a warm-up.
        channels: Channels of cell A.
        say: Told what is left out, and how far it is.
    """
    rows: list[TrainingSpeed] = []
    for width in channels:
        steps = _steps(width, say if width == channels[0] else lambda _: None)
        rows += _one_worker(width, steps, repetitions, say)
        for name in WORKERS:
            say(f"{width} channels: {name} in one process and in two")
            rows += workers(name, width, repetitions)
    return rows


def _steps(channels: int, say: Callable[[str], None]) -> dict[str, Step]:
    torch.set_num_threads(1)
    keep_freed_memory()
    architecture, steps = reference(channels), {}
    for name, prepare in IMPLEMENTATIONS.items():
        try:
            steps[name] = prepare(architecture)
        except ImportError as error:
            say(f"{name} is left out: {error}")
    return steps


def _one_worker(
    channels: int, steps: Mapping[str, Step], repetitions: int, say: Callable[[str], None]
) -> list[TrainingSpeed]:
    timings = compare(
        "training",
        steps,
        items=dict.fromkeys(steps, BATCH),
        repetitions=repetitions,
        warm_up=_WARM_UP,
        listener=lambda done, of: say(f"{channels} channels: round {done} of {of}"),
    )
    say(f"{channels} channels: memory of each")
    return [
        TrainingSpeed(
            implementation=timing.variant,
            channels=channels,
            workers=1,
            clock="processor",
            images_per_s=1e6 / timing.per_item_us,
            ratio_to_snntorch=timing.ratio,
            peak_mb=peak_mb(timing.variant, channels),
        )
        for timing in timings
    ]


def peak_mb(implementation: str, channels: int) -> float:
    """Return the most memory that training takes beside the network, in MiB."""
    with _child() as child:  # a new process: memory that was freed is not given back for sure
        return child.submit(_peak_mb, implementation, channels).result()


def _peak_mb(implementation: str, channels: int) -> float:
    step = _prepared(implementation, channels)
    before = _high_water_mb()
    for _ in range(_STEPS_OF_MEMORY):
        step()
    return _high_water_mb() - before


def _high_water_mb() -> float:
    # Not ru_maxrss: a process that is started inherits it from the one that started it.
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def workers(implementation: str, channels: int, repetitions: int) -> list[TrainingSpeed]:
    """Return the speed of one worker and of two, measured in turn."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    with _child() as first, _child() as second:
        _together([first, second], implementation, channels)
        for _ in range(repetitions):
            for count, found in speeds.items():
                found.append(_together([first, second][:count], implementation, channels))
    medians = {count: statistics.median(found) for count, found in speeds.items()}
    return [
        TrainingSpeed(
            implementation=implementation,
            channels=channels,
            workers=count,
            clock="wall",
            images_per_s=median,
            ratio_to_one_worker=median / medians[1],
        )
        for count, median in medians.items()
    ]


def _together(children: Sequence[ProcessPoolExecutor], implementation: str, channels: int) -> float:
    """Return the images per second that processes train side by side."""
    started = time.perf_counter()
    for found in [child.submit(_train, implementation, channels) for child in children]:
        found.result()
    seconds = time.perf_counter() - started
    return len(children) * _STEPS_OF_WORKERS * BATCH / seconds


def _train(implementation: str, channels: int) -> None:
    step = _prepared(implementation, channels)
    for _ in range(_STEPS_OF_WORKERS):
        step()


@cache
def _prepared(implementation: str, channels: int) -> Step:
    torch.set_num_threads(1)
    keep_freed_memory()
    return IMPLEMENTATIONS[implementation](reference(channels))


def _child() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
