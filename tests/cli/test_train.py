"""``neuronas train``: networks of a study, to completion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from neuronas.architecture import Architecture, Networks, Workload
from neuronas.records import Evaluation, EvaluationKey
from neuronas.storage import Repository
from tests.searching.fakes import FakeEvaluator, evaluated_by, evaluation, failing

RATE = 0.25


class Measuring(FakeEvaluator):
    """Measures a spike rate of each layer that fires."""

    def evaluate(self, architecture: Architecture, key: EvaluationKey) -> Evaluation:
        table = Workload.of(Networks.of([architecture]))
        firing = [s.name for row, s in enumerate(table.slots) if table.neurons[row, 0]]
        return replace(super().evaluate(architecture, key), spike_rates=dict.fromkeys(firing, RATE))


@pytest.fixture
def final(searched) -> Iterator[Measuring]:
    """An evaluator of final trainings, beside a finished study."""
    fake = Measuring()
    with evaluated_by(fake):
        yield fake


def front_of() -> list[int]:
    with Repository("sqlite:///neuronas.db") as repository:
        return [trial.candidate.trial_number for trial in repository.front("tiny")]


def test_the_front_is_trained_with_seeds_of_its_own(run, final):
    done = run("train", "tiny", "--epochs", 40, "--seeds", 2, "--format", "json")
    rows = json.loads(done.out)
    assert done.code == 0
    assert sorted(row["trial"] for row in rows) == sorted(front_of())
    assert len(final.trained) == len(set(final.trained)) == 2 * len(rows)
    assert {key.epochs for key in final.trained} == {40}
    with Repository("sqlite:///neuronas.db") as repository:
        searched_with = {t.evaluation.key.seed for t in repository.trials("tiny") if t.evaluation}
        assert not searched_with & {key.seed for key in final.trained}
        for row, keys in zip(rows, zip(*[iter(final.trained)] * 2, strict=True), strict=True):
            found = [repository.find_evaluation(key) for key in keys]
            tests = [evaluation.test_accuracy for evaluation in found]
            assert row["test_accuracy"] == pytest.approx(sum(tests) / 2)
            assert (row["test_worst"], row["test_best"]) == (min(tests), max(tests))
            assert row["test_deviation"] == pytest.approx(abs(tests[0] - tests[1]) / 2**0.5)
    assert done.err.count("trained in") == len(final.trained)


def test_weights_of_each_seed_are_told(run, final):
    number = front_of()[0]
    command = ("train", "tiny", number, "--epochs", 40, "--seeds", 2, "--checkpoint-dir", "here")
    done = run(*command, "--format", "json")
    (row,) = json.loads(done.out)
    assert [found["seed"] for found in row["runs"]] == [key.seed for key in final.trained]
    for found, key in zip(row["runs"], final.trained, strict=True):
        expected = evaluation(key)
        assert found["weights"] == f"here/{expected.weights_path}"
        assert f"weights {found['weights']}" in done.err
        assert found["validation_accuracy"] == expected.validation_accuracy
        assert found["test_accuracy"] == expected.validation_accuracy / 2
    with Repository("sqlite:///neuronas.db") as repository:
        network = repository.find_trial("tiny", number).candidate.architecture
    assert Architecture.from_json(row["genotype"]) == network


def test_the_table_is_narrow_and_csv_has_all_figures(run, final):
    command = ("train", "tiny", "--epochs", 40, "--seeds", 2, "--post-training")
    done = run(*command)
    assert "Final training of 'tiny': 40 epochs, 2 seeds" in done.out
    assert max(map(len, done.out.splitlines())) <= 135
    assert " ± " in done.out
    header = run(*command, "--format", "csv").out.splitlines()[0].split(",")
    assert {"epochs", "test_deviation", "test_worst", "post_training_deviation"} <= set(header)


@pytest.mark.parametrize(("epochs", "told"), [(6, True), (10, False)])
def test_fewer_epochs_than_the_searchs_are_told(run, final, epochs, told):
    done = run("train", "tiny", front_of()[0], "--epochs", epochs, "--seeds", 1)
    assert ("the search trained for 10 epochs, longer than these" in done.err) is told


def test_what_is_trained_is_stored_and_only_the_rest_trained(run, final, evaluator):
    number = front_of()[0]
    stopped = Measuring(failing(2))
    with evaluated_by(stopped):
        done = run("train", "tiny", number, "--epochs", 9, "--seeds", 3)
    assert done.code != 0
    assert f"it is trial {number}; what was trained before is stored" in done.err
    again = run("train", "tiny", number, "--epochs", 9, "--seeds", 3, "--format", "json")
    assert len(stopped.trained), len(final.trained) == (1, 2)
    assert "1/3: " in again.err
    assert again.err.count("reused") == 1
    (row,) = json.loads(again.out)
    assert (row["trial"], row["seeds"], row["epochs"]) == (number, 3, 9)
    once = run("train", "tiny", number, "--epochs", 9, "--seeds", 1, "--format", "json")
    assert json.loads(once.out)[0]["test_deviation"] is None


def test_cost_is_that_at_measured_spike_rates(run, folder, study, evaluator):
    study.write_text("dataset: digits\nspace: {channels: [4, 8]}\nsearch: {trials: 1}\n")
    assert run("search", study).code == 0
    with evaluated_by(Measuring()):
        (row,) = json.loads(run("train", "tiny", 0, "--epochs", 2, "--format", "json").out)
    (folder / "t.json").write_text(run("show", "tiny", 0, "--format", "json").out)
    there = run("estimate", "t.json", "--spike-rate", RATE, "--format", "json").out
    assert row["energy_uj"] * 1e6 == pytest.approx(json.loads(there)["energy_pj"])
    assert row["energy_uj"] > row["assumed_energy_uj"]


TWIN_KEYS = {
    f"{name}_{figure}"
    for name in ("full_precision", "post_training")
    for figure in ("accuracy", "deviation")
}


def test_twins_at_32_bits_have_the_same_seeds_and_stand_beside(run, final):
    number = front_of()[0]
    command = ("train", "tiny", number, "--epochs", 9, "--seeds", 2)
    (plain,) = json.loads(run(*command, "--format", "json").out)
    aware = list(final.trained)
    done = run(*command, "--post-training", "--format", "json")
    (row,) = json.loads(done.out)
    assert {key: row[key] for key in plain} == plain
    assert row.keys() - plain.keys() == TWIN_KEYS
    twins = final.trained[2:]
    assert [(key.epochs, key.seed) for key in twins] == [(key.epochs, key.seed) for key in aware]
    assert len({key.digest for key in aware + twins}) == 2
    tests = [evaluation(key).validation_accuracy / 2 for key in twins]
    assert row["full_precision_accuracy"] == pytest.approx(sum(tests) / 2)
    assert row["full_precision_deviation"] == pytest.approx(abs(tests[0] - tests[1]) / 2**0.5)
    assert row["post_training_accuracy"] == pytest.approx(sum(tests) / 4)
    assert row["post_training_deviation"] == pytest.approx(abs(tests[0] - tests[1]) / 8**0.5)
    with Repository("sqlite:///neuronas.db") as repository:
        network = repository.find_trial("tiny", number).candidate.architecture
    assert [(a, twin.key) for a, twin in final.quantized] == [(network, key) for key in twins]
    assert f"4/4: trial {number} at 32 bits, seed {twins[1].seed}: " in done.err


def test_twins_are_trained_once_and_told_in_the_table(run, final):
    command = ("train", "tiny", "--epochs", 9, "--seeds", 2, "--post-training")
    first = run(*command)
    trained = len(final.trained)
    again = run(*command)
    assert trained == len(final.trained) == 4 * len(front_of())
    assert again.err.count("reused") == trained
    assert again.out == first.out
    for title in ("at 32 bits", "quantized after"):
        assert title in first.out
        assert title not in run("train", "tiny", "--epochs", 9, "--seeds", 2).out


def test_a_twin_that_cannot_be_trained_is_named(run, final):
    number = front_of()[0]
    with evaluated_by(Measuring(failing(2))):
        done = run("train", "tiny", number, "--epochs", 9, "--post-training")
    assert done.code == 7
    assert f"it is trial {number} with weights of 32 bits; what was trained" in done.err


def test_a_network_of_32_bits_is_its_own_twin(run, folder, study, evaluator):
    study.write_text(
        "dataset: digits\nspace: {channels: [4, 8], weight_bits: 32}\nsearch: {trials: 1}\n"
        "hardware: {model: spikesim}\n"
    )
    assert run("search", study).code == 0
    with evaluated_by(Measuring()):
        done = run(
            "train", "tiny", 0, "--epochs", 2, "--seeds", 2, "--post-training", "--format", "json"
        )
    (row,) = json.loads(done.out)
    assert done.err.count("trained in") == 2
    for name in ("full_precision", "post_training"):
        assert row[f"{name}_accuracy"] == row["test_accuracy"]
        assert row[f"{name}_deviation"] == row["test_deviation"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("tiny", "99", "--epochs", "2"), 5, "study 'tiny' has no trial 99; it has 6 trials"),
        (("other", "--epochs", "2"), 5, "no study 'other'"),
        (("tiny", "1", "--front", "--epochs", "2"), 2, "name trials or --front, not both"),
        (("tiny",), 2, "Missing option '--epochs'"),
        (("tiny", "--epochs", "0"), 2, "'--epochs'"),
    ],
)
def test_wrong_arguments_are_told(run, final, arguments, code, told):
    done = run("train", *arguments)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert not final.trained
