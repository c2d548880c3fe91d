"""Paired timings: candidate and baseline run alternately in one process, medians compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WARM_UP = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """One way of doing a piece of work.

    Attributes:
        benchmark: What is done.
        variant: How.
        median_ms: Median processor time of one repetition, in milliseconds.
        ratio: Baseline's median over this one's: above 1 is faster than the baseline.
        per_item_us: Median over the items that one repetition handles, in microseconds.
    """

    benchmark: str
    variant: str
    median_ms: float
    ratio: float
    per_item_us: float


def compare(
    benchmark: str,
    variants: Mapping[str, Callable[[], object]],
    *,
    items: Mapping[str, int],
    repetitions: int,
    warm_up: int = WARM_UP,
    listener: Callable[[int, int], None] = lambda *_: None,
) -> list[Timing]:
    """Return the timing of each variant; the first is the baseline.

    Process time is measured, since machines are shared. Ratios are per item, so that a slow
    baseline may handle fewer items.

    Args:
        benchmark: Name of the benchmark.
        variants: What to run, by name.
        items: Items that one run of each handles.
        repetitions: Runs of each that count.
        warm_up: Runs of each before.
        listener: Is told after each round how many are done, of how many.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for repetition in range(warm_up + repetitions):
        for name, run in variants.items():
            started = time.process_time()
            run()
            if repetition >= warm_up:
                seconds[name].append(time.process_time() - started)
        listener(repetition + 1, warm_up + repetitions)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    baseline = next(iter(variants))
    per_item = {name: medians[name] / items[name] for name in variants}
    return [
        Timing(
            benchmark,
            name,
            medians[name] * 1e3,
            per_item[baseline] / per_item[name],
            per_item[name] * 1e6,
        )
        for name in variants
    ]
