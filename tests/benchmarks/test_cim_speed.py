"""The baseline of ``neuronas bench cim`` is the script it claims to be."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.benchmarks import cim
from neuronas.hardware import Chip, hardware_model


def test_the_loop_costs_what_model_spikesim_does():
    workload = cim.random_chains(np.random.default_rng(1), 20, 8)
    cost = hardware_model("spikesim").cost(workload, Chip.of("spikesim-65nm-rram"))
    for index, network in enumerate(cim._rows(workload, 20)):
        ours = (cost.area_um2[index], cost.energy_pj[index], cost.latency_ns[index])
        assert cim.spikesim_of(network) == pytest.approx(ours, rel=1e-12)


def test_a_row_per_size_with_its_ratio_and_memory(monkeypatch):
    monkeypatch.setattr(cim, "NETWORKS", (1, 50))
    monkeypatch.setattr(cim, "LAYERS", (8,))
    rows = cim.bench_cim(1)
    assert [(row.networks, row.layers) for row in rows] == [(1, 8), (50, 8)]
    for row in rows:
        assert row.us_per_network > 0
        assert row.ratio_to_script > 0
        assert row.peak_mb > 0
