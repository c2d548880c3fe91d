"""The feasible region: what it draws, what it counts, when it gives up and what it then says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronas.architecture import Architecture, training_digest
from neuronas.errors import (
    ConfigError,
    GenotypeError,
    InfeasibleSpaceError,
    SpaceExhaustedError,
)
from neuronas.hardware import HIGHER_IS_BETTER, UNITS, estimate
from neuronas.searching import FeasibleRegion
from neuronas.searching.assessment import Assessment
from neuronas.searching.chips import chip_of
from tests.searching.fakes import CHIP, HARDWARE, study_config
from tests.strategies import architecture

SEEDS = st.integers(0, 2**32)
WIRED = "0001 0000 0000 0000"
ALL_SKIP = "0111 0011 0001 0000"


class Watched(FeasibleRegion):
    """A region that remembers every genotype it looked at, in order."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.seen: list[list[int]] = []

    def assess(self, genes: np.ndarray) -> Assessment:
        self.seen += genes.tolist()
        return super().assess(genes)


def region_of(*, kind: type[FeasibleRegion] = FeasibleRegion, **changes: object) -> FeasibleRegion:
    return kind.of(study_config(**changes))


REGION = region_of()
TINY = {"operations": ["zeroize", "conv1x1"], "channels": [2, 4]}
"""128 genotypes."""
TINY_BUDGET = {"parameters": 700.0}
RARE = {
    "cells": "distinct",
    "operations": ["conv3x3", "conv1x1", "skip"],
    "channels": [2, 4, 8, 16, 32, 64, 128, 256],
}
"""4,251,528 genotypes; fewest parameters: every edge a skip, 2 channels."""


def always(_: bytes) -> bool:
    return True


def network(region: FeasibleRegion, genes: np.ndarray) -> Architecture:
    return region.space.decode(np.asarray(genes)[None])[0]


def key(region: FeasibleRegion, genes: np.ndarray) -> bytes:
    (found,) = region.assess(np.asarray(genes)[None]).keys(np.array([0]))
    return found


def reasons(region: FeasibleRegion, genes: np.ndarray) -> set[str]:
    """Why one genotype is no candidate, asked one network at a time; empty if it is one."""
    candidate = network(region, genes)
    try:
        cost = estimate(candidate, chip=CHIP)
    except GenotypeError:
        return {"disconnected"}
    quantities = {
        "parameters": cost.parameters,
        "memory_bytes": cost.to_json()["memory_bits"] / 8,
        "area_mm2": cost.area_um2 / 1e6,
        "latency_ms": cost.latency_ns / 1e6,
        "energy_uj": cost.energy_pj / 1e6,
    }
    return {name for name, limit in region.budget.limits.items() if quantities[name] > limit}


def brute_force(region: FeasibleRegion) -> dict[str, list[int]]:
    """Every feasible network of a small space by its training digest, one network at a time."""
    everything = region.space.enumerate(0, region.space.size)
    return {
        training_digest(network(region, genes), {}): genes.tolist()
        for genes in everything
        if not reasons(region, genes)
    }


# What a study file says of the hardware


def test_a_region_is_costed_on_the_chip_that_the_study_describes():
    genes = REGION.space.sample(np.random.default_rng(0), 20)
    slow = {"base": HARDWARE["chip"], "settings": {"clk_freq": 125.0}}
    region = region_of(hardware={"model": "spikesim", "chip": slow})
    before, after = REGION.assess(genes).quantities, region.assess(genes).quantities
    assert after["latency_ms"] == pytest.approx(2 * before["latency_ms"], rel=1e-12)
    assert after["energy_uj"].tolist() == before["energy_uj"].tolist()


def test_a_chip_of_another_model_than_the_study_names_is_refused():
    study = study_config(hardware=HARDWARE | {"model": "cim"})
    with pytest.raises(ConfigError) as caught:
        chip_of(study)
    assert str(caught.value) == (
        f"hardware.chip: '{CHIP.name}' describes hardware model 'spikesim', but hardware.model is "
        f"'cim'"
    )


