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


def test_figures_are_those_of_one_network_however_often_it_is_costed(monkeypatch):
    costed: list[int] = []
    scripted: list[object] = []

    class Model:
        def cost(self, workload, _chip, *, choices):
            costed.append(len(workload))

    def once(ours, theirs, _repetitions):
        ours()
        theirs()
        timed.append(sum(costed))
        return 3.0, 5.0

    timed: list[int] = []
    monkeypatch.setattr(cim, "hardware_model", lambda _: Model())
    monkeypatch.setattr(cim, "spikesim_of", scripted.append)
    monkeypatch.setattr(cim, "_alternately", once)
    for size, networks in ((1, 1000), (30, 990), (2000, 2000), (250_000, 250_000)):
        costed.clear()
        scripted.clear()
        row = cim._speed(size, 8, 1)
        assert timed[-1] == networks
        assert row.us_per_network == pytest.approx(3.0 / networks * 1e6)
        assert row.ratio_to_script == pytest.approx(5.0 / len(scripted) / (3.0 / networks))
        assert 90 <= len(scripted) <= 100


def test_a_row_per_size_with_its_ratio_and_memory(monkeypatch):
    monkeypatch.setattr(cim, "NETWORKS", (1, 50))
    monkeypatch.setattr(cim, "LAYERS", (8,))
    rows = cim.bench_cim(1)
    assert [(row.networks, row.layers) for row in rows] == [(1, 8), (50, 8)]
    for row in rows:
        assert row.us_per_network > 0
        assert row.ratio_to_script > 0
        assert row.peak_mb > 0
