"""``neuronas stop``, ``delete`` and ``compare-studies`` as a terminal sees them."""

from __future__ import annotations

import io
import json
import sys

import pytest

from neuronas.storage import Repository
from tests.searching.fakes import FakeEvaluator, evaluated_by, raising

URL = "sqlite:///neuronas.db"


@pytest.fixture
def typed(monkeypatch):
    """Return a function that types a line, or ends the input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def names(run) -> list[str]:
    return [row["study"] for row in json.loads(run("list", "--format", "json").out)]


@pytest.fixture
def second(run, study, searched):
    study.write_text(f"name: second\n{study.read_text()}".replace("seed: 1", "seed: 2"))
    assert run("search", study).code == 0


# stop


def test_stop_says_how_to_go_on(run, study):
    with evaluated_by(FakeEvaluator(raising(KeyboardInterrupt(), 3))):
        assert run("search", study).code == 130
    done = run("stop", "tiny")
    assert (done.code, done.out) == (0, "")
    assert "stopped; 0 workers drain. Go on with: neuronas resume tiny" in done.err
    assert json.loads(run("status", "tiny", "--format", "json").out)["state"] == "stopped"
    again = run("stop", "tiny")
    assert again.code == 5
    assert "study 'tiny' is stopped; only a running one can be stopped" in again.err
    with evaluated_by(FakeEvaluator()):
        assert "finished: 6 networks trained" in run("resume", "tiny").err


# delete


def test_delete_asks_for_the_name_once_more(run, searched, typed):
    typed("tiny\n")
    done = run("delete", "tiny")
    assert (done.code, done.out) == (0, "")
    assert "study 'tiny', 6 networks trained: type its name to delete it for ever" in done.err
    assert "deleted: 6 trials, 6 trainings" in done.err
    assert "6 files that nothing needs now are in 'test' of the folder of weights" in done.err
    assert names(run) == []


@pytest.mark.parametrize("text", ["tine\n", "\n", ""])
def test_another_name_deletes_nothing(run, searched, typed, text):
    typed(text)
    done = run("delete", "tiny")
    assert done.code == 1
    assert f"found '{text.strip()}', not 'tiny': nothing was deleted" in done.err
    assert run("delete", "tiny", "--confirm", "tine").code == 1
    assert names(run) == ["tiny"]


def test_the_name_may_be_given_as_an_option(run, second):
    done = run("delete", "tiny", "--confirm", "tiny")
    assert done.code == 0
    assert "type its name" not in done.err
    assert names(run) == ["second"]
    absent = run("delete", "tiny", "--confirm", "tiny")
    assert absent.code == 5
    assert "no study 'tiny' in sqlite:///neuronas.db; studies there: second" in absent.err


def test_delete_refuses_while_somebody_works_on_it(run, searched):
    with Repository(URL) as tables, tables.joined("tiny"):
        done = run("delete", "tiny", "--confirm", "tiny")
    assert done.code == 5
    assert "stop it first: neuronas stop tiny" in done.err
    assert names(run) == ["tiny"]


# compare-studies


def test_compare_studies_shows_fronts_and_hypervolumes_side_by_side(run, second):
    done = run("compare-studies", "tiny", "second", "--format", "json")
    rows = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert {row["study"] for row in rows} == {"tiny", "second"}
    assert rows[0]["hypervolume"] >= rows[1]["hypervolume"] > 0
    for row in rows:
        assert row["trained"] == 6
        assert row["on_common_front"] == len(row["trials_on_common_front"]) <= row["front"]
        front = json.loads(run("front", row["study"], "--format", "json").out)
        assert set(row["trials_on_common_front"]) <= {entry["trial"] for entry in front}
        assert row["best_accuracy"] == max(entry["validation_accuracy"] for entry in front)
    assert sum(row["on_common_front"] for row in rows) >= 1
    table = run("compare-studies", "tiny", "second").out
    assert "of it on the common front" in table
    assert "from the worst of the studies' references" in table


def test_compare_studies_needs_two_that_ask_the_same(run, study, searched):
    one = run("compare-studies", "tiny", "tiny")
    assert one.code == 1
    assert "give the names of two studies or more; 'neuronas list' shows them" in one.err
    study.write_text("name: other\nobjectives: [accuracy, area]\n" + study.read_text())
    assert run("search", study).code == 0
    done = run("compare-studies", "tiny", "other")
    assert done.code == 3
    assert "'other' has objectives accuracy, area, 'tiny' has accuracy, energy" in done.err
    absent = run("compare-studies", "tiny", "absent")
    assert absent.code == 5
    assert "studies there: tiny, other" in absent.err
