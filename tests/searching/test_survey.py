"""Surveys: how much of a space fits, what rejects the rest, and its extremes."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.architecture import Architecture
from neuronas.errors import ConfigError
from neuronas.hardware import UNITS, Activity, estimate
from neuronas.searching import survey_region
from neuronas.searching.survey import reference_point
from tests.searching.fakes import CHIP, study_config
from tests.searching.test_region import REGION, TINY, Watched, network, reasons, region_of


def quantities(network: Architecture) -> dict[str, float]:
    return estimate(network, chip=CHIP).quantities


@pytest.mark.parametrize("count", [1, 300, 2048 + 77], ids=["one", "a few", "two chunks"])
def test_a_survey_is_what_one_network_after_the_other_shows(count):
    budget = {"parameters": 600.0, "latency_ms": 0.05}
    region = region_of(kind=Watched, space=TINY, budget=budget)
    found = survey_region(region, np.random.default_rng(1), count)

    assert found.candidates == len(region.seen) == count
    distinct = {tuple(genes) for genes in region.seen}
    why = {genes: reasons(region, np.array(genes)) for genes in distinct}
    drawn = [why[tuple(genes)] for genes in region.seen]
    assert found.fit == sum(not reason for reason in drawn)
    assert found.rejected == {
        name: sum(name in reason for reason in drawn)
        for name in ("disconnected", "parameters", "latency_ms")
    }
    values = [quantities(network(region, np.array(g))) for g in distinct if not why[g]]
    for name in UNITS if values else ():
        best, worst = (max, min) if name == "throughput_per_s" else (min, max)
        assert found.cheapest[name].value == best(value[name] for value in values)
        assert found.dearest[name].value == worst(value[name] for value in values)


def test_with_one_budget_every_candidate_fits_or_has_one_reason():
    region = region_of(budget={"energy_uj": 0.2})
    found = survey_region(region, np.random.default_rng(0), 3000)
    assert found.fit + sum(found.rejected.values()) == found.candidates == 3000
    assert found.fit > 0
    assert set(found.rejected) == {"disconnected", "energy_uj"}


def test_an_extreme_is_a_network_that_fits_and_has_that_value():
    found = survey_region(REGION, np.random.default_rng(0), 3000)
    assert set(found.cheapest) == set(found.dearest) == set(UNITS)
    for name in UNITS:
        for extreme in (found.cheapest[name], found.dearest[name]):
            candidate = Architecture.from_json(extreme.genotype)
            assert quantities(candidate)[name] == pytest.approx(extreme.value, rel=1e-12)
            assert candidate == candidate.canonical()
            assert reasons(REGION, REGION.space.encode(candidate)[0]) == set()
        low, high = found.cheapest[name].value, found.dearest[name].value
        assert high <= low if name == "throughput_per_s" else low <= high


def test_where_nothing_fits_there_are_no_extremes():
    found = survey_region(region_of(budget={"energy_uj": 1e-6}), np.random.default_rng(0), 500)
    assert (found.fit, found.cheapest, found.dearest) == (0, {}, {})
    assert found.rejected["energy_uj"] + found.rejected["disconnected"] == 500


def test_the_reference_is_no_accuracy_the_budget_or_the_dearest_network():
    names = ["accuracy", "energy", "latency", "memory"]
    budget = {"energy_uj": 0.2}
    found = reference_point(region_of(budget=budget), np.random.default_rng(0), names)
    assert list(found) == names
    assert found["accuracy"] == 0.0
    assert found["energy"] == 0.2
    survey = survey_region(region_of(budget=budget), np.random.default_rng(5), 5000)
    assert found["latency"] >= survey.dearest["latency_ms"].value * 0.8
    assert found["memory"] >= survey.dearest["memory_bytes"].value * 0.8


def test_the_reference_accuracy_is_the_one_that_is_given():
    found = reference_point(region_of(), np.random.default_rng(0), ["accuracy"], 0.7)
    assert found == {"accuracy": 0.7}


def test_the_reference_of_throughput_is_the_least_that_is_wanted_or_was_seen():
    names = ["accuracy", "throughput"]
    limited = region_of(budget={"throughput_per_s": 20_000.0})
    assert reference_point(limited, np.random.default_rng(0), names)["throughput"] == 20_000.0
    found = reference_point(region_of(budget={}), np.random.default_rng(0), names)["throughput"]
    worst = survey_region(region_of(budget={}), np.random.default_rng(5), 5000).dearest
    assert found <= worst["throughput_per_s"].value / 0.8


def test_no_hypervolume_is_measured_from_nothing():
    region = region_of(budget={})
    region.activity = Activity(0.0)
    with pytest.raises(ConfigError, match=r"'spikes' cannot be measured from 0, which.*spike_rate"):
        reference_point(region, np.random.default_rng(0), ["accuracy", "spikes"])


def test_the_reference_repeats_with_its_generator():
    names = study_config().objectives
    region = region_of(budget={})
    one = reference_point(region, np.random.default_rng(3), names)
    assert one == reference_point(region, np.random.default_rng(3), names)


def test_a_region_too_rare_for_a_survey_still_has_a_reference():
    region = region_of(
        space={"cells": "distinct", "operations": ["conv3x3", "skip"], "channels": [2, 4, 8, 16]},
        budget={"parameters": 284.0},
    )
    found = reference_point(region, np.random.default_rng(0), ["accuracy", "energy"])
    assert found["energy"] > 0
