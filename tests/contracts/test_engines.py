"""Every engine keeps the contract, and one that breaks it is told. Slurm's: ``tests/soak``."""

from __future__ import annotations

import pytest

from neuronas.service.engines import Change, check_engine
from neuronas.service.engines.local import LocalEngine


def test_the_local_engine_keeps_the_contract(tmp_path):
    check_engine(LocalEngine, tmp_path)


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