def test_a_chip_with_a_wrong_setting_is_told_its_key():
    wrong = {"base": HARDWARE["chip"], "settings": {"clk_frq": 125.0}}
    with pytest.raises(ConfigError, match=r"settings\.clk_frq: unknown key; allowed: clk_freq, "):
        region_of(hardware={"model": "spikesim", "chip": wrong})


# Drawing


@given(SEEDS)
@settings(max_examples=8)
def test_every_draw_is_feasible_and_a_network_that_was_not_drawn(seed):
    generator, keys, digests = np.random.default_rng(seed), set(), set()
    for _ in range(10):
        genes = REGION.draw(generator, lambda found: found not in keys)
        assert reasons(REGION, genes) == set()
        keys.add(key(REGION, genes))
        digests.add(training_digest(network(REGION, genes), {}))
    assert len(keys) == len(digests) == 10


def test_equal_generators_draw_equal_candidates_and_others_do_not():
    def drawn(seed: int) -> list[list[int]]:
        generator = np.random.default_rng(seed)
        return [REGION.draw(generator, always).tolist() for _ in range(5)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_without_a_budget_every_connected_network_is_feasible():
    region = region_of(budget={})
    genes = region.space.sample(np.random.default_rng(0), 120)
    assessment = region.assess(genes)
    expected = [not reasons(region, row) for row in genes]
    assert assessment.feasible.tolist() == expected
    assert 0 < sum(expected) < 120


@given(SEEDS)
@settings(max_examples=5)
def test_a_batch_judges_a_network_as_it_is_judged_alone(seed):
    """To the last digit: what passed the gate may not break the budget when it is a trial."""
    genes = REGION.space.sample(np.random.default_rng(seed), 40)
    batch = REGION.assess(genes)
    for index in range(len(genes)):
        alone = REGION.assess(genes[index : index + 1])
        assert alone.violations[:, 0].tolist() == batch.violations[:, index].tolist()
        assert alone.keys(np.array([0])) == batch.keys(np.array([index]))
        assert bool(batch.feasible[index]) == (not reasons(REGION, genes[index]))


def test_excess_is_by_how_much_the_worst_budget_is_missed():
    genes = np.concatenate(
        [
            REGION.space.sample(np.random.default_rng(0), 100),
            REGION.space.encode(architecture(cell_a=WIRED, channels=2, time_steps=1)),
        ]
    )
    found = REGION.assess(genes)
    for index in range(len(genes)):
        worst = max(0.0, found.violations[:, index].max())
        assert found.excess[index] == (worst if found.connected[index] else np.inf)
        assert found.feasible[index] == (found.excess[index] == 0)


# Counting


@given(SEEDS, st.integers(0, 6))
@settings(max_examples=8)
def test_a_draw_counts_exactly_what_it_turned_away(seed, known):
    region = region_of(kind=Watched, budget={"energy_uj": 0.16, "area_mm2": 0.61})
    others, keys = np.random.default_rng(seed + 1), set()
    for _ in range(known):
        keys.add(key(REGION, region.draw(others, lambda found: found not in keys)))
    region.take_tally()
    region.seen.clear()

    taken = region.draw(np.random.default_rng(seed), lambda found: found not in keys).tolist()

    turned_away = Counter[str]()
    place = 0
    while (why := reasons(region, region.seen[place])) or key(REGION, region.seen[place]) in keys:
        turned_away.update(why)
        place += 1
    assert region.seen[place] == taken
    assert region.tally.drawn == place + 1
    assert region.tally.rejected == place
    assert +region.tally.reasons == turned_away


def test_a_taken_tally_starts_again_from_zero():
    region = region_of()
    generator = np.random.default_rng(0)
    for _ in range(5):
        region.draw(generator, always)
    taken = region.take_tally()
    assert taken.drawn >= 5
    assert region.take_tally().drawn == 0
    taken.add(taken)
    assert taken.drawn >= 10


@pytest.mark.parametrize(
    ("candidate", "new", "why"),
    [
        (architecture(cell_a=WIRED, channels=2, time_steps=1), True, {}),
        (architecture(cell_a=WIRED, channels=2, time_steps=1), False, {"proposed before": 1}),
        (
            architecture(cell_a="0000 0000 0000 0000", cell_b="0000 0000 0000 0000", time_steps=1),
            True,
            {"disconnected": 1},
        ),
        (
            architecture(cell_a="0333 0033 0003 0000", cell_b="0333 0033 0003 0000", time_steps=2),
            True,
            {"area_mm2": 1, "latency_ms": 1, "energy_uj": 1},
        ),
    ],
    ids=["taken", "seen", "disconnected", "too dear"],
)
def test_a_proposal_is_accepted_or_counted_under_every_reason(candidate, new, why):
    region = region_of()
    genes = region.space.encode(candidate)[0]
    assert region.accepts(genes, lambda _: new) == (not why)
    assert region.tally.drawn == 1
    assert region.tally.rejected == bool(why)
    assert +region.tally.reasons == why


# Repairing


def test_a_proposal_beyond_the_budget_is_repaired_near_itself():
    broken = REGION.space.encode(
        architecture(cell_a="0333 0033 0003 0000", cell_b="0333 0033 0003 0000", time_steps=2)
    )[0]
    repaired = REGION.repair(np.random.default_rng(0), broken, always)
    assert repaired is not None
    assert reasons(REGION, repaired) == set()
    searched = [len(parameter.choices) > 1 for parameter in REGION.space.parameters]
    random = [REGION.draw(np.random.default_rng(seed), always) for seed in range(20)]
    distance = (repaired != broken)[searched].sum()
    assert distance < np.mean([(genes != broken)[searched].sum() for genes in random])


def test_a_repair_is_new_or_none():
    genes = REGION.draw(np.random.default_rng(0), always)
    known = key(REGION, genes)
    repaired = REGION.repair(np.random.default_rng(0), genes, lambda found: found != known)
    assert key(REGION, repaired) != known
    assert REGION.repair(np.random.default_rng(0), genes, lambda _: False) is None


# Rare, tiny and empty regions


@pytest.mark.parametrize("seed", range(3))
def test_one_feasible_network_in_four_million_is_found(seed):
    cheapest = architecture(cell_a=ALL_SKIP, cell_b=ALL_SKIP, channels=2)
    region = region_of(
        space=RARE, budget={"parameters": float(estimate(cheapest, chip=CHIP).parameters)}
    )
    assert region.space.size == 3**12 * 8
    genes = region.draw(np.random.default_rng(seed), always)
    assert network(region, genes) == cheapest


@pytest.mark.parametrize(
    ("channels", "message"),
    [([2], "every feasible network of the space was proposed"), (RARE["channels"], "too large to")],
    ids=["enumerated", "too large"],
)
def test_once_the_rare_network_is_known_the_space_is_exhausted(channels, message):
    cheapest = architecture(cell_a=ALL_SKIP, cell_b=ALL_SKIP, channels=2)
    limit = float(estimate(cheapest, chip=CHIP).parameters)
    region = region_of(space=RARE | {"channels": channels}, budget={"parameters": limit})
    known = key(region, region.space.encode(cheapest)[0])
    with pytest.raises(SpaceExhaustedError, match=message):
        region.draw(np.random.default_rng(0), lambda found: found != known)


def test_a_network_that_draws_miss_is_found_by_enumeration():
    space = {
        "operations": ["conv3x3", "conv1x1", "skip"],
        "channels": list(range(2, 18)),
        "hidden": list(range(16)),
    }
    cheapest = architecture(cell_a=ALL_SKIP, cell_b=ALL_SKIP, channels=2, hidden=1)
    limit = float(estimate(cheapest, chip=CHIP).parameters)
    region = region_of(space=space, budget={"parameters": limit})
    assert region.space.size == 3**6 * 16 * 16
    assert limit < estimate(cheapest.model_copy(update={"hidden": 0}), chip=CHIP).parameters
    for seed in range(3):
        genes = region.draw(np.random.default_rng(seed), always)
        assert network(region, genes) == cheapest


@pytest.mark.parametrize("budget", [TINY_BUDGET, {}], ids=["budget", "no budget"])
def test_a_tiny_space_gives_each_of_its_networks_once_and_is_then_exhausted(budget):
    region = region_of(space=TINY, budget=budget)
    expected = brute_force(region)
    generator, keys, digests = np.random.default_rng(0), set(), set()
    for _ in expected:
        genes = region.draw(generator, lambda found: found not in keys)
        keys.add(key(region, genes))
        digests.add(training_digest(network(region, genes), {}))
    assert digests == set(expected)
    with pytest.raises(SpaceExhaustedError, match="every feasible network"):
        region.draw(generator, lambda found: found not in keys)


def test_an_enumerable_space_without_a_feasible_network_names_the_nearest():
    limits = {"parameters": 100.0, "energy_uj": 0.05}
    region = region_of(space=TINY, budget=limits)
    with pytest.raises(InfeasibleSpaceError) as caught:
        region.draw(np.random.default_rng(0), always)
    everything = region.space.enumerate(0, region.space.size)
    missed = {}
    for index, genes in enumerate(everything):
        candidate = network(region, genes)
        try:
            cost = estimate(candidate, chip=CHIP)
        except GenotypeError:
            continue
        missed[index] = {
            "parameters": cost.parameters / 100.0 - 1,
            "energy_uj": cost.energy_pj / 1e6 / 0.05 - 1,
        }
    least = min(max(violations.values()) for violations in missed.values())
    error = caught.value
    assert error.violations[error.binding] == max(error.violations.values()) == least
    nearest = Architecture.from_json(error.nearest)
    assert estimate(nearest, chip=CHIP).parameters / 100.0 - 1 == error.violations["parameters"]
    assert f"no network of the space (all {region.space.size:,}) fits the budget" in str(error)
    assert f"{error.binding} binds" in str(error)
    assert f"{least:.1%} over the limit of {limits[error.binding]:g}" in str(error)
    assert f"Raise budget.{error.binding}" in str(error)
    assert f"{nearest.channels} channels, T = {nearest.time_steps}" in str(error)
    assert nearest.canonical().cnt_mats()[0] in str(error)


def test_a_space_too_large_to_enumerate_names_the_nearest_it_found():
    cheapest = architecture(cell_a=ALL_SKIP, cell_b=ALL_SKIP, channels=2)
    fewest = estimate(cheapest, chip=CHIP).parameters
    region = region_of(space=RARE, budget={"parameters": fewest - 1.0, "latency_ms": 1e6})
    with pytest.raises(InfeasibleSpaceError) as caught:
        region.draw(np.random.default_rng(0), always)
    error = caught.value
    assert error.binding == "parameters"
    assert Architecture.from_json(error.nearest) == cheapest
    assert error.violations["parameters"] == fewest / (fewest - 1.0) - 1
    assert error.violations["latency_ms"] < 0
    assert str(error).startswith(
        f"no network found that fits the budget. parameters binds: the nearest candidate takes "
        f"{fewest}, {1 / (fewest - 1):.1%} over the limit of {fewest - 1}."
    )


@pytest.mark.parametrize("name", UNITS)
def test_each_budget_can_bind_and_names_its_unit(name):
    limit = 1e12 if name in HIGHER_IS_BETTER else 1e-9
    region = region_of(space=TINY, budget={name: limit})
    with pytest.raises(InfeasibleSpaceError) as caught:
        region.draw(np.random.default_rng(0), always)
    assert caught.value.binding == name
    assert f"{name} binds" in str(caught.value)
    if UNITS[name]:
        assert f" {UNITS[name]}, " in str(caught.value)


def test_a_fixed_space_of_one_network_is_drawn_once():
    region = region_of(space={"operations": "skip", "channels": 4}, budget={})
    assert region.space.size == 1
    known = key(region, region.draw(np.random.default_rng(0), always))
    with pytest.raises(SpaceExhaustedError):
        region.draw(np.random.default_rng(0), lambda found: found != known)
