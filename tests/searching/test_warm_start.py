"""Studies that learn from other studies of their database."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import optuna
import pytest

from neuronas.architecture import Architecture
from neuronas.config import StudyConfig
from neuronas.errors import ConfigError
from neuronas.records import CandidateState, Evaluation, EvaluationKey, Rung
from neuronas.searching import FeasibleRegion, load_result
from neuronas.searching.choosing import make_sampler
from neuronas.searching.history import History, Trained
from neuronas.searching.population import Population
from neuronas.searching.question import Question
from tests.searching import fakes
from tests.searching.fakes import (
    BUDGET,
    FakeEvaluator,
    run,
    study_config,
    trials_of,
    without_fsync,
)
from tests.searching.test_region import TINY, TINY_BUDGET

SPACE = {
    "operations": ["zeroize", "skip", "conv3x3"],
    "channels": [2, 4, 8],
    "time_steps": [1, 2],
}


class Learnable(FakeEvaluator):
    """Accuracy grows with the 3x3 convolutions, the same with any seed."""

    def evaluate(
        self, architecture: Architecture, key: EvaluationKey, since: Rung | None = None
    ) -> Evaluation:
        found = super().evaluate(architecture, key, since)
        score = 0.3 + 0.1 * architecture.canonical().cell_a.count("conv3x3")
        object.__setattr__(found, "validation_accuracy", score)
        return found


def warm(name: str = "warm", *sources: str, **changes: object) -> StudyConfig:
    search = {"sampler": "hardware-aware", "trials": 4, "seed": 7, "warm_start": [*sources]}
    search |= changes.pop("search", {})
    return study_config(**{"name": name, "space": SPACE, "search": search} | changes)


def accuracies(url: str, name: str) -> list[float]:
    return [t.evaluation.validation_accuracy for t in trials_of(url, name).values()]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a database with a study of 24 random networks."""
    folder = tmp_path_factory.mktemp("first")
    config = study_config(name="first", space=SPACE, search={"trials": 24})
    with without_fsync():
        run(config, f"sqlite:///{folder}/neuronas.db", Learnable())
    return folder


@pytest.fixture
def searched(first: Path, tmp_path: Path) -> str:
    """Return the URL of a copy of it."""
    shutil.copytree(first, tmp_path / "copy")
    return f"sqlite:///{tmp_path}/copy/neuronas.db"


def test_the_first_networks_of_a_warm_study_are_chosen_knowingly(searched):
    told = []
    for config in (
        warm("cold", objectives=["accuracy"]),
        warm("warm", "first", objectives=["accuracy"]),
    ):
        run(config, searched, Learnable(), listener=lambda p: told.append(p.message))
    assert "searching" in told
    assert "searching; 24 networks of other studies are learned from" in told
    cold, warmed = (accuracies(searched, name)[:2] for name in ("cold", "warm"))
    assert np.mean(warmed) > np.mean(cold) + 0.05


def test_networks_of_other_studies_are_on_no_front_of_this_one(searched):
    before = load_result(searched, "first"), trials_of(searched, "first")
    result = run(warm("warm", "first"), searched, Learnable())
    assert len(trials_of(searched, "warm")) == 4
    assert {t.candidate.trial_number for t in result.front} <= set(range(4))
    assert result.study.counts["trained"] == 4
    assert (load_result(searched, "first"), trials_of(searched, "first")) == before


def test_known_networks_stay_proposable_and_cost_no_training_with_the_same_seed(url):
    whole = {"space": TINY, "budget": TINY_BUDGET}
    first = run(study_config(name="first", search={"trials": 999}, **whole), url)
    assert first.study.state == "exhausted"
    evaluator = FakeEvaluator()
    second = run(warm("warm", "first", search={"seed": 1}, **whole), url, evaluator)
    assert second.study.counts["reused"] == first.study.counts["trained"]
    assert evaluator.trained == []
    assert second.hypervolume == first.hypervolume


def test_networks_that_broke_a_budget_are_learned_from_too(url):
    config = study_config(name="first", objectives=["accuracy", "spikes"], budget={"spikes": 150.0})
    run(config, url)
    states = {trial.state for trial in trials_of(url, "first").values()}
    assert states == {CandidateState.COMPLETE, CandidateState.EXCEEDED}
    told = []
    config = warm("warm", "first", space=fakes.SPACE, search={"trials": 1})
    run(config, url, listener=lambda p: told.append(p.message))
    assert told[0] == "searching; 8 networks of other studies are learned from"


