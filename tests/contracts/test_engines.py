"""Every engine keeps the contract, and one that breaks it is told. Slurm's: ``tests/soak``."""

from __future__ import annotations

import sys

import pytest

from neuronas.service.engines import Change, State, check_engine, new_pool
from neuronas.service.engines.local import LocalEngine
from neuronas.storage import Origin
from tests.soak.slurm_lab import until


def test_the_local_engine_keeps_the_contract(tmp_path):
    check_engine(LocalEngine, tmp_path)


def test_a_worker_of_the_local_engine_knows_what_started_it(tmp_path):
    told = tmp_path / "told"
    program = (
        "import os, pathlib, sys; from neuronas.service.worker import origin; "
        f"pathlib.Path({str(told)!r}).write_text(repr(origin(os.environ, 'cpu')))"
    )
    engine = LocalEngine((sys.executable, "-c", program))
    pool = new_pool("demo", "local", tmp_path, workers=1)
    pool.keep("sqlite://")
    engine.submit(pool)
    until(lambda: [w.state for w in engine.status(pool)] == [State.ENDED], "it ended")
    assert told.read_text() == repr(Origin("local", "1", 0, "cpu"))


class Eager(LocalEngine):
    """Starts workers in a dry run."""

    def submit(self, pool, *, dry_run=False):
        pool.make_folders()
        return super().submit(pool, dry_run=dry_run)


class Stubborn(LocalEngine):
    """Never scales."""

    def scale(self, pool, workers):
        return Change() if workers else super().scale(pool, workers)


class Brutal(LocalEngine):
    """Kills workers, or says so."""

    def cancel(self, pool, grace_seconds):
        workers = sum(worker.counts for worker in self.status(pool))
        super().cancel(pool, grace_seconds)
        return workers


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        (Eager, "a dry run writes files"),
        (Stubborn, "from two to three workers was"),
        (Brutal, "the last worker did not drain"),
    ],
)
def test_an_engine_that_breaks_it_is_told(tmp_path, engine, problem):
    with pytest.raises(AssertionError, match=problem):
        check_engine(engine, tmp_path)
