"""A worker's sign of life, while its main thread trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from neuronas import interrupts
from neuronas.errors import LeaseLostError, StorageUnavailableError
from neuronas.searching.heartbeat import Heartbeat
from neuronas.storage import Ledger
from tests.storage.fakes import begun, completed, expire, joined, make_study, reaper

LEASE_SECONDS = 0.4


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    make_study(url)
    with joined(url, lease_seconds=LEASE_SECONDS) as one:
        yield one


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def heartbeat(ledger, said) -> Iterator[Heartbeat]:
    beat = Heartbeat(ledger.tables, reaper(ledger), ledger.worker, LEASE_SECONDS, said.append)
    with beat:
        yield beat
    interrupts.forget()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def expiry(ledger: Ledger) -> float:
    return ledger.tables.workers("test")[0].expires_s


def test_the_lease_lasts_as_long_as_the_worker_works(ledger, heartbeat):
    handle = begun(ledger)
    heartbeat.holding = handle.number
    before = expiry(ledger)
    until(lambda: expiry(ledger) > before + LEASE_SECONDS)
    assert reaper(ledger).reap() == []
    interrupts.check()
    completed(ledger, handle)


def test_who_lost_its_trial_hears_of_it_where_it_trains(ledger, heartbeat, url):
    with joined(url) as other:
        handle = begun(ledger)
        expire(url)
        assert reaper(other).reap() in ([0], [])  # unless it beat in between
        if ledger.tables.find_trial("test", 0).state == "running":
            reaper(other).release(ledger.worker)
        heartbeat.holding = handle.number

        def check() -> bool:
            interrupts.check()
            return False

        with pytest.raises(LeaseLostError, match="trial 0 was taken away"):
            until(check)


def test_who_holds_nothing_any_more_hears_of_nothing(ledger, heartbeat):
    before = expiry(ledger)
    until(lambda: expiry(ledger) > before)
    interrupts.check()
    heartbeat.holding = None


def test_a_database_that_is_away_is_told_and_ends_no_heartbeat(
    ledger, heartbeat, said, monkeypatch
):
    def away(*_: object) -> None:
        raise StorageUnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(ledger.tables), "renew", away)
        until(lambda: len(said) > 1)
    assert set(said) == {"the lease could not be renewed: away"}
    before = expiry(ledger)
    until(lambda: expiry(ledger) > before)


def test_trials_of_dead_workers_are_taken_away_meanwhile(ledger, heartbeat, said, url):
    with joined(url) as other:
        begun(other)  # and leaves without a word of it
    until(lambda: said != [])
    assert said == ["trial 0 was taken away from a dead worker"]


def test_a_stopped_study_is_heard_of_long_before_a_lease_ends(ledger, monkeypatch):
    monkeypatch.setattr("neuronas.searching.heartbeat._LOOK_SECONDS", 0.05)
    monkeypatch.setattr(interrupts, "_draining", False)
    with Heartbeat(ledger.tables, None, ledger.worker, 3600.0, print):
        assert not interrupts.is_draining()
        ledger.tables.update_study("test", state="stopped")
        until(interrupts.is_draining)
