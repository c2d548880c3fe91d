"""Batches that differ in everything: networks, choices on the chip and spike rates."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from neuronas.architecture import Networks, Workload, chain
from neuronas.config import Kind
from neuronas.hardware import Activity, Chip, Cost, hardware_model
from neuronas.hardware.cim.model import CHUNK
from tests.strategies import OPERATION_NAMES, architecture

MODEL = hardware_model("cim")
CHIP = Chip.of({"base": "rram-32nm", "settings": {"skip_zero_rows": True}})
LAYERS, COUNT = 6, CHUNK + 36

Columns = dict[str, np.ndarray]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def mixed_networks(count: int = COUNT) -> Workload:
    """Return networks that differ in everything, some without some of the layers."""
    draw = generator()
    shape = (LAYERS, count)
    channels = draw.integers(1, 400, size=(LAYERS + 1, count))
    return chain(
        kind=draw.choice([Kind.CONV, Kind.CONV, Kind.AVGPOOL, Kind.SKIP, Kind.NONE], size=shape),
        in_channels=channels[:-1],
        out_channels=channels[1:],
        height=draw.choice([4, 8, 16], size=shape),
        width=draw.choice([4, 8, 16], size=shape),
        kernel=draw.choice([1, 2, 3, 5], size=shape),
        weight_bits=draw.integers(2, 9, size=shape),
        levels=draw.choice([0, 2, 2, 5, 256], size=shape),
        static=draw.random(shape) < 0.2,
        time_steps=draw.integers(1, 9, size=count),
    )


def mixed_choices(count: int = COUNT) -> Columns:
    draw = generator()
    return {
        "columns_per_adc": 2 ** draw.integers(0, 5, size=count),
        "pe_per_tile": draw.integers(0, 10, size=count),
        "columns": 2 ** draw.integers(5, 8, size=count),
        "mapping": draw.integers(0, 2, size=count),
        "schedule": draw.integers(0, 4, size=count),
    }


def mixed_family(count: int = COUNT) -> Networks:
    draw = generator()

    def cell() -> tuple[str, ...]:
        return tuple(OPERATION_NAMES[place] for place in draw.integers(0, 5, size=6))

    def some(*values: int) -> int:
        return int(draw.choice(values))

    return Networks.of(
        [
            architecture(
                cell_a=cell(),
                cell_b=cell(),
                channels=some(1, 7, 16, 120),
                ratio=some(1, 2, 3),
                pool=some(1, 2, 4),
                hidden=some(0, 1, 30),
                time_steps=some(1, 2, 5),
                weight_bits={"stem": some(2, 8), "cell_a": some(3, 4, 6), "classifier": some(4, 8)},
            )
            for _ in range(count)
        ]
    )


def rates(layers: int, count: int) -> Activity:
    draw = generator()
    return Activity(draw.random((layers, count)), draw.random((layers, count)))


def digits(cost: Cost, index: int | slice = slice(None)) -> dict[str, list[object]]:
    return {f.name: np.atleast_1d(getattr(cost, f.name)[index]).tolist() for f in fields(Cost)}
