"""How fast networks are costed: one call per network against one call per batch."""

from __future__ import annotations

import numpy as np

from neuronas.benchmarks.timing import Timing, compare
from neuronas.config import StudyConfig
from neuronas.hardware import estimate
from neuronas.searching import FeasibleRegion

BATCH = 2048
SINGLE = 64


def bench_hardware(repetitions: int) -> list[Timing]:
    """Return timings of drawing, decoding and costing networks with ``spikesim``."""
    study = StudyConfig(
        name="bench",
        dataset="fashion_mnist",
        space={"channels": [8, 16, 32], "time_steps": [2, 4, 6]},  # type: ignore[arg-type]
        budget={"preset": "neuronas-v1"},  # type: ignore[arg-type]
    )
    region = FeasibleRegion.of(study)
    generator = np.random.default_rng(0)
    networks = region.space.decode(region.space.sample(generator, SINGLE * 4))
    connected = [networks[i] for i in np.flatnonzero(networks.connected())[:SINGLE]]

    def one_by_one() -> None:
        for network in connected:
            estimate(network)

    def batched() -> None:
        region.assess(region.space.sample(generator, BATCH))

    return compare(
        "hardware",
        {"one call per network": one_by_one, f"batches of {BATCH}": batched},
        items={"one call per network": len(connected), f"batches of {BATCH}": BATCH},
        repetitions=repetitions,
    )
