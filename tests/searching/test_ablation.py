"""What operations are worth: paired draws, intervals, and trainings that are done once."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from neuronas.architecture import Architecture, training_digest
from neuronas.errors import ConfigError, InfeasibleSpaceError, RepeatedFailureError
from neuronas.records import Evaluation, EvaluationKey
from neuronas.report import ablation_table
from neuronas.searching import Ablated, FeasibleRegion, ablate
from neuronas.searching.changes import Sample, change_of_mean, relative_change_of_mean
from neuronas.searching.coupling import SURVEYED, draw_arms, without
from neuronas.searching.seeds import training_seed
from neuronas.storage import Repository
from tests.searching.fakes import (
    DiedError,
    FakeEvaluator,
    evaluated_by,
    evaluation,
    failing,
    raising,
    rows,
    run,
    study_config,
)
from tests.searching.test_region import network, reasons, region_of

OPERATIONS = ["zeroize", "skip", "conv3x3"]
SPACE = {"operations": OPERATIONS, "channels": [2, 4], "time_steps": 1}
BUDGET = {"parameters": 800.0}


class _LikesConvolutions(FakeEvaluator):
    """Accuracy rises with the live edges that hold a convolution."""

    def evaluate(self, architecture: Architecture, key: EvaluationKey) -> Evaluation:
        self.calls.append(key)
        live = architecture.canonical().cell_a.count("conv3x3")
        return replace(evaluation(key), validation_accuracy=0.2 + 0.1 * live)


def config_of(**changes: object):
    return study_config(**({"space": SPACE, "budget": BUDGET} | changes))


def ablated_by(evaluator: FakeEvaluator, url: str, **options: object) -> dict[str, Ablated]:
    config = options.pop("config", config_of())
    with evaluated_by(evaluator):
        found = ablate(config, storage=url, **({"networks": 8} | options))
    return {one.removed: one for one in found}


# Drawing


def test_a_removed_operation_is_replaced_evenly_and_nothing_else_changes():
    space = region_of(space=SPACE).space
    genes = space.sample(np.random.default_rng(0), 4000)
    changed = without(space, genes, "skip", np.random.default_rng(1))
    edges = ["->" in p.name for p in space.parameters]
    skip = OPERATIONS.index("skip")
    assert not (changed[:, edges] == skip).any()
    replaced = (genes == skip) & np.array(edges)
    assert (changed == genes)[~replaced].all()
    zeroized = (changed[replaced] == OPERATIONS.index("zeroize")).mean()
    assert zeroized == pytest.approx(0.5, abs=0.02)


def test_arms_hold_networks_that_fit_and_those_of_one_place_differ_by_the_operation_alone():
    region = region_of(space=SPACE, budget=BUDGET)
    whole, *reduced = draw_arms(region, OPERATIONS, 0, 40)
    assert [arm.removed for arm in reduced] == OPERATIONS
    base = dict(zip(whole.places.tolist(), whole.genes, strict=False))
    for arm in (whole, *reduced):
        assert arm.drawn == SURVEYED
        assert len(arm.genes) == 40
        assert all(reasons(region, genes) == set() for genes in arm.genes)
        pairs = [
            (g, base[p]) for p, g in zip(arm.places.tolist(), arm.genes, strict=False) if p in base
        ]
        assert len(pairs) >= 10
        for genes, paired in pairs:
            before, after = network(region, paired).cell_a, network(region, genes).cell_a
            assert arm.removed not in after
            assert all(b in (a, arm.removed) for a, b in zip(after, before, strict=True))


def test_reduced_spaces_are_drawn_as_if_they_were_the_study():
    """The share that fits, and the mean cost, are those of a study without the operation."""
    region = region_of(space=SPACE, budget=BUDGET)
    for arm in draw_arms(region, OPERATIONS, 0, 2)[1:]:
        left = [name for name in OPERATIONS if name != arm.removed]
        other = region_of(space=SPACE | {"operations": left}, budget=BUDGET)
        everything = other.assess(other.space.enumerate(0, other.space.size))
        share = everything.feasible.mean()
        assert len(arm.places) / arm.drawn == pytest.approx(share, abs=0.02)
        for name, cost in arm.costs.items():
            expected = everything.quantities[name][everything.feasible].mean()
            assert cost.mean == pytest.approx(expected, rel=0.03), (arm.removed, name)


def test_too_few_that_fit_are_an_error():
    region = region_of(space=SPACE, budget={"parameters": 100.0})
    with pytest.raises(InfeasibleSpaceError, match="0 of 131,072 random networks fit"):
        draw_arms(region, ["skip"], 0, 2)


# Intervals


def test_intervals_hold_the_true_change_as_often_as_they_say():
    source = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        common = source.normal(size=30)
        before = Sample(common[:20] + source.normal(size=20), np.arange(20))
        after = Sample(0.5 + common[10:] + source.normal(size=20), np.arange(10, 30))
        change = change_of_mean(before, after)
        held += abs(change.value - 0.5) <= change.error
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_what_pairs_share_is_no_error():
    values = np.random.default_rng(0).normal(10, 3, size=12)
    paired = change_of_mean(Sample(values, np.arange(12)), Sample(values + 1, np.arange(12)))
    alone = change_of_mean(Sample(values, np.arange(12)), Sample(values + 1, np.arange(12, 24)))
    assert paired.value == alone.value == pytest.approx(1)
    assert paired.error == pytest.approx(0, abs=1e-6)
    assert alone.error > 1
    relative = relative_change_of_mean(
        Sample(values, np.arange(12)), Sample(1.5 * values, np.arange(12))
    )
    assert (relative.value, relative.error) == (pytest.approx(0.5), pytest.approx(0, abs=1e-6))


def test_one_value_has_no_interval():
    one, two = (Sample(np.ones(n), np.arange(n)) for n in (1, 2))
    assert change_of_mean(one, two) is None
    assert relative_change_of_mean(Sample(np.ones(0), np.arange(0)), two) is None


# The whole command


def test_the_operation_that_accuracy_comes_from_is_found(url):
    found = ablated_by(_LikesConvolutions(), url, networks=24)
    assert list(found) == [None, *OPERATIONS]
    loss = found["conv3x3"].accuracy_change
    assert loss.value + loss.error < 0
    assert found["conv3x3"].accuracy == pytest.approx(0.2)
    gain = found["skip"].accuracy_change
    assert gain.value - gain.error > 0
    assert found["conv3x3"].cost_changes["parameters"].value < 0
    assert found["conv3x3"].fit_share > found[None].fit_share


def test_equal_networks_are_trained_once_and_the_first_seed_is_the_searchs(url):
    evaluator = FakeEvaluator()
    config = config_of()
    ablated_by(evaluator, url, seeds=2, config=config)
    assert len(evaluator.trained) == len(set(evaluator.trained))
    for index in range(2):
        keys = [k for k in evaluator.trained if k.seed == training_seed(1, k.digest, index)]
        assert len(keys) == len(evaluator.trained) / 2
    region = FeasibleRegion.of(config)
    arms = draw_arms(region, OPERATIONS, config.search.seed, 8)
    networks = [network(region, genes) for arm in arms for genes in arm.genes]
    assert {k.digest for k in evaluator.trained} == {
        training_digest(n, evaluator.context()) for n in networks
    }


def test_a_stopped_ablation_goes_on_and_a_search_trains_nothing_again(url):
    died = FakeEvaluator(raising(DiedError(), 10))
    with pytest.raises(DiedError):
        ablated_by(died, url)
    again, whole = FakeEvaluator(), FakeEvaluator()
    found = ablated_by(again, url)
    assert found == ablated_by(whole, url + "-whole")
    assert died.trained + again.trained == whole.trained
    searching = FakeEvaluator()
    run(config_of(), url, searching, trials=20)
    assert not set(searching.trained) & set(whole.trained)
    with Repository(url) as repository:
        assert repository.study("test").counts["reused"] > 0


def test_an_ablated_study_is_stored_and_tells_that_nothing_was_searched(url):
    ablated_by(FakeEvaluator(), url)
    assert [row["state"] for row in rows(url, "SELECT state FROM neuronas_studies")] == [
        "not searched"
    ]
    with pytest.raises(ConfigError, match="stored with another question"):
        ablated_by(FakeEvaluator(), url, config=config_of(budget={"parameters": 900.0}))


def test_what_cannot_be_trained_is_counted_and_left_out(url):
    found = ablated_by(FakeEvaluator(failing(1)), url)
    assert found[None].failed >= 1
    assert found[None].networks == 8
    with pytest.raises(RepeatedFailureError, match="5 trainings failed in a row"):
        ablated_by(FakeEvaluator(failing(*range(50))), url + "-other")


@pytest.mark.parametrize("operations", [["skip"], ["zeroize", "skip"]])
def test_a_space_of_one_operation_that_connects_has_none_to_remove(url, operations):
    config = config_of(space=SPACE | {"operations": operations})
    if len(operations) == 1:
        with pytest.raises(ConfigError, match=r"space\.operations: found skip; an ablation"):
            ablated_by(FakeEvaluator(), url, config=config)
    else:
        assert list(ablated_by(FakeEvaluator(), url, config=config)) == [None, "zeroize"]


def test_the_table_has_a_row_per_space_and_json_full_precision(url):
    found = ablated_by(_LikesConvolutions(), url)
    table = ablation_table(list(found.values()))
    first, *others = json.loads(table.render("json"))
    assert first["removed"] == "nothing"
    assert first["accuracy_change"] is None
    for row, one in zip(others, list(found.values())[1:], strict=True):
        assert row["accuracy_change"] == one.accuracy_change.value
        assert row["accuracy_error"] == one.accuracy_change.error
        assert row["energy_uj_change"] == one.cost_changes["energy_uj"].value
        assert row["energy_uj"] == one.costs["energy_uj"]
    assert "±" in table.render("table")
