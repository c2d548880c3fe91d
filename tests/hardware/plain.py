"""Plain networks, one convolution after the other, and their cost under model ``cim``."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.architecture import Workload, chain
from neuronas.config import Kind
from neuronas.hardware import Activity, Chip, Cost, hardware_model

MODEL = hardware_model("cim")
RRAM = Chip.of("rram-32nm")
SERIAL = ("layer-serial", "step-serial")


def chip(base: str = "rram-32nm", **settings: object) -> Chip:
    return Chip.of({"base": base, "settings": settings})


Plain = dict[str, list[int]]
"""One layer per entry: channels out, kernel, side of the map, weight bits."""


def workload(network: Plain, time_steps: int = 4, order: list[int] | None = None) -> Workload:
    layers = range(len(network["kernel"])) if order is None else order
    channels = network["channels"]

    def column(values: list[int]) -> np.ndarray:
        return np.array([[values[layer]] for layer in layers])

    return chain(
        kind=np.full((len(network["kernel"]), 1), Kind.CONV),
        in_channels=column(channels[:-1]),
        out_channels=column(channels[1:]),
        height=column(network["side"]),
        width=column(network["side"]),
        kernel=column(network["kernel"]),
        weight_bits=column(network["weight_bits"]),
        time_steps=[time_steps],
    )


def cost(network: Plain, on: Chip = RRAM, time_steps: int = 4, rate: float = 0.1) -> Cost:
    return MODEL.cost(workload(network, time_steps), on, activity=Activity(rate))


def close(value: float, rel: float = 1e-9) -> object:
    return pytest.approx(value, rel=rel, abs=0)
