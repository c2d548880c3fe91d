"""``neuronas list``, ``status``, ``front``, ``history``, ``show`` and ``enqueue``."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from neuronas.architecture import Architecture
from neuronas.hardware import estimate
from tests.searching.fakes import (
    CHEAP,
    CHIP,
    TOO_DEAR,
    FakeEvaluator,
    evaluated_by,
    raising,
    rows,
    trials_of,
)
from tests.strategies import architecture

URL = "sqlite:///neuronas.db"


def written(folder, network: Architecture):
    path = folder / "network.json"
    path.write_text(json.dumps(network.to_json()))
    return path


@pytest.fixture
def interrupted(run, study):
    with evaluated_by(FakeEvaluator(raising(KeyboardInterrupt(), 3))):
        run("search", study)


# list and status


def test_list_shows_every_study(run, study, searched):
    study.write_text(f"name: second\n{study.read_text()}".replace("seed: 1", "seed: 2"))
    run("search", study, "--trials", 2)
    done = run("list", "--format", "json")
    first, second = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (first["study"], first["state"], first["trained"], first["target"]) == (
        "tiny",
        "finished",
        6,
        6,
    )
    assert (second["study"], second["trained"], second["dataset"]) == ("second", 2, "digits")
    assert len(run("list").out.splitlines()) == 3
    assert run("status").out == run("list").out


def test_list_as_csv_has_a_header_and_a_row_per_study(run, searched):
    (row,) = csv.DictReader(io.StringIO(run("list", "--format", "csv").out))
    assert (row["study"], row["trained"], row["front"]) == (
        "tiny",
        "6",
        str(len(json.loads(run("front", "tiny", "--format", "json").out))),
    )


def test_status_counts_everything_of_one_study(run, searched):
    done = run("status", "tiny", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (found["study"], found["state"]) == ("tiny", "finished")
    assert (found["trained"], found["target"], found["reused"]) == (6, 6, 0)
    assert found["drawn"] >= 6
    assert set(found["rejections"]) <= {"disconnected", "area_mm2", "latency_ms", "energy_uj"}
    assert 0 < found["hypervolume"] <= 1
    table = run("status", "tiny").out
    for shown in ("networks trained", "genotypes drawn", "for energy_uj", "hypervolume"):
        assert shown in table
    quantities = list(csv.DictReader(io.StringIO(run("status", "tiny", "--format", "csv").out)))
    assert {"quantity": "networks trained", "value": "6", "limit": "6"} in quantities


def test_status_has_the_numbers_that_stop_a_study_as_sql_has_them(run, study, evaluator):
    study.write_text(
        study.read_text().replace("trials: 6", "trials: 60, stop: {epochs: 70, no_gain: 40}")
    )
    stopped = run("search", study)
    assert stopped.code == 0
    assert (
        "stopped by search.stop.epochs: 70 epochs trained, limit 70. To go on, raise or remove it "
        "in the study file, then: neuronas search FILE --storage sqlite:///neuronas.db\n"
    ) in stopped.err
    found = json.loads(run("status", "tiny", "--format", "json").out)
    (sql,) = rows(
        URL,
        """SELECT sum(newly_trained) AS trained, sum(epochs_trained) AS epochs,
        (SELECT wall_seconds FROM neuronas_studies) AS wall_seconds,
        sum(newly_trained) - (SELECT max(trained) FROM neuronas_front) AS since_gain
        FROM neuronas_candidates""",
    )
    assert {name: found[name] for name in sql} == sql
    assert (sql["trained"], sql["epochs"]) == (7, 70)
    assert found["limits"] == {
        "search.trials": 60,
        "search.stop.epochs": 70,
        "search.stop.wall_seconds": None,
        "search.stop.no_gain": 40,
    }
    assert found["stopped_by"] == "search.stop.epochs"
    told = list(csv.DictReader(io.StringIO(run("status", "tiny", "--format", "csv").out)))
    for row in (
        {"quantity": "stopped by", "value": "search.stop.epochs", "limit": ""},
        {"quantity": "networks trained", "value": "7", "limit": "60"},
        {"quantity": "epochs trained", "value": "70.0", "limit": "70"},
    ):
        assert row in told
    assert "stopped by search.stop.epochs" in run("resume", "tiny").err
    assert len(trials_of(URL, "tiny")) == 7


def test_an_interrupted_study_is_stopped_by_no_rule(run, interrupted):
    assert json.loads(run("status", "tiny", "--format", "json").out)["stopped_by"] is None
    assert "stopped by" not in run("status", "tiny").out


def test_a_study_that_nobody_searches_is_called_interrupted(run, interrupted):
    assert json.loads(run("list", "--format", "json").out)[0]["state"] == "interrupted"
    found = json.loads(run("status", "tiny", "--format", "json").out)
    assert (found["state"], found["interrupted"], found["trained"]) == ("interrupted", 1, 2)


# front


def test_the_front_is_what_the_search_printed(run, study, evaluator):
    for form in ("table", "json", "csv"):
        printed = run("search", study, "--format", form)
        done = run("front", "tiny", "--format", form)
        assert (done.code, done.out, done.err) == (0, printed.out, "")


def test_a_genotype_of_the_front_can_be_estimated_as_it_is(run, folder, searched):
    row = json.loads(run("front", "tiny", "--format", "json").out)[0]
    path = written(folder, Architecture.from_json(row["genotype"]))
    found = json.loads(run("estimate", path, "--chip", CHIP.name, "--format", "json").out)
    assert found["energy_pj"] / 1e6 == pytest.approx(row["energy_uj"])


def test_the_front_of_an_interrupted_study_has_no_test_accuracy(run, interrupted):
    front = json.loads(run("front", "tiny", "--format", "json").out)
    assert front
    assert all(row["test_accuracy"] is None for row in front)
    assert run("front", "tiny").code == 0


# history


def test_history_tells_who_entered_and_left_the_front_in_their_order(run, searched):
    history = json.loads(run("history", "tiny", "--format", "json").out)
    front = json.loads(run("front", "tiny", "--format", "json").out)
    standing = set()
    for row in history:
        if row["event"] == "enters":
            standing.add(row["trial"])
        else:
            assert row["left_for"] in standing
            standing.remove(row["trial"])
    assert standing == {row["trial"] for row in front}
    entered = {row["trial"]: row for row in history if row["event"] == "enters"}
    for row in front:
        for key in ("validation_accuracy", "energy_uj"):
            assert entered[row["trial"]][key] == row[key]
    status = json.loads(run("status", "tiny", "--format", "json").out)
    assert history[-1]["hypervolume"] == status["hypervolume"]
    table = run("history", "tiny").out.splitlines()
    assert table[0] == "Front of 'tiny' over time"
    title = "networks time trial event for validation energy (µJ) hypervolume"
    assert " ".join(table[1].split()) == title
    assert len(table) == len(history) + 3
    assert len(run("history", "tiny", "--format", "csv").out.splitlines()) == len(history) + 1


# show


def test_show_tells_genotype_evaluation_and_cost_of_a_trial(run, searched):
    found = json.loads(run("show", "tiny", 2, "--format", "json").out)
    trial = trials_of(URL, "tiny")[2]
    assert (found["trial"], found["state"], found["newly_trained"]) == (2, "complete", True)
    assert Architecture.from_json(found["genotype"]) == trial.candidate.architecture
    assert found["training_digest"] == trial.candidate.training_digest
    assert found["evaluation"]["validation_accuracy"] == trial.evaluation.validation_accuracy
    assert found["cost"]["energy_pj"] == estimate(trial.candidate.architecture, chip=CHIP).energy_pj
    layers = found["cost"]["layers"]
    assert sum(row["energy_pj"] for row in layers) == pytest.approx(found["cost"]["energy_pj"])


def test_show_as_text_has_the_accuracy_the_layers_and_the_genotype(run, searched):
    done = run("show", "tiny", 2)
    trial = trials_of(URL, "tiny")[2]
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "trial 2: complete"
    assert f"validation accuracy: {trial.evaluation.validation_accuracy:.2%}" in lines
    assert any(line.startswith("spike rates: ") and " 0.250" in line for line in lines)
    assert "share of positions where no channel fires: cell_a.lif0 0.500" in lines
    assert "training took: 2 s, 1 MB" in lines
    assert any(line.startswith("against the budget (negative fits): area_mm2 -") for line in lines)
    assert "classifier.head" in done.out
    assert Architecture.from_json(json.loads(lines[-1])) == trial.candidate.architecture


@pytest.fixture
def on_cim(run, study, evaluator):
    """Search a study on a chip of model ``cim``."""
    study.write_text(
        "name: tiny\ndataset: digits\nspace: {channels: [2, 4], time_steps: 1}\n"
        "search: {sampler: random, trials: 1, seed: 1}\n"
    )
    assert run("search", study).code == 0


def test_show_has_the_tables_of_estimate_for_the_trials_network(run, folder, on_cim):
    network = trials_of(URL, "tiny")[0].candidate.architecture
    measured = written(folder, network), "--spike-rate", 0.25
    estimated = run("estimate", *measured).out
    shown = run("show", "tiny", 0)
    assert (shown.code, shown.err) == (0, "")
    tables = estimated[estimated.index("energy by component") :]
    for title in ("energy by component", "latency by component", "area by component", "converters"):
        assert title in tables
    assert tables in shown.out


@pytest.mark.parametrize("which", ["cost", "measured_cost"])
def test_show_as_json_has_the_parts_of_every_total(run, on_cim, which):
    cost = json.loads(run("show", "tiny", 0, "--format", "json").out)[which]
    for total, parts in [
        ("energy_pj", "energy_parts_pj"),
        ("latency_ns", "latency_parts_ns"),
        ("area_um2", "area_parts_um2"),
    ]:
        assert sum(cost[parts].values()) == pytest.approx(cost[total]), total


def test_show_says_that_a_trial_was_costed_by_another_version_of_the_model(run, folder, on_cim):
    database = sqlite3.connect(folder / "neuronas.db")
    with database:
        database.execute("UPDATE neuronas_costs SET energy_pj = energy_pj * 1.1")
    database.close()
    done = run("show", "tiny", 0)
    assert done.code == 0
    assert done.err == (
        "what each component costs is not shown: the hardware model has changed since this trial "
        "was costed. 'neuronas estimate' costs its genotype anew\n"
    )
    assert "by component" not in done.out
    assert "classifier.head" in done.out
    found = run("show", "tiny", 0, "--format", "json")
    assert json.loads(found.out)["cost"]["energy_parts_pj"] is None


def test_show_tells_why_a_trial_was_pruned(run, folder, searched):
    run("enqueue", "tiny", written(folder, TOO_DEAR))
    run("resume", "tiny", "--trials", 7)
    done = run("show", "tiny", 6)
    assert done.out.startswith("trial 6: pruned\nreason: over budget: area_mm2 +")
    found = json.loads(run("show", "tiny", 6, "--format", "json").out)
    assert found["evaluation"] is None
    assert min(found["cost"]["constraints"].values()) > 0


def test_show_of_a_retry_names_what_it_repeats(run, interrupted, study, evaluator):
    run("resume", "tiny")
    assert json.loads(run("show", "tiny", 3, "--format", "json").out)["retry_of"] == 2


def test_a_trial_that_is_not_there_is_told_which_are(run, searched):
    done = run("show", "tiny", 6)
    assert (done.code, done.out) == (5, "")
    assert done.err == "error: study 'tiny' has no trial 6; trials there: 0 to 5\n"


# enqueue


def test_an_enqueued_network_is_taken_up_first(run, folder, searched):
    done = run("enqueue", "tiny", written(folder, CHEAP))
    assert (done.code, done.out) == (0, "")
    assert "neuronas resume tiny --storage sqlite:///neuronas.db" in done.err
    run("resume", "tiny", "--trials", 8)
    assert trials_of(URL, "tiny")[6].candidate.architecture == CHEAP


def test_what_enqueue_says_to_do_next_takes_the_network_up(run, folder, searched):
    """Even when the study is finished: that is when people look at its front and try one more."""
    done = run("enqueue", "tiny", written(folder, CHEAP))
    assert run(*done.err.rpartition("neuronas ")[2].split()).code == 0
    assert CHEAP in [t.candidate.architecture for t in trials_of(URL, "tiny").values()]


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (architecture(channels=5), "channels: found 5; the study allows 2, 4, 8"),
        (architecture(cell_a="0001 0000 0000 0000", channels=4, pool=9), "pool: found 9"),
    ],
)
def test_a_network_outside_the_space_is_refused(run, folder, searched, network, told):
    done = run("enqueue", "tiny", written(folder, network))
    assert (done.code, done.out) == (3, "")
    assert told in done.err


def test_a_wrong_genotype_file_is_told_file_and_key(run, folder, searched):
    path = folder / "network.json"
    path.write_text(json.dumps(CHEAP.to_json() | {"chanels": 4}))
    done = run("enqueue", "tiny", path)
    assert done.code == 3
    assert f"{path}:\n  chanels: unknown key" in done.err


# Names and databases that are not there


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["status"],
        ["status", "tiny"],
        ["front", "tiny"],
        ["history", "tiny"],
        ["show", "tiny", 0],
        ["resume", "tiny"],
    ],
    ids=" ".join(["{}"]).format,
)
def test_without_a_database_every_look_ends_with_5_and_says_how_to_start(run, folder, command):
    done = run(*command)
    assert (done.code, done.out) == (5, "")
    assert f"no database at {folder}/neuronas.db" in done.err
    assert "neuronas search STUDY.yaml" in done.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["status"], ["front"], ["history"], ["show", 0], ["resume"], ["enqueue"]]
)
def test_an_unknown_study_is_told_the_known_ones(run, folder, searched, command):
    name, *rest = command
    if name == "enqueue":
        rest = [written(folder, CHEAP)]
    done = run(name, "nobody", *rest)
    assert (done.code, done.out) == (5, "")
    assert "no study 'nobody' in sqlite:///neuronas.db; studies there: tiny" in done.err


def test_an_environment_without_our_tables_is_told_so(run, folder):
    (folder / "neuronas.db").touch()
    done = run("list")
    assert done.code == 5
    assert "holds no study of neuronas" in done.err


# Settings of the chip that a study searches


@pytest.fixture
def on_chips(run, study, evaluator):
    """Search a study with two settings of the chip, and return its file."""
    study.write_text(
        "name: tiny\ndataset: digits\n"
        "space: {channels: [2, 4], time_steps: 1, "
        "chip: {columns_per_adc: [4, 8], schedule: [layer-serial, pipelined]}}\n"
        "search: {sampler: random, trials: 5, seed: 1}\n"
    )
    assert run("search", study).code == 0
    return study


def test_the_front_tells_what_is_chosen_on_the_chip(run, on_chips):
    rows = json.loads(run("front", "tiny", "--format", "json").out)
    trials = trials_of(URL, "tiny")
    for row in rows:
        chosen = {name: row[f"chip.{name}"] for name in ("columns_per_adc", "schedule")}
        assert chosen == trials[row["trial"]].candidate.chip
    table = run("front", "tiny").out
    assert "columns per adc" in table
    assert "schedule" in table
    header = run("front", "tiny", "--format", "csv").out.splitlines()[0]
    assert header.endswith(",chip.columns_per_adc,chip.schedule")


def test_what_show_prints_is_queued_again_with_its_chip(run, on_chips, folder):
    shown = run("show", "tiny", 0, "--format", "json").out
    content = json.loads(shown)
    assert content["chip"].keys() == {"columns_per_adc", "schedule"}
    path = folder / "shown.json"
    path.write_text(shown)
    assert "chip: columns_per_adc " in run("show", "tiny", 0).out
    assert run("enqueue", "tiny", path).code == 0
    assert run("resume", "tiny", "--trials", 5).code == 0
    again = trials_of(URL, "tiny")[5]
    assert again.candidate.chip == content["chip"]
    assert again.candidate.deployment_digest == content["deployment_digest"]
    assert not again.newly_trained


@pytest.mark.parametrize(
    ("chip", "told"),
    [
        ({"schedule": "fast"}, "chip.schedule: found fast; the study allows layer-serial, pip"),
        ({"adc_bits": 4}, "chip.adc_bits: the study does not search it"),
        (4, "chip: expected a mapping of settings to values"),
    ],
)
def test_a_wrong_chip_is_not_queued(run, on_chips, folder, chip, told):
    content = json.loads(run("show", "tiny", 0, "--format", "json").out)
    path = folder / "shown.json"
    path.write_text(json.dumps(content | {"chip": chip}))
    done = run("enqueue", "tiny", path)
    assert done.code == 3
    assert told in done.err
