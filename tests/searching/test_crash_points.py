"""A search that dies at any statement it sends to its database loses nothing it had finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import Engine, event

from neuronas.records import CandidateState, Trial
from neuronas.searching import enqueue_candidate
from neuronas.storage.reaping import ATTEMPTS
from tests.searching.fakes import (
    CHEAP,
    TOO_DEAR,
    DiedError,
    FakeEvaluator,
    evaluation,
    failing,
    run,
    study_config,
    trials_of,
)

CONFIG = study_config(search={"trials": 2})
TARGET = 5
STATEMENTS = 1000
"""More statements than the search below sends."""


@contextmanager
def dying_at(statement: int) -> Iterator[list[int]]:
    """Die before the given statement, counted from 1; yields how many were sent."""
    sent = [0]

    def count(*_: object) -> None:
        sent[0] += 1
        if sent[0] == statement:
            raise DiedError

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def search_with_faults(url: str) -> FakeEvaluator:
    """Go on with a study; every third network cannot be trained."""
    evaluator = FakeEvaluator(failing(3))
    run(CONFIG, url, evaluator, trials=TARGET)
    return evaluator


def check(url: str, before: dict[int, Trial]) -> None:
    """Check everything that must be true of a study after a death and a resume."""
    trials = trials_of(url)
    states = {
        CandidateState.COMPLETE: TrialState.COMPLETE,
        CandidateState.PRUNED: TrialState.PRUNED,
        CandidateState.FAILED: TrialState.FAIL,
        CandidateState.INTERRUPTED: TrialState.FAIL,
    }
    theirs = optuna.load_study(study_name="test", storage=url).trials

    for number, trial in before.items():
        if trial.state == CandidateState.RUNNING:
            assert trials[number].candidate == trial.candidate
        else:
            assert trials[number].candidate == trial.candidate
            assert trials[number].state == trial.state
            assert trials[number].newly_trained == trial.newly_trained

    for number, trial in trials.items():
        assert theirs[number].state == states[trial.state]
        if trial.evaluation is not None:
            expected = evaluation(trial.evaluation.key)
            assert trial.evaluation.validation_accuracy == expected.validation_accuracy
            assert theirs[number].values[0] == expected.validation_accuracy

    trained = [t.evaluation.key for t in trials.values() if t.newly_trained]
    assert len(trained) == len(set(trained)) == TARGET

    fresh = [t for t in trials.values() if t.candidate.retry_of is None]
    repeats = Counter(t.candidate.deployment_digest for t in fresh)
    assert repeats.most_common(1)[0][1] == 1

    retries = Counter(
        t.candidate.retry_of for t in trials.values() if t.candidate.retry_of is not None
    )
    assert all(count == 1 for count in retries.values())

    pruned = [t for t in trials.values() if t.candidate.architecture == TOO_DEAR]
    assert [t.state for t in pruned if t.state != CandidateState.INTERRUPTED] == [
        CandidateState.PRUNED
    ]
    cheap = [t for t in trials.values() if t.candidate.architecture == CHEAP]
    assert [t.state for t in cheap if t.state != CandidateState.INTERRUPTED] == [
        CandidateState.COMPLETE
    ]


def die_and_resume(url: str, statement: int) -> bool:
    """Search, die at a statement, resume, check; return whether it died at all."""
    run(CONFIG, url)
    for network in (TOO_DEAR, CHEAP):
        enqueue_candidate("test", network, storage=url)
    died = False
    with dying_at(statement):
        try:
            search_with_faults(url)
        except DiedError:
            died = True
    before = trials_of(url)
    search_with_faults(url)
    check(url, before)
    return died


@pytest.mark.parametrize("statement", range(8, 330, 46))
def test_a_death_at_a_statement_loses_nothing(url, statement):
    assert die_and_resume(url, statement)


def test_death_after_death_loses_nothing(url):
    run(CONFIG, url)
    for network in (TOO_DEAR, CHEAP):
        enqueue_candidate("test", network, storage=url)
    deaths = 0
    for statement in (40, 75, 110, 150, 200):
        with dying_at(statement):
            try:
                search_with_faults(url)
            except DiedError:
                deaths += 1
    assert deaths > ATTEMPTS
    before = trials_of(url)
    search_with_faults(url)
    check(url, before)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_death_at_every_fifth_statement_loses_nothing(tmp_path):
    failures = {}
    for statement in range(1, STATEMENTS, 5):
        try:
            if not die_and_resume(f"sqlite:///{tmp_path}/{statement}.db", statement):
                break
        except AssertionError as error:
            failures[statement] = str(error).splitlines()[0]
    assert failures == {}
    assert statement < STATEMENTS - 5
