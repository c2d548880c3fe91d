"""What the published training-free methods look at, and in which order they turn away."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.architecture import EDGES, training_digest
from neuronas.config import BUDGET_PRESETS, RANKED_SAMPLERS
from neuronas.errors import SpaceExhaustedError
from neuronas.searching.assessment import DISCONNECTED
from neuronas.searching.methods import (
    EQUAL,
    METHODS,
    NO_DIRECT_EDGE,
    NOT_SCORED,
    Shortlist,
    shortlist,
)
from neuronas.searching.region import FeasibleRegion
from tests.searching.fakes import BUDGET
from tests.searching.test_region import TINY, brute_force, network, reasons, region_of

TIGHT = {"parameters": 950.0, "area_mm2": 0.64, "latency_ms": 0.45, "energy_uj": 0.8}
LARGE = {"cells": "distinct", "channels": [2, 4, 8], "time_steps": [1, 2]}
DIRECT = EDGES.index((0, 3))


def shortlisted(name: str, region: FeasibleRegion, count: int = 10_000, seed: int = 0) -> Shortlist:
    return shortlist(METHODS[name], region, np.random.default_rng(seed), count)


def digests(region: FeasibleRegion, listed: Shortlist) -> list[str]:
    return [training_digest(network(region, genes), {}) for genes in listed.genes]


def test_the_methods_are_the_samplers_that_may_score_candidates():
    assert sorted(METHODS) == sorted(RANKED_SAMPLERS)


def test_neuronas_v1_looks_at_all_networks_and_keeps_those_that_fit():
    region = region_of(space=TINY, budget=TIGHT)
    listed = shortlisted("neuronas-v1", region)
    assert listed.tally.drawn == region.space.size
    found = digests(region, listed)
    assert len(found) == len(set(found))
    assert set(found) == set(brute_force(region))


def test_neuronas_v1_checks_memory_area_latency_and_energy_in_this_order():
    region = region_of(space=TINY, budget=BUDGET_PRESETS["neuronas-v1"])
    checks = METHODS["neuronas-v1"].checks(region)
    assert [name for name in checks if name in region.limits] == [
        "parameters",
        "area_mm2",
        "latency_ms",
        "energy_uj",
    ]


def test_each_genotype_is_counted_under_the_first_check_that_it_fails():
    region = region_of(space=TINY, budget=TIGHT)
    tally = shortlisted("neuronas-v1", region).tally
    why = [reasons(region, genes) for genes in region.space.enumerate(0, region.space.size)]
    order = (DISCONNECTED, "parameters", "area_mm2", "latency_ms", "energy_uj")
    firsts = [next(name for name in order if name in found) for found in why if found]
    assert {name: tally.reasons[name] for name in order} == {n: firsts.count(n) for n in order}
    assert sum(tally.reasons[name] > 0 for name in order) >= 3
    assert sum(tally.reasons.values()) == tally.rejected


def test_spikenas_asks_for_memory_alone():
    region = region_of(space=TINY, budget={"memory_bytes": 400.0, "energy_uj": 0.66})
    memory_alone = region_of(space=TINY, budget={"memory_bytes": 400.0})
    found = set(digests(region, shortlisted("spikenas", region)))
    assert found == set(brute_force(memory_alone))
    assert found > set(digests(region, shortlisted("neuronas-v1", region)))


def test_snasnet_asks_for_no_budget_but_an_edge_from_input_to_output():
    region = region_of(space=TINY, budget={"energy_uj": 0.66})
    listed = shortlisted("snasnet", region)
    found = [network(region, genes).canonical() for genes in listed.genes]
    everything = brute_force(region_of(space=TINY, budget={}))
    assert 0 < len(found) < len(everything)
    assert all(candidate.cell_a[DIRECT] != "zeroize" for candidate in found)
    assert listed.tally.reasons[NO_DIRECT_EDGE] > 0
    assert not listed.tally.reasons.keys() & {"energy_uj"}


@pytest.mark.parametrize("name", RANKED_SAMPLERS)
def test_as_many_as_asked_for_are_drawn_and_the_same_from_the_same_seed(name):
    region = region_of(space=LARGE, budget=BUDGET)
    one, same, other = (shortlisted(name, region, 20, seed) for seed in (3, 3, 4))
    assert one.genes.tolist() == same.genes.tolist() != other.genes.tolist()
    assert len(one.genes) == len(set(digests(region, one))) == 20
    assert sum(one.tally.reasons.values()) == one.tally.rejected == one.tally.drawn - 20


def test_a_small_space_is_looked_at_whole_however_few_are_scored():
    region = region_of(space=TINY, budget={})
    listed = shortlisted("neuronas-v1", region, 3)
    assert (listed.tally.drawn, len(listed.genes)) == (region.space.size, 3)
    fitting = len(brute_force(region))
    connected = listed.tally.drawn - listed.tally.reasons[DISCONNECTED]
    assert listed.tally.reasons[NOT_SCORED] == fitting - 3
    assert listed.tally.reasons[EQUAL] == connected - fitting


def test_where_nothing_passes_the_error_says_what_turned_them_away():
    region = region_of(space=TINY, budget={"memory_bytes": 1.0})
    with pytest.raises(SpaceExhaustedError, match=r"none of 128 networks .* 94 memory_bytes"):
        shortlisted("spikenas", region)
