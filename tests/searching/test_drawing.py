"""Drawing where little fits: the gate's property, evolution, pools, and what is said in vain."""

from __future__ import annotations

import re

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronas.architecture import training_digest
from neuronas.errors import InfeasibleSpaceError, SpaceExhaustedError
from neuronas.hardware import Budget
from neuronas.searching import FeasibleRegion, GatedSampler
from neuronas.searching.samplers import SAMPLERS
from tests.searching.test_region import (
    RARE,
    SEEDS,
    TINY,
    always,
    brute_force,
    key,
    network,
    reasons,
    region_of,
)

OPERATIONS = ["zeroize", "skip", "conv1x1", "conv3x3", "avgpool3x3"]
QUANTITIES = ["parameters", "memory_bytes", "area_mm2", "latency_ms", "energy_uj"]
WIDE = {
    "cells": "distinct",
    "operations": OPERATIONS[1:],
    "channels": [2, 4, 6, 8, 12, 16, 24, 32],
    "time_steps": [1, 2, 4, 8],
    "weight_bits": [2, 3, 4, 8],
}
"""Some 5 * 10^11 genotypes."""


@st.composite
def regions(draw: st.DrawFn) -> FeasibleRegion:
    """Regions of any size, from all of a space to a thousandth of it, or nothing."""
    operations = draw(st.sets(st.sampled_from(OPERATIONS[1:]), min_size=1, max_size=3))
    region = region_of(
        space={
            "cells": draw(st.sampled_from(["shared", "distinct"])),
            "operations": [*sorted(operations), "zeroize"],
            "channels": sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=3))),
            "time_steps": sorted(draw(st.sets(st.integers(1, 6), min_size=1, max_size=3))),
        },
        budget={},
    )
    found = region.assess(region.space.sample(np.random.default_rng(0), 2000))
    names = draw(st.lists(st.sampled_from(QUANTITIES), unique=True, max_size=3))
    values = {name: np.sort(found.quantities[name][found.connected]) for name in names}
    places = {name: draw(st.floats(0.0005, 1)) for name in names}
    region.budget = Budget(
        {name: float(np.quantile(v, places[name], method="lower")) for name, v in values.items()}
    )
    return region


def rare(rounds: int, *names: str) -> FeasibleRegion:
    """A region that keeps a twentieth of a pool, of it a twentieth, and so on."""
    region = region_of(space=WIDE, budget={})
    for _ in range(rounds):
        pool = region.pool(np.random.default_rng(0), 1000)
        logs = np.log(np.stack([pool.quantities[name] for name in names]))
        centre, spread = np.median(logs, axis=1), logs.std(axis=1)
        worst = ((logs - centre[:, None]) / spread[:, None]).max(axis=0)
        limits = np.exp(centre + np.quantile(worst, 0.05) * spread) * (1 + 1e-9)
        region.budget = Budget(dict(zip(names, limits.tolist(), strict=True)))
    region.take_tally()
    return region


# The gate


@given(regions(), SEEDS, st.sampled_from(["random", "tpe", "nsga2"]), st.data())
@settings(max_examples=12)
def test_a_proposal_keeps_every_budget_and_is_none_that_was_measured_or_is_in_flight(
    region, seed, name, data
):
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=GatedSampler(region, seed, SAMPLERS[name]),
    )
    keys = set()
    for _ in range(8):
        try:
            study.sampler.reserve(study)
        except (InfeasibleSpaceError, SpaceExhaustedError):
            assert_nothing_is_left(region, keys)
            return
        trial = study.ask()
        candidate = region.space.suggest(trial)
        assert reasons(region, candidate[0]) == set()
        assert key(region, candidate[0]) not in keys
        keys.add(key(region, candidate[0]))
        if data.draw(st.booleans()):
            study.tell(trial, [0.5, float(trial.number)])


def assert_nothing_is_left(region: FeasibleRegion, keys: set[bytes]) -> None:
    size = region.space.size
    for start in range(0, min(size, 2**14), 2048):
        found = region.assess(region.space.enumerate(start, min(start + 2048, size)))
        left = found.keys(np.flatnonzero(found.feasible))
        assert set(left) <= keys


# Where almost nothing fits


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "names", [("energy_uj", "latency_ms"), ("area_mm2", "memory_bytes", "energy_uj")]
)
def test_what_a_hundred_thousand_draws_miss_is_found_and_so_is_more_of_it(names, seed):
    region = rare(5, *names)
    found, keys = [], set()
    for number in range(6):
        genes = region.draw(
            np.random.default_rng([seed, number]),
            lambda found: found not in keys,
            np.array(found) if found else None,
        )
        assert reasons(region, genes) == set()
        assert key(region, genes) not in keys
        keys.add(key(region, genes))
        found.append(genes)
        assert region.take_tally().drawn < (40_000 if number == 0 else 25_000)
    uniform = region.assess(region.space.sample(np.random.default_rng(seed), 20_000))
    assert uniform.feasible.sum() <= 1


def test_equal_generators_evolve_equal_candidates():
    region = rare(4, "energy_uj", "latency_ms")
    first, again = (region.draw(np.random.default_rng(1), always) for _ in range(2))
    assert first.tolist() == again.tolist()


# Pools


