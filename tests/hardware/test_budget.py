"""Budgets: limits and by how much a cost breaks them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.architecture import Networks, Workload
from neuronas.config import BudgetConfig
from neuronas.hardware import UNITS, Budget, Chip, broken, hardware_model, presented
from tests.strategies import architecture

AMOUNTS = st.floats(1e-6, 1e12)
QUANTITIES = st.fixed_dictionaries(dict.fromkeys(UNITS, AMOUNTS))


def within_one_ulp(limit: float) -> st.SearchStrategy[float]:
    return st.sampled_from([limit, float(np.nextafter(limit, 0)), float(np.nextafter(limit, 1e13))])


@given(QUANTITIES, QUANTITIES)
def test_a_violation_is_positive_exactly_above_the_limit(costs, limits):
    quantities = {name: np.array([value]) for name, value in costs.items()}
    (violations,) = Budget(limits).violations(quantities).T
    missed = {
        name: costs[name] < limit if name == "throughput_per_s" else costs[name] > limit
        for name, limit in limits.items()
    }
    assert dict(zip(limits, (violations > 0).tolist(), strict=True)) == missed
    alone = Budget(limits).violations_of(costs)
    assert list(alone.values()) == violations.tolist()


@given(AMOUNTS, st.data())
def test_a_cost_at_the_limit_fits_and_the_next_number_above_does_not(limit, data):
    amount = data.draw(within_one_ulp(limit))
    (violation,) = Budget({"energy_uj": limit}).violations({"energy_uj": np.array([amount])})
    assert (violation[0] <= 0) == (amount <= limit)


def test_a_violation_is_relative_to_its_limit():
    quantities = {"energy_uj": np.array([5.0, 10.0, 30.0]), "area_mm2": np.array([1.0, 2.0, 3.0])}
    found = Budget({"area_mm2": 2.0, "energy_uj": 10.0}).violations(quantities)
    assert found.tolist() == [[-0.5, 0.0, 0.5], [-0.5, 0.0, 2.0]]


def test_rows_follow_the_one_order_of_constraints():
    limits = BudgetConfig(energy_uj=1.0, latency_ms=1.0, parameters=1.0).limits()
    amounts = {name: np.array([float(place)]) for place, name in enumerate(UNITS, start=1)}
    found = Budget(limits).violations(amounts)
    assert list(limits) == ["parameters", "latency_ms", "energy_uj"]
    assert found[:, 0].tolist() == [0.0, 3.0, 4.0]


def test_an_empty_budget_is_broken_by_nothing():
    found = Budget({}).violations({"energy_uj": np.array([1.0, np.inf])})
    assert found.shape == (0, 2)
    assert (found <= 0).all(axis=0).all()


def test_costs_are_presented_in_the_units_of_budgets():
    workload = Workload.of(Networks.of([architecture(), architecture(channels=16)]))
    cost = hardware_model("spikesim").cost(workload, Chip.of("spikesim-65nm-rram"))
    shown = presented(cost, workload)
    assert list(shown) == list(UNITS)
    assert shown["parameters"].tolist() == cost.parameters.tolist()
    assert shown["memory_bytes"] * 8 == pytest.approx(cost.memory_bits)
    assert shown["area_mm2"] * 1e6 == pytest.approx(cost.area_um2)
    assert shown["latency_ms"] * 1e6 == pytest.approx(cost.latency_ns)
    assert shown["energy_uj"] * 1e6 == pytest.approx(cost.energy_pj)
    assert shown["edp_uj_ms"] == pytest.approx(shown["energy_uj"] * shown["latency_ms"])
    assert shown["throughput_per_s"] == pytest.approx(1e9 / cost.interval_ns)


def test_what_is_missed_is_told_by_limit_and_in_which_direction():
    violations = {"area_mm2": -0.1, "energy_uj": 0.0321, "throughput_per_s": 0.5, "spikes": 0.0}
    assert broken(violations) == ["energy_uj +3.2%", "throughput_per_s -50.0%"]
