"""The sampler that knows hardware costs, in plain Optuna studies."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronas.errors import InfeasibleSpaceError
from neuronas.searching import FeasibleRegion
from neuronas.searching.attributes import (
    FEASIBLE_PROBABILITY,
    REASON,
    SPIKE_RATES,
    TRAINED_ACCURACY,
)
from neuronas.searching.choosing import make_sampler
from neuronas.searching.hardware_aware import HardwareAwareSampler
from neuronas.searching.objectives import directions, gains, objective_values
from neuronas.searching.pareto import hypervolume
from tests.searching.fakes import study_config

OBJECTIVES = ["accuracy", "energy"]
CIM = {"model": "cim", "chip": "rram-32nm"}
BUDGET = {"energy_uj": 0.04, "area_mm2": 2.0}
LARGE = {"space": {"cells": "distinct", "channels": [2, 4, 8, 16], "weight_bits": [2, 4, 8]}}
"""A space too large to be looked at whole."""
SMALL = {"space": {"operations": ["zeroize", "skip", "conv3x3"], "channels": [2, 4]}}


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def region_of(**changes: object) -> FeasibleRegion:
    return FeasibleRegion.of(study_config(**changes))


def references(region: FeasibleRegion, objectives: list[str]) -> dict[str, float]:
    """Return what is worse than every network, or the budget."""
    pool = region.pool(np.random.default_rng(5), 2000)
    names = {"energy": "energy_uj", "latency": "latency_ms", "area": "area_mm2"}
    return {
        name: 0.0 if name == "accuracy" else 1.01 * float(pool.quantities[names[name]].max())
        for name in objectives
    }


def new_study(
    region: FeasibleRegion, objectives: list[str], seed: int = 0, name: str = "hardware-aware"
) -> optuna.Study:
    reference = references(region, objectives)
    sampler = make_sampler(name, region, seed, objectives, reference)
    return optuna.create_study(directions=list(directions(objectives).values()), sampler=sampler)


def quality(region: FeasibleRegion, genes: np.ndarray) -> float:
    """Return an accuracy that grows with the 3x3 convolutions of cell A."""
    network = region.space.decode(genes)[0].canonical()
    return 0.3 + 0.1 * network.cell_a.count("conv3x3") ** 0.5


def run(
    study: optuna.Study,
    region: FeasibleRegion,
    objectives: list[str],
    trials: int,
    accuracy: Callable[[FeasibleRegion, np.ndarray], float] = quality,
) -> list[np.ndarray]:
    """Run a study as any user of Optuna would; return the genotypes."""
    found = []

    def objective(trial: optuna.Trial) -> list[float]:
        genes = region.space.suggest(trial)
        found.append(genes[0])
        costs = {name: float(v[0]) for name, v in region.assess(genes).quantities.items()}
        values = objective_values(objectives, accuracy(region, genes), costs)
        return list(values.values())

    study.optimize(objective, n_trials=trials)
    return found


def volume(study: optuna.Study, region: FeasibleRegion, objectives: list[str]) -> float:
    reference = references(region, objectives)
    points = [
        gains(dict(zip(objectives, trial.values, strict=True)), reference) for trial in study.trials
    ]
    return hypervolume(np.array(points))


# What it proposes


@pytest.mark.parametrize("space", [SMALL, LARGE], ids=["whole", "large"])
def test_it_finds_more_than_random_proposals(space):
    region = region_of(budget=BUDGET, hardware=CIM, **space)
    found = {"hardware-aware": 0.0, "random": 0.0}
    for name, seed in itertools.product(found, (0, 1)):
        study = new_study(region, OBJECTIVES, seed, name)
        run(study, region, OBJECTIVES, 12)
        found[name] += volume(study, region, OBJECTIVES)
    assert found["hardware-aware"] > found["random"]


@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    space=st.sampled_from([SMALL, LARGE]),
    workers=st.integers(1, 5),
    energy_uj=st.floats(0.01, 0.06),
)
def test_it_stays_within_every_budget_and_repeats_nothing_in_flight(
    seed, space, workers, energy_uj
):
    region = region_of(budget={"energy_uj": energy_uj, "area_mm2": 2.0}, hardware=CIM, **space)
    study = new_study(region, OBJECTIVES, seed)
    asked: list[tuple[optuna.Trial, np.ndarray]] = []
    for number in range(14):
        if number >= workers:
            trial, genes = asked[number - workers]
            energy = float(region.assess(genes[None]).quantities["energy_uj"][0])
            study.tell(trial, [quality(region, genes[None]), energy])
        trial = study.ask()
        asked.append((trial, region.space.suggest(trial)[0]))
    assessed = region.assess(np.array([genes for _, genes in asked]))
    assert assessed.feasible.all()
    assert len(set(assessed.keys(np.arange(len(asked))))) == len(asked)


def test_where_everything_is_known_it_adds_as_much_as_can_be_added():
    objectives = ["energy", "area"]
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, objectives)
    genes = run(study, region, objectives, 4)
    reference = references(region, objectives)
    everything = region.pool(np.random.default_rng(1), region.space.size)
    all_gains = np.stack(
        [
            1 - everything.quantities[q] / reference[n]
            for n, q in zip(objectives, ("energy_uj", "area_mm2"), strict=True)
        ],
        axis=1,
    )
    points = np.zeros((0, 2))
    for chosen in genes:
        best = max(hypervolume(np.vstack([points, row])) for row in all_gains)
        quantities = region.assess(chosen[None]).quantities
        own = [
            1 - quantities[q][0] / reference[n]
            for n, q in zip(objectives, ("energy_uj", "area_mm2"), strict=True)
        ]
        points = np.vstack([points, own])
        assert hypervolume(points) == pytest.approx(best)


def test_one_objective_is_enough():
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, ["accuracy"])
    run(study, region, ["accuracy"], 20)
    everything = region.pool(np.random.default_rng(1), region.space.size)
    best = max(quality(region, genes[None]) for genes in everything.genes)
    assert study.best_value == pytest.approx(best)


def test_networks_in_flight_are_taken_into_account():
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, OBJECTIVES)
    run(study, region, OBJECTIVES, 12)
    one = region.space.suggest(study.ask())[0]
    sampler = study.sampler
    assert isinstance(sampler, HardwareAwareSampler)
    other = region.space.suggest(study.ask())[0]
    again = new_study(region, OBJECTIVES)
    again.add_trials(study.trials[:12])
    assert np.array_equal(region.space.suggest(again.ask())[0], one)
    keys = region.assess(np.stack([one, other])).keys(np.arange(2))
    assert keys[0] != keys[1]


def test_a_study_goes_on_from_its_trials_alone():
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, OBJECTIVES)
    run(study, region, OBJECTIVES, 10)
    again = new_study(region, OBJECTIVES)
    again.add_trials(study.trials)
    more = run(again, region, OBJECTIVES, 3)
    keys = region.assess(np.array(more)).keys(np.arange(3))
    known = region.assess(np.concatenate([region.space.genes(t.params) for t in study.trials]))
    assert not set(keys) & set(known.keys(np.arange(10)))


# Spike rates


def with_rates(region: FeasibleRegion, rate: float, trials: int) -> optuna.Study:
    """Return a study of accuracy whose networks were all measured to fire at one rate."""
    study = new_study(region, ["accuracy"])
    for _ in range(trials):
        trial = study.ask()
        genes = region.space.suggest(trial)
        workload = region.assess(genes).workload
        firing = [s.name for r, s in enumerate(workload.slots) if workload.neurons[r, 0] > 0]
        rates = dict.fromkeys(firing, rate)
        at = {name: np.array([value]) for name, value in rates.items()}
        measured = region.assess(genes, rates=at)
        trial.set_user_attr(SPIKE_RATES, rates)
        trial.set_user_attr(TRAINED_ACCURACY, quality(region, genes))
        if measured.feasible[0]:
            study.tell(trial, quality(region, genes))
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return study


def test_it_learns_what_will_break_the_budget_when_measured():
    wide = region_of(budget={"area_mm2": 3}, hardware=CIM, **SMALL)
    spikes = wide.pool(np.random.default_rng(0), 2000).quantities["spikes"]
    region = region_of(
        budget={"spikes": float(np.median(spikes)), "area_mm2": 3}, hardware=CIM, **SMALL
    )
    study = with_rates(region, 0.15, 16)
    pool = region.pool(np.random.default_rng(0), 2000)
    firing = {
        slot.name: np.full(len(pool), 0.15) for slot in region.assess(pool.genes).workload.slots
    }
    assert region.assess(pool.genes, rates=firing).feasible.mean() < 0.8
    over = [t.state == optuna.trial.TrialState.PRUNED for t in study.trials]
    stated = [t.user_attrs.get(FEASIBLE_PROBABILITY) for t in study.trials]
    assert any(over[:8])
    assert not any(over[8:])
    assert all(p is not None and 0 <= p <= 1 for p in stated[8:])


def test_without_measured_rates_what_it_computes_is_certain():
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, OBJECTIVES)
    run(study, region, OBJECTIVES, 6)
    assert study.trials[-1].user_attrs[FEASIBLE_PROBABILITY] == 1.0


# Where things go wrong


def test_failures_teach_where_not_to_look():
    region = region_of(budget=BUDGET, hardware=CIM, **SMALL)
    study = new_study(region, OBJECTIVES)
    failed = []
    for _ in range(24):
        trial = study.ask()
        genes = region.space.suggest(trial)
        network = region.space.decode(genes)[0].canonical()
        failed.append(network.cell_a.count("conv3x3") < 2)
        if failed[-1]:
            trial.set_user_attr(REASON, "dead network")
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            energy = float(region.assess(genes).quantities["energy_uj"][0])
            study.tell(trial, [quality(region, genes), energy])
    in_a_row = max(len(list(run)) for fails, run in itertools.groupby(failed) if fails)
    assert in_a_row < 5  # the search loop gives up at that


def test_where_nothing_fits_it_says_so():
    region = region_of(budget={"area_mm2": 1e-6}, hardware=CIM, **SMALL)
    sampler = make_sampler("hardware-aware", region, 0, ["accuracy"], {"accuracy": 0.0})
    study = optuna.create_study(direction="maximize", sampler=sampler)
    with pytest.raises(InfeasibleSpaceError):
        region.space.suggest(study.ask())


def test_costs_of_images_and_of_spikes_are_known_side_by_side():
    space = SMALL["space"] | {"coding": ["direct", "rate"]}
    region = region_of(budget={"area_mm2": 3}, hardware=CIM, space=space)
    genes = region.pool(np.random.default_rng(0), 20).genes
    coded = region.assess(genes).networks.coding == 1
    assert 0 < coded.sum() < len(genes)
    rates = {"input": np.where(coded, 0.3, np.nan)}
    together = region.assess(genes, rates=rates).quantities["energy_uj"]
    alone = [
        float(
            region.assess(g[None], rates={n: r[[i]] for n, r in rates.items()}).quantities[
                "energy_uj"
            ][0]
        )
        for i, g in enumerate(genes)
    ]
    assert not np.isnan(together).any()
    assert together == pytest.approx(alone)
