"""``neuronas worker`` in this process: what it takes, refuses and says."""

from __future__ import annotations

import json
import signal

import pytest

from neuronas.cli import worker as module
from neuronas.service import children
from neuronas.storage import Repository
from tests.searching.fakes import FakeEvaluator, evaluated_by, raising, rows
from tests.storage.fakes import change

URL = "sqlite:///neuronas.db"


@pytest.fixture
def asked_for_more(searched):
    """Ask for ten networks of ``tiny``, of which six are trained."""
    with Repository(URL) as tables:
        tables.update_study("tiny", target_trials=10, state="running")
    return searched


def test_a_worker_trains_what_is_asked_for_and_says_so(run, asked_for_more):
    done = run("worker", "tiny")
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("finished: 10 networks trained by all workers\n")
    assert len(asked_for_more.trained) == 4


def test_a_worker_does_no_more_than_its_share(run, asked_for_more):
    assert "running: 8 networks trained" in run("worker", "tiny", "--max-trials", 2).err
    assert "running: 8 networks trained" in run("worker", "tiny", "--max-seconds", 0).err
    assert json.loads(run("status", "tiny", "--format", "json").out)["target"] == 10


def test_each_line_of_a_json_log_tells_of_study_worker_and_trial(run, asked_for_more):
    done = run("worker", "tiny", "--log-format", "json")
    *lines, last = done.err.splitlines()
    records = [json.loads(line) for line in lines]
    assert last.startswith("finished: ")
    (known,) = rows(URL, "SELECT max(id) AS id FROM neuronas_workers")
    for record in records:
        assert record.keys() == {"time", "study", "worker", "trial", "lease", "message"}
        assert (record["study"], record["worker"]) == ("tiny", known["id"])
    (first, *_), trials = records, {r["trial"] for r in records if r["trial"] is not None}
    assert (first["trial"], first["message"]) == (None, "searching")
    assert trials == {6, 7, 8, 9}


def test_a_worker_on_packages_that_differ_is_refused(run, asked_for_more):
    (row,) = rows(URL, "SELECT environment FROM neuronas_studies")
    known = json.loads(row["environment"])
    for changed, said in (
        ({"versions": known["versions"] | {"torch": "1.0"}}, "torch 1.0 there, 2."),
        ({"data": "digits, other"}, "data 'digits, other' there, 'None' here"),
    ):
        text = json.dumps(known | changed)
        change(URL, f"UPDATE neuronas_studies SET environment = '{text}'")
        done = run("worker", "tiny")
        assert (done.code, done.out) == (78, "")
        assert "study 'tiny' is searched with something else than this machine has" in done.err
        assert said in done.err
        assert "neuronas resume tiny" in done.err
    assert asked_for_more.trained == []
    assert run("resume", "tiny").code == 0


def test_a_drained_worker_ends_well(run, asked_for_more):
    draining = FakeEvaluator(lambda number, _: number == 2 and signal.raise_signal(signal.SIGTERM))
    with evaluated_by(draining):
        done = run("worker", "tiny")
    assert done.code == 0
    assert "running: 8 networks trained by all workers\n" in done.err
    assert done.err.endswith("this worker is done; 'tiny' goes on with its other workers\n")
    assert "finished: 10 networks" in run("worker", "tiny").err


def test_a_worker_that_is_ended_at_once_gives_its_network_back(run, asked_for_more):
    with evaluated_by(FakeEvaluator(raising(KeyboardInterrupt(), 1))):
        done = run("worker", "tiny")
    assert done.code == 0
    assert "drained; 'tiny' goes on with its other workers" in done.err
    states = "SELECT state FROM neuronas_candidates WHERE trial_number = 6"
    assert rows(URL, states) == [{"state": "interrupted"}]
    assert "finished: 10 networks" in run("worker", "tiny").err


def test_an_unknown_study_is_told_with_the_known_ones(run, searched):
    done = run("worker", "huge")
    assert done.code == 5
    assert "no study 'huge' in sqlite:///neuronas.db; studies there: tiny" in done.err


def test_workers_and_gpus_exclude_each_other(run, searched):
    done = run("worker", "tiny", "--workers", 2, "--gpus", "0,1")
    assert done.code == 1
    assert "--workers and --gpus: give one; a GPU gets one worker" in done.err
    wrong = run("worker", "tiny", "--gpus", "0,0")
    assert wrong.code == 1
    assert "--gpus: found '0,0'; allowed: numbers or UUIDs, each once, such as 0,1" in wrong.err


def test_all_options_reach_each_of_several_workers(run, searched, monkeypatch):
    started = []
    monkeypatch.setattr(children.Children, "wait", lambda *_: 75)
    monkeypatch.setattr(
        children.subprocess, "Popen", lambda command, **_: started.append(command[4:])
    )
    options = {
        "--checkpoint-dir": "c", "--data-dir": "d", "--threads": "2", "--device": "cpu",
        "--max-trials": "3", "--max-seconds": "4.0", "--log-format": "json",
        "--lease-seconds": "5.0", "--patience-seconds": "6.0", "--drain-seconds": "7.0",
    }  # fmt: skip
    given = [f"{name}={value}" for name, value in options.items()]
    assert run("worker", "tiny", "--workers", 3, *given).code == 75
    assert [(name, set(rest)) for name, *rest in started] == [("tiny", set(given))] * 3
    names = {f"--{name.replace('_', '-')}" for name in module.worker.__annotations__}
    assert names - {"--name", "--storage", "--workers", "--gpus", "--return"} == options.keys()
