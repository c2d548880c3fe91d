"""Samplers behind the gate, in plain Optuna studies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler

from neuronas.architecture import Architecture, training_digest
from neuronas.errors import InfeasibleSpaceError, SpaceExhaustedError
from neuronas.hardware import estimate
from neuronas.searching import FeasibleRegion, GatedSampler
from neuronas.searching.samplers import SAMPLERS
from tests.searching.fakes import CHEAP, CHEAP_TOO, CHIP, TOO_DEAR, study_config
from tests.searching.test_region import TINY, TINY_BUDGET, brute_force, reasons

EVERY_SAMPLER = pytest.mark.parametrize("base", sorted(SAMPLERS.keys() - {"gp"}))
"""But the Gaussian process, which takes seconds per proposal on a busy machine."""
TPE_STARTUP = 10
"""Trials after which TPE proposes anything of its own."""


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def sampler_of(base: str, seed: int = 0, **changes: object) -> GatedSampler:
    return GatedSampler(FeasibleRegion.of(study_config(**changes)), seed, SAMPLERS[base])


def new_study(sampler: GatedSampler) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def network_of(region: FeasibleRegion, trial: optuna.trial.FrozenTrial) -> Architecture:
    return region.space.decode(region.space.genes(trial.params))[0]


def optimize(study: optuna.Study, trials: int) -> list[Architecture]:
    """Run a study as any user of Optuna would; return all its networks so far."""
    region = study.sampler.region

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        network = region.space.decode(region.space.suggest(trial))[0]
        return score(network), estimate(network, chip=CHIP).energy_pj / 1e6

    study.optimize(objective, n_trials=trials)
    return [network_of(region, trial) for trial in study.trials]


def score(network: Architecture) -> float:
    """Prefer many 1x1 convolutions: something that a sampler can learn."""
    return network.canonical().cell_a.count("conv1x1") / 6


def digests(networks: list[Architecture]) -> list[str]:
    return [training_digest(network, {}) for network in networks]


@EVERY_SAMPLER
@pytest.mark.parametrize("seed", [0, 1])
def test_optimize_proposes_only_feasible_networks_and_each_once(base, seed):
    sampler = sampler_of(base, seed, budget={"energy_uj": 0.2, "area_mm2": 0.62})
    found = optimize(new_study(sampler), 40)
    assert len(set(digests(found))) == 40
    for network in found:
        assert reasons(sampler.region, sampler.region.space.encode(network)[0]) == set()


@EVERY_SAMPLER
def test_equal_seeds_propose_equal_networks_and_others_do_not(base):
    one, same, other = (
        optimize(new_study(sampler_of(base, seed)), TPE_STARTUP + 8) for seed in (3, 3, 4)
    )
    assert one == same
    assert one != other
    assert len(set(digests(one)) & set(digests(other))) < len(one) / 2


@EVERY_SAMPLER
def test_a_restart_neither_repeats_nor_shifts_a_draw(base):
    uninterrupted = optimize(new_study(sampler_of(base)), TPE_STARTUP + 14)
    study = new_study(sampler_of(base))
    optimize(study, TPE_STARTUP - 3)
    study.sampler = sampler_of(base)
    optimize(study, 10)
    study.sampler = sampler_of(base)
    assert optimize(study, 7) == uninterrupted


@EVERY_SAMPLER
def test_a_reservation_changes_no_proposal(base):
    expected = optimize(new_study(sampler_of(base)), TPE_STARTUP + 5)
    study = new_study(sampler_of(base))
    for _ in range(TPE_STARTUP + 5):
        study.sampler.reserve(study)
        optimize(study, 1)
    assert [network_of(study.sampler.region, trial) for trial in study.trials] == expected


def test_every_draw_is_tallied_once_whether_it_was_reserved_or_not():
    drawn = []
    for reserving in (False, True):
        study = new_study(sampler_of("random"))
        for _ in range(6):
            if reserving:
                study.sampler.reserve(study)
            optimize(study, 1)
        drawn.append(study.sampler.region.take_tally())
    assert drawn[0].drawn == drawn[1].drawn
    assert +drawn[0].rejected == +drawn[1].rejected


def test_tpe_is_random_until_it_has_seen_enough_and_then_goes_its_own_way():
    random, tpe = (optimize(new_study(sampler_of(base)), 30) for base in ("random", "tpe"))
    assert tpe[:TPE_STARTUP] == random[:TPE_STARTUP]
    assert tpe[TPE_STARTUP:] != random[TPE_STARTUP:]


def test_gp_proposes_feasible_networks_once_and_the_same_again():
    one, same, random = (
        optimize(new_study(sampler_of(base)), TPE_STARTUP + 2) for base in ("gp", "gp", "random")
    )
    assert one == same
    assert one[:TPE_STARTUP] == random[:TPE_STARTUP]
    assert len(set(digests(one))) == len(one)


class _Leaving(RandomSampler):
    """A sampler that leaves a parameter to a draw of its own, as genetic ones do to mutate it."""

    drawn: ClassVar[list[str]] = []

    def sample_relative(self, study, trial, search_space):
        return {name: choices.choices[-1] for name, choices in list(search_space.items())[1:]}

    def sample_independent(self, study, trial, param_name, param_distribution):
        self.drawn.append(param_name)
        return super().sample_independent(study, trial, param_name, param_distribution)


def test_what_a_base_sampler_leaves_out_it_is_asked_for():
    sampler = sampler_of("random", budget={})
    sampler._base = lambda seed: _Leaving(seed=seed)
    optimize(new_study(sampler), 1)
    assert set(_Leaving.drawn) == {sampler.region.space.searched[0].name}


POPULATION = 8


def of_small_populations(base: str) -> GatedSampler:
    made = sampler_of(base)
    made._base = lambda seed: type(SAMPLERS[base](seed))(population_size=POPULATION, seed=seed)
    return made


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("base", ["nsga2", "nsga3"])
def test_generations_outlive_the_process(base):
    """A process goes on with the generation that another began, and with its parents."""
    uninterrupted = new_study(of_small_populations(base))
    expected = optimize(uninterrupted, 3 * POPULATION)
    study = new_study(of_small_populations(base))
    for trials in (POPULATION - 2, POPULATION, POPULATION + 2):
        study.sampler = of_small_populations(base)
        found = optimize(study, trials)
    assert found == expected
    asked = of_small_populations(base)._base(0)
    for number in range(3):
        generation = [trial.number for trial in asked.get_population(study, number)]
        assert generation == list(range(number * POPULATION, (number + 1) * POPULATION))
    parents = [trial.number for trial in asked.get_parent_population(study, 2)]
    assert parents == [t.number for t in asked.get_parent_population(uninterrupted, 2)]
    assert set(parents) <= set(range(2 * POPULATION))
    random = optimize(new_study(sampler_of("random")), 3 * POPULATION)
    assert found[:POPULATION] == random[:POPULATION]
    assert not set(digests(found[POPULATION:])) <= set(digests(random))


def test_tpe_learns_what_scores():
    wide = {"energy_uj": 1.0}
    random, tpe = (
        optimize(new_study(sampler_of(base, budget=wide)), 60) for base in ("random", "tpe")
    )
    assert np.mean([score(n) for n in tpe[20:]]) > 1.3 * np.mean([score(n) for n in random[20:]])


@EVERY_SAMPLER
@pytest.mark.parametrize("enqueued", [CHEAP, TOO_DEAR], ids=["feasible", "over budget"])
def test_an_enqueued_trial_goes_through_untouched(base, enqueued):
    study = new_study(sampler_of(base))
    optimize(study, TPE_STARTUP + 2)
    space = study.sampler.region.space
    study.enqueue_trial(space.values(space.encode(enqueued)[0]))
    found = optimize(study, 3)
    assert found[TPE_STARTUP + 2] == enqueued
    assert len(set(digests(found))) == len(found)


def test_a_network_proposed_before_is_not_refused_when_enqueued_again():
    study = new_study(sampler_of("random"))
    found = optimize(study, 3)
    study.enqueue_trial(study.trials[1].params)
    assert optimize(study, 1)[3] == found[1]


def test_a_network_is_recognized_whatever_genotype_it_came_from():
    """Two genotypes of one network; with one of them known, the region holds nothing else."""
    sampler = sampler_of(
        "random",
        space={"operations": ["zeroize", "skip", "conv3x3"], "channels": 2, "time_steps": 1},
        budget={"parameters": float(estimate(CHEAP, chip=CHIP).parameters), "energy_uj": 10.0},
    )
    space = sampler.region.space
    everything = sampler.region.assess(space.enumerate(0, space.size))
    feasible = {
        training_digest(everything.networks[i], {}) for i in everything.feasible.nonzero()[0]
    }
    study = new_study(sampler)
    study.enqueue_trial(space.values(space.encode(CHEAP_TOO)[0]))
    found = optimize(study, len(feasible))
    assert set(digests(found)) == feasible
    assert training_digest(CHEAP, {}) in feasible
    assert CHEAP not in found


@EVERY_SAMPLER
def test_a_space_is_exhausted_after_exactly_its_feasible_networks(base):
    sampler = sampler_of(base, space=TINY, budget=TINY_BUDGET)
    feasible = brute_force(sampler.region)
    study = new_study(sampler)
    found = optimize(study, len(feasible))
    assert set(digests(found)) == set(feasible)
    with pytest.raises(SpaceExhaustedError, match="every feasible network"):
        sampler.reserve(study)
    with pytest.raises(SpaceExhaustedError, match="no unseen feasible network is left"):
        optimize(study, 1)


@EVERY_SAMPLER
def test_an_enqueued_trial_runs_in_an_exhausted_space(base):
    study = new_study(sampler_of(base, space={"operations": "skip", "channels": [2, 4]}, budget={}))
    optimize(study, 2)
    study.enqueue_trial({"channels": 4})
    assert [network.channels for network in optimize(study, 1)][2] == 4


def test_a_reservation_in_an_empty_region_says_why():
    sampler = sampler_of("tpe", budget={"energy_uj": 1e-6})
    with pytest.raises(InfeasibleSpaceError, match="energy_uj binds"):
        sampler.reserve(new_study(sampler))


def test_a_parameter_from_elsewhere_is_refused():
    study = new_study(sampler_of("random"))
    with pytest.raises(ValueError, match="'dropout' is not a parameter of the search space"):
        study.ask().suggest_float("dropout", 0.0, 1.0)


def test_the_samplers_are_those_that_a_study_may_name():
    for name in SAMPLERS:
        assert study_config(search={"sampler": name}).search.sampler == name
