"""``neuronas search`` and ``neuronas resume``: what they print, where, and how they end."""

from __future__ import annotations

import csv
import io
import json
import signal
from contextlib import suppress
from dataclasses import replace

import pytest

from neuronas.sources import SOURCES
from neuronas.storage import Repository
from tests.searching.fakes import FakeEvaluator, evaluated_by, failing, raising, rows

HARDWARE = "hardware: {model: spikesim, chip: spikesim-65nm-rram}\n"
FRONT_KEYS = [
    "trial",
    "validation_accuracy",
    "test_accuracy",
    "energy_uj",
    "latency_ms",
    "area_mm2",
    "memory_bytes",
    "parameters",
    "edp_uj_ms",
    "throughput_per_s",
    "spikes",
    "synops",
    "bit_synops",
    "time_steps",
    "channels",
    "cell_a",
    "cell_b",
]


def test_search_prints_the_front_as_json_and_talks_on_stderr(run, study, evaluator):
    done = run("search", study, "--format", "json")
    assert done.code == 0
    front = json.loads(done.out)
    assert front
    assert all(set(FRONT_KEYS) <= set(row) for row in front)
    accuracies = [row["validation_accuracy"] for row in front]
    assert accuracies == sorted(accuracies, reverse=True)
    energies = [row["energy_uj"] for row in front]
    assert energies == sorted(energies, reverse=True)
    assert all(row["test_accuracy"] == row["validation_accuracy"] / 2 for row in front)
    assert len(evaluator.trained) == 6
    for number in range(1, 7):
        assert f"\n{number}/6 trained, 0 reused, " in f"\n{done.err}"
    assert "finished: 6 networks trained, 0 reused; hypervolume 0." in done.err


def test_search_prints_the_front_as_csv(run, study, evaluator):
    done = run("search", study, "--format", "csv")
    front = list(csv.DictReader(io.StringIO(done.out)))
    assert list(front[0]) == FRONT_KEYS
    expected = json.loads(run("front", "tiny", "--format", "json").out)
    assert [float(row["energy_uj"]) for row in front] == [row["energy_uj"] for row in expected]


def test_search_prints_the_front_as_a_table(run, study, evaluator):
    done = run("search", study)
    lines = done.out.splitlines()
    assert lines[0] == "Pareto front of 'tiny'"
    assert "validation" in lines[1]
    assert "energy (µJ)" in lines[1]
    assert lines[-2].startswith("Cells: one row per node")
    assert lines[-1].startswith("Energy, latency and area leave out: linear, pooling and skip")
    assert len(lines) == 4 + len(json.loads(run("front", "tiny", "--format", "json").out))
    assert "\x1b" not in done.out + done.err


def test_every_searched_choice_of_the_network_is_a_column(run, folder, evaluator):
    path = folder / "wide.yaml"
    path.write_text(
        "dataset: digits\nhardware: {model: cim}\nsearch: {trials: 1}\n"
        "space: {channels: 2, coding: [direct, rate], hidden: [0, 8], decay: 0.5,\n"
        "        weight_bits: {stem: [2, 8]}}\n"
    )
    assert run("search", path).code == 0
    (row, *_) = json.loads(run("front", "wide", "--format", "json").out)
    searched = {"coding", "hidden", "weight_bits.stem"}
    assert searched <= row.keys()
    assert row["coding"] == row["genotype"]["coding"]
    assert row["weight_bits.stem"] == row["genotype"]["weight_bits"]["stem"]
    titles = run("front", "wide").out.splitlines()[1]
    assert all(title in titles for title in ("coding", "hidden", "bits stem"))
    assert not any(title in titles for title in ("decay", "pool", "bits cell"))
    assert searched < set(run("front", "wide", "--format", "csv").out.splitlines()[0].split(","))


def test_a_second_search_of_a_finished_study_prints_the_front_and_trains_nothing(
    run, study, searched
):
    expected = run("front", "tiny")
    done = run("search", study)
    assert (done.code, done.out) == (0, expected.out)
    assert (searched.calls, searched.tested) == ([], [])


def test_search_goes_on_to_the_number_asked_for(run, study, searched):
    assert run("search", study, "--trials", 9).code == 0
    assert len(searched.trained) == 3
    assert run("resume", "tiny", "--trials", 10).code == 0
    assert len(searched.trained) == 4


