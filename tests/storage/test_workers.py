"""Workers of a study: who has joined, who is alive, and who is missed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage import Origin, Repository
from neuronas.storage.workers import SQLITE_WORKERS
from tests.searching.fakes import rows
from tests.storage.fakes import begun, change, expire, joined, reaper

HOLDER = """
import sys, time
from tests.storage.fakes import begun, joined
with joined(sys.argv[1], lease_seconds=3600) as ledger:
    begun(ledger, 1)
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def tables(study_url):
    with Repository(study_url) as opened:
        yield opened


def test_a_worker_is_alive_until_it_leaves_and_is_remembered(tables):
    origin = Origin("slurm", "17_3", 2, "cuda", {"torch": "2.13"})
    with tables.joined("test", origin, task="final", lease_seconds=60) as worker:
        assert tables.workers("test") == tables.workers() == [worker]
        assert worker.alive
        assert 0 < worker.expires_s - worker.joined_s <= 60
        assert tables.is_searched("test")
    assert not tables.is_searched("test")
    (found,) = tables.workers("test")
    assert not found.alive
    assert (found.task, found.engine, found.job_id) == ("final", "slurm", "17_3")
    assert (found.restarts, found.device, found.slot) == (2, "cuda", 0)
    assert tables.workers("other") == []


def test_an_error_inside_lets_the_worker_leave_too(tables):
    with pytest.raises(ZeroDivisionError), tables.joined("test"):
        raise ZeroDivisionError
    assert not tables.is_searched("test")


def test_who_joins_has_the_smallest_slot_that_is_free(tables):
    with tables.joined("test") as first, ExitStack() as stack:
        second = stack.enter_context(tables.joined("test"))
        with tables.joined("test") as third:
            assert [first.slot, second.slot, third.slot] == [0, 1, 2]
            stack.close()
            with tables.joined("test") as fourth:
                assert fourth.slot == 1


def test_more_workers_than_sqlite_is_for_are_refused(tables, study_url):
    with ExitStack() as stack:
        for _ in range(SQLITE_WORKERS):
            stack.enter_context(tables.joined("test"))
        if study_url.startswith("postgresql"):
            with tables.joined("test") as fifth:
                assert fifth.slot == SQLITE_WORKERS
            return
        with pytest.raises(StorageError) as caught, tables.joined("test"):
            pass
        assert "4 workers search 'test' already, and SQLite is for one machine" in str(caught.value)
        assert "use PostgreSQL for more (--storage postgresql://" in str(caught.value)


@pytest.mark.parametrize("first_alone", [True, False])
def test_who_wants_to_be_alone_is_or_is_refused(tables, first_alone):
    with (
        tables.joined("test", task="ablate", alone=first_alone),
        pytest.raises(StudyLockedError, match=r"'test' is being worked on \(ablate\) by process"),
        tables.joined("test", alone=not first_alone),
    ):
        pass
    with tables.joined("test", alone=True):
        pass


def test_a_worker_lives_by_the_databases_clock(tables, study_url):
    with tables.joined("test", lease_seconds=60) as worker:
        expire(study_url)
        assert not tables.is_searched("test")
        with tables.joined("test", alone=True) as other:
            assert other.slot == 0
        tables.renew(worker, 60)
        assert tables.is_searched("test")


def test_renewing_extends_what_is_held_and_tells_what_that_is(ledger, study_url):
    tables = ledger.tables
    assert tables.renew(ledger.worker, 60)[0] is None
    begun(ledger)
    expire(study_url)
    assert tables.renew(ledger.worker, 60)[0] == 0
    with joined(study_url) as other:
        assert reaper(other).reap() == []
        assert tables.workers("test")[0].trial_number == 0
        assert other.tables.renew(other.worker, 60)[0] is None
    expire(study_url)
    reaper(ledger).reap()
    assert tables.renew(ledger.worker, 60)[0] is None


def test_a_process_of_this_machine_that_was_killed_is_missed_at_once(ledger, study_url):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, study_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert [worker.alive for worker in ledger.tables.workers("test")] == [True, True]
        assert reaper(ledger).reap() == []
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    finally:
        holder.kill()
        holder.communicate()
    assert [worker.alive for worker in ledger.tables.workers("test")] == [True, False]
    assert reaper(ledger).reap() == [0]
    with joined(study_url) as other:
        assert other.worker.slot == 1


def test_a_process_of_another_machine_is_missed_when_its_lease_is_over(ledger, study_url):
    with joined(study_url) as other:
        begun(other)
        change(study_url, f"UPDATE neuronas_workers SET machine = 'b' WHERE id = {other.worker.id}")
        change(study_url, "UPDATE neuronas_workers SET pid = 999999999 WHERE machine = 'b'")
        assert reaper(ledger).reap() == []
        expire(study_url)
        assert reaper(ledger).reap() == [0]


def test_time_counts_while_at_least_one_worker_is_there(ledger, study_url):
    def back(seconds: int) -> None:
        change(
            study_url, f"UPDATE neuronas_studies SET counted_until_s = counted_until_s - {seconds}"
        )

    back(100)
    assert 100 <= ledger.standing().wall_seconds < 130
    back(50)
    with joined(study_url) as other:  # it joins one who is there
        assert 150 <= other.standing().wall_seconds < 190
        assert 150 <= ledger.standing().wall_seconds < 190
    expire(study_url)
    back(1000)
    with joined(study_url) as alone:  # nobody was there
        assert alone.standing().wall_seconds < 200
    (row,) = rows(study_url, "SELECT wall_seconds FROM neuronas_studies")
    assert row["wall_seconds"] < 200