def test_networks_outside_the_space_are_counted_and_each_training_once(searched):
    again = study_config(name="again", space=SPACE, search={"trials": 1})
    run(again, searched, Learnable())  # reuses some
    inside = [t for t in trials_of(searched, "first").values() if _channels(t) != 8]
    told = []
    run(
        warm("warm", "first", "again", space=SPACE | {"channels": [2, 4]}),
        searched,
        Learnable(),
        listener=lambda p: told.append(p.message),
    )
    known = len(inside) + sum(
        t.newly_trained and _channels(t) != 8 for t in trials_of(searched, "again").values()
    )
    left_out = 25 - known
    assert 0 < left_out < 25
    assert told[0] == (
        f"searching; {known} networks of other studies are learned from, {left_out} are not: "
        "outside this study's space, or trained otherwise"
    )


def _channels(trial) -> int:
    return trial.candidate.architecture.channels


def test_networks_that_were_trained_with_other_data_are_left_out(searched):
    told = []
    run(
        warm("warm", "first"),
        searched,
        FakeEvaluator(data="other"),
        listener=lambda p: told.append(p.message),
    )
    assert told[0].startswith("searching; 0 networks of other studies are learned from, 24 are not")


def test_a_study_that_was_trained_otherwise_is_refused(searched):
    evaluator = FakeEvaluator()
    changed = warm("warm", "first", training={"epochs": 3, "isolate": True})
    with pytest.raises(ConfigError) as caught:
        run(changed, searched, evaluator)
    problems = caught.value.problems
    assert problems[0].startswith("search.warm_start: networks of study 'first' were trained")
    assert problems[1:-1] == ("training.epochs: stored 10, file 3",)
    assert evaluator.calls == []


def test_an_unknown_study_is_told_which_there_are(searched):
    with pytest.raises(ConfigError, match=r"no study 'second' in .*; studies there: first; search"):
        run(warm("warm", "second"), searched)


def test_a_study_does_not_start_from_itself(searched):
    with pytest.raises(ConfigError, match="'warm' is the study itself"):
        run(warm("warm", "warm"), searched)


def test_other_samplers_learn_from_their_own_study_alone():
    with pytest.raises(ConfigError, match=r"search\.warm_start: sampler 'tpe' learns from its own"):
        warm("warm", "first", search={"sampler": "tpe"})


def test_a_training_that_was_taken_over_counts_once(searched):
    run(study_config(name="again", space=SPACE, search={"trials": 1}), searched)
    config = study_config(space=SPACE)
    space = FeasibleRegion.of(config).space
    elsewhere = [
        Trained(space.encode(t.candidate.architecture)[0], t.evaluation.validation_accuracy, {})
        for t in trials_of(searched, "first").values()
    ]
    history = History(space, config.objectives, elsewhere)
    history.read(optuna.load_study(study_name="again", storage=searched).trials, number=-1)
    reused = load_result(searched, "again").study.counts["reused"]
    assert reused > 0
    assert len(history.elsewhere) == 24 - reused


def test_known_networks_are_candidates_of_a_space_too_large_to_be_looked_at_whole():
    space = {"cells": "distinct", "channels": [2, 4, 8], "time_steps": [1, 2]}
    config = study_config(space=space, budget=BUDGET)
    region = FeasibleRegion.of(config)
    genes = region.draw(np.random.default_rng(3), lambda _: True)
    question = Question(region, config.objectives, {"accuracy": 0.0, "energy": 0.25})
    sampler = make_sampler("hardware-aware", region, 0, config.objectives, question.reference)
    population = Population(question, 0, [genes])
    beliefs = sampler._learned([], population.seen([]), 0)
    key = region.assess(genes[None]).keys(np.arange(1))[0]
    for may, found in ((True, 1), (False, 0)):
        population = Population(question, 0, [genes])
        candidates = population.renewed(
            np.random.default_rng(0), [], beliefs, lambda k, may=may: may or k != key
        )
        assert candidates.keys.count(key) == found
