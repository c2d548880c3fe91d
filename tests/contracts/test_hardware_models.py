"""Every hardware model keeps the contract, and a model that breaks it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuronas.config import chip_names
from neuronas.hardware import Chip, check_hardware_model, hardware_model
from neuronas.hardware.spikesim import MODEL as SPIKESIM


@pytest.mark.parametrize("name", chip_names())
def test_our_models_keep_the_contract_on_every_chip(name):
    chip = Chip.of(name)
    check_hardware_model(hardware_model(chip.model), chip)


class Broken:
    """SpikeSim, but for what a test puts in its place."""

    def __init__(self, **changed: object) -> None:
        self.changed = changed

    def __getattr__(self, name: str) -> object:
        return self.changed.get(name, getattr(SPIKESIM, name))


def by_batch(workload, chip, **_):
    cost = SPIKESIM.cost(workload, chip)
    return replace(cost, energy_pj=cost.energy_pj * (1 + 1e-12 * len(workload)))


def negative(workload, chip, **_):
    cost = SPIKESIM.cost(workload, chip)
    return replace(cost, latency_ns=-cost.latency_ns)


def infinite(workload, chip, **_):
    cost = SPIKESIM.cost(workload, chip)
    return replace(cost, area_um2=np.full_like(cost.area_um2, np.inf))


def with_less(workload, chip, **_):
    found = SPIKESIM.explain(workload, chip)
    layers = dict(found.energy_pj.layers)
    layers.pop("ADCs")
    return replace(found, energy_pj=replace(found.energy_pj, layers=layers))


def per_layer(workload, chip, **_):
    cost = SPIKESIM.cost(workload, chip)
    return replace(cost, area_um2=cost.area_um2 + len(workload.slots))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"cost": by_batch}, "energy_pj of network 0 differs between batch and alone"),
        ({"cost": negative}, "latency_ns is negative"),
        ({"cost": infinite}, "area_um2 is not finite"),
        ({"cost": per_layer}, "the parts of area_um2 add up to|changes with a layer"),
        ({"explain": with_less}, "the parts of energy_pj add up to"),
        ({"choices": {"colour": None}}, "choices .'colour'. are no settings"),
        ({"name": "other"}, "the chip is of model 'spikesim'"),
    ],
)
def test_a_broken_model_is_told_what_it_breaks(changed, problem):
    with pytest.raises(AssertionError, match=problem):
        check_hardware_model(Broken(**changed), Chip.of("spikesim-65nm-rram"))