def test_a_finished_study_needs_no_data_to_be_shown_again(run, folder):
    path = folder / "fashion.yaml"
    path.write_text(
        f"dataset: fashion_mnist\nspace: {{channels: 2}}\n{HARDWARE}search: {{trials: 2}}\n"
    )
    with evaluated_by(FakeEvaluator()):
        first = run("search", path)
    again = run("search", path, "--data-dir", folder)
    assert (again.code, again.out) == (0, first.out)


def test_another_question_under_the_same_name_is_refused(run, study, searched):
    study.write_text(study.read_text().replace("energy_uj: 0.25", "energy_uj: 0.2"))
    done = run("search", study)
    assert (done.code, done.out) == (3, "")
    assert "study 'tiny' is stored with another question" in done.err
    assert "budget.energy_uj: stored 0.25, file 0.2" in done.err
    assert "give the file another 'name'" in done.err
    assert searched.calls == []

    done = run("search", study, "--accept-changes")
    assert done.code == 0
    assert "study 'tiny' asks another question; this one goes on as 'tiny-2'" in done.err
    assert "Pareto front of 'tiny-2'" in done.out
    study.write_text(f"name: other\n{study.read_text()}")
    assert run("search", study).code == 0


def test_other_training_is_refused_until_accepted(run, study, searched):
    study.write_text(study.read_text() + "training: {epochs: 3}\n")
    done = run("search", study, "--trials", 7)
    assert (done.code, done.out) == (3, "")
    assert "training.epochs: stored 10, file 3" in done.err
    assert "neuronas resume" in done.err
    assert "--accept-changes" in done.err
    assert searched.calls == []
    assert run("search", study, "--trials", 7, "--accept-changes").code == 0
    assert [key.epochs for key in searched.trained] == [3]


def test_more_trials_in_the_file_are_no_change(run, study, searched):
    study.write_text(study.read_text().replace("trials: 6", "trials: 8"))
    assert run("search", study).code == 0
    assert len(searched.trained) == 2


def test_resuming_an_unknown_study_lists_the_known_ones(run, searched):
    done = run("resume", "tinny")
    assert (done.code, done.out) == (5, "")
    assert done.err == ("error: no study 'tinny' in sqlite:///neuronas.db; studies there: tiny\n")


def test_ctrl_c_says_how_to_go_on_and_that_works(run, study, folder):
    url = f"sqlite:///{folder}/other.db"
    with evaluated_by(FakeEvaluator(raising(KeyboardInterrupt(), 3))):
        stopped = run("search", study, "--storage", url)
    assert (stopped.code, stopped.out) == (130, "")
    said = stopped.err.splitlines()[-1]
    assert said == f"stopped; nothing is lost. Go on with: neuronas resume tiny --storage {url}"
    evaluator = FakeEvaluator()
    with evaluated_by(evaluator):
        resumed = run(*said.partition("neuronas ")[2].split())
    assert resumed.code == 0
    assert len(evaluator.trained) == 4


def test_a_sigterm_whose_exception_is_lost_stops_at_the_next_step(run, study):
    def losing(number: int, _: object) -> None:
        if number == 3:
            with suppress(KeyboardInterrupt):  # as a callback of a weak reference does
                signal.raise_signal(signal.SIGTERM)

    with evaluated_by(FakeEvaluator(losing)):
        stopped = run("search", study)
    assert (stopped.code, stopped.out) == (130, "")
    assert "stopped; nothing is lost. Go on with: neuronas resume tiny" in stopped.err
    assert "3/6 trained" in stopped.err
    assert "4/6 trained" not in stopped.err


def test_an_exhausted_space_ends_well_and_says_after_how_many(run, folder, evaluator):
    path = folder / "few.yaml"
    path.write_text(f"dataset: digits\nspace: {{operations: skip, channels: [2, 4]}}\n{HARDWARE}")
    for _ in range(2):
        done = run("search", path)
        assert done.code == 0
        assert "space exhausted: every feasible network of the space was proposed" in done.err
        assert "space exhausted after 2 networks" in done.err
        assert "exhausted: 2 networks trained, 0 reused" in done.err
        assert done.out.startswith("Pareto front of 'few'")
    assert len(evaluator.trained) == 2


