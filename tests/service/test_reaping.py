"""Dead workers' trials are taken away where no worker is left to do it."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
import sqlalchemy as sa

from neuronas.errors import StorageUnavailableError
from neuronas.service import reaping as module
from neuronas.service.reaping import reap_all, reaping
from tests.searching.fakes import DiedError, rows, without_fsync
from tests.storage.fakes import begun, change, expire, joined, make_study

STATES = "SELECT state FROM neuronas_candidates ORDER BY id"


@pytest.fixture
def deserted(tmp_path):
    """Return the storage URL of two studies; a worker of each died, one of the second lives."""
    url = f"sqlite:///{tmp_path}/neuronas.db"
    with without_fsync():
        for name in ("test", "second"):
            make_study(url, name)
            with suppress(DiedError), joined(url, study=name) as worker:
                begun(worker, 1)
                raise DiedError
        with joined(url, study="second") as living:
            begun(living, 2)
            yield url


def states(url: str) -> list[str]:
    return [row["state"] for row in rows(url, STATES)]


def until(reached) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_trials_of_dead_workers_are_taken_away_from_all_studies_once(deserted):
    said: list[str] = []
    with reaping(deserted, said.append, every_seconds=0.05):
        until(lambda: len(said) == 2)
    assert said == [
        "trial 0 of 'test' was taken away from a dead worker",
        "trial 0 of 'second' was taken away from a dead worker",
    ]
    assert states(deserted) == ["interrupted", "interrupted", "running"]
    assert list(reap_all(deserted)) == []


def test_a_trial_that_nobody_is_known_to_hold_is_taken_away(deserted):
    expire(deserted)
    change(deserted, "UPDATE neuronas_candidates SET worker_id = NULL, lease_expires_s = NULL")
    assert len(list(reap_all(deserted))) == 3
    assert set(states(deserted)) == {"interrupted"}


def test_a_database_that_is_away_for_a_while_is_said_and_looked_at_again(deserted, monkeypatch):
    said: list[str] = []
    found, tried = module.existing_study, []

    def away(url: str, name: str):
        tried.append(name)
        if len(tried) == 1:
            raise StorageUnavailableError("it is restarted")
        return found(url, name)

    monkeypatch.setattr(module, "existing_study", away)
    with reaping(deserted, said.append, every_seconds=0.05):
        until(lambda: len(said) == 3)
    assert said[0] == "dead workers could not be looked for: it is restarted"
    assert states(deserted) == ["interrupted", "interrupted", "running"]


def test_what_optuna_meets_in_a_database_that_is_away_ends_no_reaper(deserted, monkeypatch):
    said: list[str] = []

    def away(*_: object, **__: object):
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr("neuronas.storage.bridge.optuna.load_study", away)
        with reaping(deserted, said.append, every_seconds=0.05):
            until(lambda: len(said) >= 2)
    assert all(line.startswith("dead workers could not be looked for") for line in said)
