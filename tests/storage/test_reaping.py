"""The reaper: trials that nobody works on are taken away once, and nothing of them is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from unittest.mock import Mock

import pytest
from optuna.trial import TrialState

from neuronas.errors import LeaseLostError
from neuronas.records import CandidateState
from neuronas.storage import Handle, Ledger, SharedStudy, next_waiting
from neuronas.storage.reaping import ATTEMPTS
from tests.searching.fakes import DiedError, rows
from tests.storage.fakes import (
    DISTRIBUTIONS,
    VALUES,
    begun,
    completed,
    expire,
    goes_on,
    joined,
    proposal,
    reaper,
    rung,
    theirs,
)


def died(url: str, *numbers: int) -> None:
    """Let a worker begin trials and end without a word of them."""
    with suppress(DiedError), joined(url) as one:
        for number in numbers:
            begun(one, number, feasible_probability=0.5)
        raise DiedError


def taken_up(ledger: Ledger) -> Handle:
    """Begin the trial that waits."""
    (waiting,) = [t for t in ledger.shared.trials() if t.state == TrialState.WAITING]

    def describe(trial):
        for name, distribution in DISTRIBUTIONS.items():
            trial._suggest(name, distribution)
        retry_of = trial.user_attrs["retry_of"]
        return proposal(0, trial_number=trial.number, retry_of=retry_of)

    handle = ledger.begin_asked(describe, waiting, goes_on)
    assert isinstance(handle, Handle)
    return handle


def test_the_candidate_of_a_dead_worker_is_queued_again_once(study_url, ledger):
    handle = begun(ledger)
    ledger.shared.set_attributes(handle, {"feasible_probability": 0.5, "other": 1})
    expire(study_url)
    assert reaper(ledger).reap() == [0]
    assert reaper(ledger).reap() == []
    found = ledger.tables.find_trial("test", 0)
    assert (found.state, found.reason) == (CandidateState.INTERRUPTED, "process died")
    first, second = theirs(study_url)
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.WAITING)
    assert second.user_attrs["retry_of"] == 0
    assert second.user_attrs["feasible_probability"] == 0.5
    assert "other" not in second.user_attrs
    again = taken_up(ledger)
    assert theirs(study_url)[again.number].params == VALUES


def test_a_worker_that_left_without_a_word_is_missed_at_once(study_url, ledger):
    died(study_url, 0, 1)
    assert reaper(ledger).reap() == [0, 1]


def test_the_living_keep_their_trials(study_url, ledger):
    begun(ledger)
    with joined(study_url) as other:
        begun(other, 1)
        assert reaper(other).reap() == []


def test_a_candidate_is_given_up_after_three_deaths(study_url, ledger):
    begun(ledger)
    for attempt in range(ATTEMPTS):
        expire(study_url)
        assert reaper(ledger).reap() == [attempt]
        if attempt < ATTEMPTS - 1:
            taken_up(ledger)
    states = [trial.state for trial in ledger.tables.trials("test")]
    assert states == ["interrupted", "interrupted", "failed"]
    reason = ledger.tables.find_trial("test", ATTEMPTS - 1).reason
    assert reason == "process died 3 times on this candidate"
    assert [trial.state for trial in theirs(study_url)] == [TrialState.FAIL] * ATTEMPTS


def test_what_was_released_may_be_released_again_and_again(study_url, ledger):
    begun(ledger)
    for attempt in range(ATTEMPTS + 1):
        assert reaper(ledger).release(ledger.worker) == attempt
        taken_up(ledger)
    reaper(ledger).release(ledger.worker)
    assert reaper(ledger).release(ledger.worker) is None
    assert {trial.reason for trial in ledger.tables.trials("test")} == {"stopped"}


def test_a_training_that_reached_a_rung_pauses_there_again(study_url, ledger):
    handle = begun(ledger)
    ledger.pause(handle, rung(0, 2))
    for deaths in range(1, ATTEMPTS):
        ledger.take_up(0, goes_on)
        expire(study_url)
        assert reaper(ledger).reap() == [0]
        found = ledger.tables.find_trial("test", 0)
        assert (found.state, found.deaths) == (CandidateState.PAUSED, deaths)
        assert theirs(study_url)[0].state == TrialState.RUNNING
    _, since = ledger.take_up(0, goes_on)
    assert since.epochs == 2
    reaper(ledger).release(ledger.worker)
    assert ledger.tables.find_trial("test", 0).deaths == ATTEMPTS - 1
    ledger.take_up(0, goes_on)
    expire(study_url)
    reaper(ledger).reap()
    assert ledger.tables.find_trial("test", 0).state == CandidateState.FAILED
    assert theirs(study_url)[0].state == TrialState.FAIL


def test_a_paused_candidate_whose_training_changed_is_queued_again(study_url, ledger):
    ledger.pause(begun(ledger), rung(0, 2))
    reaper(ledger).queue_changed(0)
    reaper(ledger).queue_changed(0)
    assert [t.state for t in theirs(study_url)] == [TrialState.FAIL, TrialState.WAITING]


def test_reapers_at_once_take_each_trial_away_once(study_url, ledger):
    for number in range(4):
        begun(ledger, number)
    expire(study_url)
    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        others = [stack.enter_context(joined(study_url)) for _ in range(3)]
        found = [n for many in threads.map(lambda o: reaper(o).reap(), others) for n in many]
    assert sorted(found) == [0, 1, 2, 3]
    waiting = [t for t in theirs(study_url) if t.state == TrialState.WAITING]
    assert sorted(trial.user_attrs["retry_of"] for trial in waiting) == [0, 1, 2, 3]


def test_a_trial_that_plain_optuna_runs_is_left_alone(study_url, ledger):
    ledger.shared.study.ask()
    expire(study_url)
    assert reaper(ledger).reap() == []
    assert [trial.state for trial in theirs(study_url)] == [TrialState.RUNNING]


def test_a_trial_that_another_program_ended_is_ended_by_us_too(study_url, ledger):
    begun(ledger)
    ledger.shared.study.tell(0, [0.5, 0.1])
    expire(study_url)
    assert reaper(ledger).reap() == [0]
    assert ledger.tables.find_trial("test", 0).state == CandidateState.INTERRUPTED
    assert [t.state for t in theirs(study_url)] == [TrialState.COMPLETE, TrialState.WAITING]


def test_what_a_rollback_took_back_does_not_wait(study_url, ledger, monkeypatch):
    begun(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(SharedStudy, "finish", Mock(side_effect=ZeroDivisionError))
        with pytest.raises(ZeroDivisionError):
            reaper(ledger).release(ledger.worker)
    assert next_waiting(ledger.shared.trials()) is None
    assert len(rows(study_url, "SELECT * FROM trials")) == 1


def test_who_comes_back_after_its_trial_was_queued_has_lost_it(study_url, ledger):
    handle = begun(ledger)
    expire(study_url)
    with joined(study_url) as other:
        reaper(other).reap()
        taken_up(other)
    with pytest.raises(LeaseLostError):
        completed(ledger, handle)