@pytest.mark.parametrize(
    ("reason", "told", "not_told"),
    [
        ("dead network", "learning_rate", "batch_size"),
        ("too large", "training.batch_size", "learning_rate"),
        ("out of time", "training.wall_seconds", "learning_rate"),
    ],
)
def test_five_failures_in_a_row_end_with_7_and_advice_on_their_reason(
    run, study, reason, told, not_told
):
    with evaluated_by(FakeEvaluator(failing(*range(1, 99), reason=reason))):
        done = run("search", study)
    assert told in done.err
    assert not_told not in done.err
    assert (done.code, done.out) == (7, "")
    assert "error: 5 candidates failed in a row:" in done.err
    assert done.err.count("  trial ") >= 5
    assert "neuronas resume tiny" in done.err


def test_a_failed_candidate_is_told_and_counted(run, study):
    with evaluated_by(FakeEvaluator(failing(2))):
        done = run("search", study)
    assert done.code == 0
    assert "1 failed | " in done.err
    assert "trial 1 failed: non-finite: training 2" in done.err
    assert json.loads(run("status", "tiny", "--format", "json").out)["failures"] == {
        "non-finite": 1
    }
    assert "failed: non-finite" in run("status", "tiny").out


def test_absent_data_ends_with_6_and_names_the_package(run, folder, monkeypatch):
    source = replace(SOURCES["fashion_mnist"], packaged=folder / "no package")
    monkeypatch.setitem(SOURCES, "fashion_mnist", source)
    path = folder / "fashion.yaml"
    path.write_text(f"dataset: fashion_mnist\nspace: {{channels: 2}}\n{HARDWARE}")
    empty = folder / "empty"
    empty.mkdir()
    done = run("search", path, "--data-dir", empty)
    assert (done.code, done.out) == (6, "")
    assert f"no train-images-idx3-ubyte.gz in {empty}" in done.err
    assert "apt-get install dataset-fashion-mnist" in done.err
    assert "--data-dir" in done.err


@pytest.mark.parametrize("command", [["search"], ["resume"]])
def test_a_study_that_somebody_works_on_alone_is_refused(run, study, searched, command):
    target = study if command == ["search"] else "tiny"
    with (
        Repository("sqlite:///neuronas.db") as repository,
        repository.joined("tiny", task="ablate", alone=True),
    ):
        done = run(*command, target, "--trials", 9)
        listed = json.loads(run("list", "--format", "json").out)
    assert (done.code, done.out) == (5, "")
    assert "study 'tiny' is being worked on (ablate) by process" in done.err
    assert listed[0]["study"] == "tiny"
    assert searched.calls == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://user:secret@127.0.0.1:1/db", "user@127.0.0.1:1/db: cannot be reached"),
        ("sqlite:///no/such/folder/neuronas.db", "no such folder"),
        ("sqlite:///:memory:", "allowed: sqlite:///FILE"),
        ("sqlite:///tiny.yaml", "is not an SQLite database"),
    ],
)
def test_an_unreachable_database_ends_with_5(run, study, evaluator, url, told):
    done = run("search", study, "--storage", url)
    assert (done.code, done.out) == (5, "")
    assert told in done.err
    assert "secret" not in done.err
    assert "Traceback" not in done.err
    assert evaluator.calls == []


def test_storage_comes_from_the_option_the_file_or_the_environment(
    run, study, folder, evaluator, monkeypatch
):
    monkeypatch.setenv("NEURONAS_STORAGE", f"sqlite:///{folder}/environment.db")
    run("search", study, "--trials", 1)
    assert json.loads(run("list", "--format", "json").out)[0]["trained"] == 1
    study.write_text(f"{study.read_text()}storage: sqlite:///{folder}/file.db\n")
    run("search", study, "--trials", 1)
    run("search", study, "--trials", 1, "--storage", f"sqlite:///{folder}/option.db")
    for name in ("environment", "file", "option"):
        counted = rows(f"sqlite:///{folder}/{name}.db", "SELECT * FROM neuronas_candidates")
        assert len(counted) == 1
    assert not (folder / "neuronas.db").exists()


def test_no_workers_store_what_is_asked_for_and_train_nothing(run, study, evaluator):
    done = run("search", study, "--workers", 0)
    assert (done.code, done.out) == (0, "")
    assert "stored, 0 of 6 networks trained\n" in done.err
    assert "\nworkers anywhere: neuronas worker tiny --storage sqlite:" in done.err
    assert evaluator.trained == []
    assert run("worker", "tiny").code == 0
    assert len(evaluator.trained) == 6
    assert "stored, 6 of 8" in run("search", study, "--workers", 0, "--trials", 8).err
    assert len(evaluator.trained) == 6
