"""A fault at each statement of beginning and ending a trial: all of it is stored, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
from optuna.trial import TrialState
from sqlalchemy import Engine, event

from neuronas.errors import StorageError
from neuronas.records import CandidateState
from neuronas.storage import Ledger
from tests.searching.fakes import DiedError, evaluation, rows
from tests.storage.fakes import (
    begun,
    completed,
    content,
    expire,
    goes_on,
    joined,
    key,
    looking,
    proposal,
    reaper,
    theirs,
)

Do = Callable[[Ledger], object]


def cut(cursor: object) -> None:
    """Answer as a server that cuts the connection, or a disk that breaks."""
    if isinstance(cursor, sqlite3.Cursor):
        raise sqlite3.OperationalError("disk I/O error")
    assert isinstance(cursor, psycopg.Cursor)
    cursor.connection.close()
    raise psycopg.OperationalError("the connection is lost")


def refuse(cursor: object) -> None:
    """Answer as a server that ends a transaction for another one's sake; nothing is cut."""
    if isinstance(cursor, sqlite3.Cursor):
        raise sqlite3.OperationalError("database is locked")
    raise psycopg.errors.DeadlockDetected


def die(_: object) -> None:
    """Stand for ``kill -9``."""
    raise DiedError


@contextmanager
def at(statement: int, fault: Callable[[object], None]) -> Iterator[None]:
    """Let a fault happen instead of a statement, counted from 1."""
    sent = [0]

    def watch(cursor: object, *_: object) -> None:
        sent[0] += 1
        if sent[0] == statement:
            fault(cursor)

    for hook in ("do_execute", "do_execute_no_params"):
        event.listen(Engine, hook, watch)
    try:
        yield
    finally:
        for hook in ("do_execute", "do_execute_no_params"):
            event.remove(Engine, hook, watch)


def at_each(ledger: Ledger, do: Do, fault: Callable[[object], None]) -> int:
    """Let a fault happen at each statement of something in turn, until it comes to pass.

    Returns:
        The number of its statements.
    """
    with looking(ledger.tables.url) as connection:
        before = content(connection)
        for statement in count(1):
            try:
                with at(statement, fault):
                    do(ledger)
            except (DiedError, StorageError):
                assert content(connection) == before, f"at statement {statement}"
            else:
                return statement - 1
    raise AssertionError  # count() does not end


def agreed(url: str) -> None:
    """Check that Optuna and we say the same of each trial, and what runs is held."""
    states = {
        CandidateState.RUNNING: TrialState.RUNNING,
        CandidateState.COMPLETE: TrialState.COMPLETE,
        CandidateState.INTERRUPTED: TrialState.FAIL,
    }
    ours = rows(url, "SELECT * FROM neuronas_candidates ORDER BY trial_number")
    known = [trial for trial in theirs(url) if trial.state != TrialState.WAITING]
    assert [(row["trial_number"], states[row["state"]]) for row in ours] == [
        (trial.number, trial.state) for trial in known
    ]
    assert all(row["lease_expires_s"] for row in ours if row["state"] == "running")
    assert len(rows(url, "SELECT * FROM neuronas_costs")) == len(ours)


def begin(ledger: Ledger) -> object:
    """Begin a trial; its parameters follow."""
    return ledger._begin(proposal(1), goes_on, [])


def begin_optunas(ledger: Ledger) -> object:
    """Begin a trial that Optuna makes, whose parameters are written one by one."""

    def describe(trial):
        for name, distribution in proposal().distributions.items():
            trial._suggest(name, distribution)
        trial.set_user_attr("cost", {})
        return proposal(1, trial_number=trial.number)

    return ledger.begin_asked(describe, None, goes_on)


@pytest.mark.parametrize("fault", [die, cut, refuse])
@pytest.mark.parametrize("do", [begin, begin_optunas])
def test_a_fault_at_any_statement_of_beginning_leaves_no_half_trial(study_url, fault, do):
    with joined(study_url) as ledger:
        begun(ledger)
        assert at_each(ledger, do, fault) >= 9
        agreed(study_url)
        expire(study_url)
        assert reaper(ledger).reap() == [0, 1]
    agreed(study_url)
    assert all(trial.state != TrialState.RUNNING for trial in theirs(study_url))


@pytest.mark.parametrize("fault", [die, cut, refuse])
def test_a_fault_at_any_statement_of_its_parameters_leaves_a_trial_without_any(study_url, fault):
    with joined(study_url) as ledger:
        handle = ledger._begin(proposal(), goes_on, [])
        describe = lambda _: ledger._describe(handle, proposal(), [])  # noqa: E731
        assert at_each(ledger, describe, fault) > 2
    assert theirs(study_url)[0].params == proposal().values


@pytest.mark.parametrize("fault", [die, cut, refuse])
def test_a_trial_that_was_cut_off_before_its_parameters_is_queued_with_them(study_url, fault):
    with joined(study_url) as ledger:
        with at(12, fault), pytest.raises((DiedError, StorageError)):
            ledger.begin(proposal(), goes_on)
        expire(study_url)
        assert reaper(ledger).reap() == [0]
    ended, waiting = theirs(study_url)
    assert (ended.state, ended.params) == (TrialState.FAIL, {})
    assert waiting.state == TrialState.WAITING
    assert waiting.system_attrs["fixed_params"] == proposal().values


@pytest.mark.parametrize("fault", [die, cut, refuse])
def test_a_fault_at_any_statement_of_completing_loses_no_result(study_url, fault):
    with joined(study_url) as ledger:
        handle = begun(ledger)
        assert at_each(ledger, lambda _: completed(ledger, handle), fault) > 10
        assert ledger.tables.find_trial("test", 0).evaluation == evaluation(key())
        expire(study_url)
        assert reaper(ledger).reap() == []
    agreed(study_url)


@pytest.mark.parametrize("fault", [die, cut, refuse])
def test_a_fault_at_any_statement_of_the_reaper_queues_a_candidate_once(study_url, fault):
    with joined(study_url) as ledger:
        begun(ledger)
        expire(study_url)
        assert at_each(ledger, lambda _: reaper(ledger).reap(), fault) > 10
    agreed(study_url)
    assert [trial.state for trial in theirs(study_url)] == [TrialState.FAIL, TrialState.WAITING]