@pytest.mark.parametrize(
    ("rounds", "size"), [(0, 3000), (1, 3000), (4, 100)], ids=["most", "some", "rare"]
)
def test_a_pool_holds_feasible_networks_no_two_of_them_equal(rounds, size):
    region = rare(rounds, "energy_uj", "latency_ms")
    pool = region.pool(np.random.default_rng(0), size)
    tally = region.take_tally()
    again = region.assess(pool.genes)
    assert len(pool) == len(pool.genes) == size
    assert again.feasible.all()
    assert again.keys(np.arange(size)) == pool.keys
    assert len(set(pool.keys)) == size
    assert {n: q.tolist() for n, q in again.quantities.items()} == {
        n: q.tolist() for n, q in pool.quantities.items()
    }
    assert again.violations.tolist() == pool.violations.tolist()
    assert tally.drawn - tally.rejected >= size
    same = region.pool(np.random.default_rng(0), size)
    assert same.genes.tolist() == pool.genes.tolist()


def test_a_pool_leaves_out_what_is_not_new_and_holds_descendants_of_what_is_known():
    region = rare(1, "energy_uj", "latency_ms")
    known = region.pool(np.random.default_rng(0), 20)
    pool = region.pool(
        np.random.default_rng(1), 2000, known=known.genes[:1], is_new=lambda k: k not in known.keys
    )
    assert not set(pool.keys) & set(known.keys)
    searched = len(region.space.searched)
    near = (pool.genes != known.genes[0]).sum(axis=1) <= searched // 4
    uniform = region.pool(np.random.default_rng(1), 2000)
    assert (
        near.sum() > 5 * (uniform.genes != known.genes[0]).sum(axis=1).__le__(searched // 4).sum()
    )


def test_a_pool_of_a_tiny_space_is_all_of_it():
    region = region_of(space=TINY, budget={"parameters": 700.0})
    pool = region.pool(np.random.default_rng(0), 1000)
    assert {training_digest(network(region, g), {}) for g in pool.genes} == set(brute_force(region))


def test_there_is_no_pool_where_nothing_fits():
    region = region_of(space=RARE, budget={"energy_uj": 1e-6})
    with pytest.raises(InfeasibleSpaceError, match="energy_uj binds"):
        region.pool(np.random.default_rng(0), 100)


# Where nothing fits


def told(region: FeasibleRegion) -> str:
    with pytest.raises(InfeasibleSpaceError) as caught:
        region.draw(np.random.default_rng(0), always)
    return str(caught.value)


def test_what_is_said_of_every_network_holds_for_every_network():
    region = region_of(space=TINY | {"time_steps": [2, 4]}, budget={"energy_uj": 0.01})
    found = region.assess(region.space.enumerate(0, region.space.size))
    least = found.quantities["energy_uj"][found.connected].min()
    stated = re.search(
        r"No network of this space, at T >= 2, takes less than ([\d.]+) µJ\.", told(region)
    )
    assert stated is not None
    assert least * 0.999 < float(stated[1]) <= least


def test_of_a_space_too_large_to_look_at_each_is_said_how_many_were_tried():
    region = region_of(space=WIDE, budget={"energy_uj": 0.01})
    message = told(region)
    tried = f"None of the {region.tally.drawn:,} networks tried takes less than "
    assert tried in message
    assert "No network of this space" not in message


@pytest.mark.parametrize("binding", ["energy_uj", "memory_bytes"])
def test_what_would_have_to_give_is_enough_each_for_itself(binding):
    region = region_of(space=WIDE | {"time_steps": [2, 4]}, budget={})
    pool = region.pool(np.random.default_rng(0), 5000)
    limits = {name: float(pool.quantities[name].max()) for name in ("latency_ms", binding)}
    limits[binding] = float(pool.quantities[binding].min()) * 0.6
    region.budget = Budget(limits)
    message = told(region)

    raised = re.search(rf"[Rr]aise budget\.{binding} to ([\d.e+]+)", message)
    assert raised is not None
    higher = Budget(limits | {binding: float(raised[1])})
    assert fits(region_like(region, higher, WIDE | {"time_steps": [2, 4]}))

    allowed = re.findall(r"(channels|time_steps|weight_bits) (\d+)", message.split("or allow")[1])
    assert allowed
    for name, value in allowed:
        space = WIDE | {"time_steps": [2, 4]}
        space = space | {name: [*space[name], int(value)]}
        assert fits(region_like(region, region.budget, space))


def region_like(region: FeasibleRegion, budget: Budget, space: dict[str, object]) -> FeasibleRegion:
    return region_of(space=space, budget=dict(budget.limits))


def fits(region: FeasibleRegion) -> bool:
    return reasons(region, region.draw(np.random.default_rng(0), always)) == set()


class Opposed(Budget):
    """At least as many parameters as the limit, at most as much of everything else."""

    def violations(self, quantities):
        return np.stack(
            [
                limit / np.maximum(quantities[name], 1e-9) - 1
                if name == "parameters"
                else quantities[name] / limit - 1
                for name, limit in self.limits.items()
            ]
        )


def test_budgets_that_contradict_each_other_are_told_as_a_pair():
    region = region_of(space=WIDE, budget={})
    found = region.pool(np.random.default_rng(0), 3000).quantities
    region.budget = Opposed(
        {
            "parameters": float(found["parameters"].max() * 0.9),
            "latency_ms": float(found["latency_ms"].max()),
            "energy_uj": float(found["energy_uj"].min() * 1.1),
        }
    )
    message = told(region)
    assert "Each budget can be kept alone, but none of the" in message
    assert "keeps parameters and energy_uj." in message
    assert re.search(r"raise budget\.energy_uj to [\d.]+ µJ", message, re.IGNORECASE)
    assert re.search(r"lower budget\.parameters to [\d,]+", message, re.IGNORECASE)
