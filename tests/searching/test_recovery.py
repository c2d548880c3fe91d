"""Interruptions: what a stopped or killed search leaves, and what the next one makes of it."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from unittest.mock import patch

import optuna
import pytest
from optuna.trial import TrialState

from neuronas.errors import StudyLockedError
from neuronas.records import CandidateState
from neuronas.searching import enqueue_candidate
from neuronas.searching.api import Work
from neuronas.searching.region import FeasibleRegion
from neuronas.storage import Ledger, Reaper, Repository, SharedStudy, open_study
from neuronas.storage.reaping import ATTEMPTS
from tests.searching.fakes import (
    CHEAP,
    TOO_DEAR,
    DiedError,
    FakeEvaluator,
    failing,
    raising,
    run,
    study_config,
    trials_of,
)
from tests.storage.fakes import expire

STOP = KeyboardInterrupt()
DEATH = DiedError()


def optuna_states(url: str) -> list[TrialState]:
    return [trial.state for trial in optuna.load_study(study_name="test", storage=url).trials]


def dies(times: int, when: object = lambda *_: True, method: str = "tell", of: type = optuna.Study):
    """Let a method die before it does anything, the first ``times`` times ``when`` says so."""
    real, left = getattr(of, method), [times]

    def dying(self, *args, **kwargs):
        if left[0] and when(*args, *kwargs.values()):
            left[0] -= 1
            raise DEATH
        return real(self, *args, **kwargs)

    return patch.object(of, method, dying)


def changed(url: str, *statements: str) -> None:
    """Change the database behind everybody's back."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def with_values(study: optuna.Study, values: dict[str, object]) -> optuna.Trial:
    """Begin a trial as a program does that is not ours."""
    study.enqueue_trial(values)
    return study.ask()


def searched(url: str) -> bool:
    with Repository(url) as repository:
        return repository.is_searched("test")


def consistent(url: str) -> None:
    """Check that plain Optuna says of every finished trial what we say."""
    states = {
        CandidateState.COMPLETE: TrialState.COMPLETE,
        CandidateState.PRUNED: TrialState.PRUNED,
        CandidateState.FAILED: TrialState.FAIL,
        CandidateState.INTERRUPTED: TrialState.FAIL,
    }
    theirs = optuna.load_study(study_name="test", storage=url).trials
    for number, trial in trials_of(url).items():
        assert theirs[number].state == states[trial.state]
        if trial.state == CandidateState.COMPLETE:
            accuracy, energy = theirs[number].values
            assert accuracy == trial.evaluation.validation_accuracy
            assert energy == trial.cost.energy_pj / 1e6


# Stopped in good order


def test_ctrl_c_leaves_the_study_resumable_and_the_candidate_is_taken_up_once_more(url):
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, FakeEvaluator(raising(STOP, 4)))
    stopped = trials_of(url)
    assert [t.state.value for t in stopped.values()] == ["complete"] * 3 + ["interrupted"]
    assert not searched(url)

    evaluator = FakeEvaluator()
    result = run(study_config(), url, evaluator)
    after = trials_of(url)
    assert {n: after[n].candidate for n in stopped} == {n: t.candidate for n, t in stopped.items()}
    retried = [trial for trial in after.values() if trial.candidate.retry_of is not None]
    assert [trial.candidate.retry_of for trial in retried] == [3]
    assert retried[0].candidate.architecture == stopped[3].candidate.architecture
    assert retried[0].state == CandidateState.COMPLETE
    assert (result.study.counts["trained"], len(evaluator.trained)) == (8, 5)
    assert result.study.counts["interrupted"] == 1
    assert result.study.state == "finished"
    consistent(url)


def test_a_stopped_search_says_so_in_optuna_too(url):
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, FakeEvaluator(raising(STOP, 2)))
    assert optuna_states(url) == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]


def test_a_second_ctrl_c_waits_until_the_candidate_is_queued_again(url, monkeypatch):
    release = Reaper.release

    def pressed_again(*arguments: object) -> None:
        signal.raise_signal(signal.SIGINT)
        release(*arguments)

    monkeypatch.setattr(Reaper, "release", pressed_again)
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, FakeEvaluator(raising(STOP, 2)))
    assert trials_of(url)[1].reason == "stopped"
    assert optuna_states(url) == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_candidate_may_be_stopped_any_number_of_times(url):
    for _ in range(ATTEMPTS + 2):
        with pytest.raises(KeyboardInterrupt):
            run(study_config(), url, FakeEvaluator(raising(STOP, 1)))
    result = run(study_config(), url)
    assert result.study.counts["failed"] == 0
    assert result.study.counts["interrupted"] == ATTEMPTS + 2
    digests = [t.candidate.training_digest for t in trials_of(url).values()]
    assert digests[: ATTEMPTS + 3] == digests[:1] * (ATTEMPTS + 3)
    assert result.study.counts["trained"] == 8


def test_a_stopped_study_has_no_test_accuracy(url):
    evaluator = FakeEvaluator(raising(STOP, 4))
    with pytest.raises(KeyboardInterrupt):
        run(study_config(), url, evaluator)
    assert evaluator.tested == []


# Killed


def test_a_killed_search_is_taken_up_where_it_was(url):
    with pytest.raises(DiedError):
        run(study_config(), url, FakeEvaluator(raising(DEATH, 4)))
    before = trials_of(url)
    assert [t.state.value for t in before.values()] == ["complete"] * 3 + ["running"]

    evaluator = FakeEvaluator()
    result = run(study_config(), url, evaluator)
    after = trials_of(url)
    assert {n: after[n].candidate for n in before} == {n: t.candidate for n, t in before.items()}
    assert after[3].state == CandidateState.INTERRUPTED
    assert after[3].reason == "process died"
    assert [n for n, t in after.items() if t.candidate.retry_of == 3] == [4]
    assert after[4].candidate.training_digest == after[3].candidate.training_digest
    assert after[4].state == CandidateState.COMPLETE
    assert (result.study.counts["trained"], len(evaluator.trained)) == (8, 5)
    consistent(url)


def test_no_proposal_is_repeated_after_a_death_but_the_one_that_was_running(url):
    for _ in range(4):
        with pytest.raises(DiedError):
            run(study_config(search={"trials": 40}), url, FakeEvaluator(raising(DEATH, 3)))
    run(study_config(search={"trials": 12}), url, trials=12)
    fresh = [t for t in trials_of(url).values() if t.candidate.retry_of is None]
    digests = [t.candidate.deployment_digest for t in fresh]
    assert len(digests) == len(set(digests)) == 12


def test_a_candidate_that_killed_its_process_three_times_is_given_up(url):
    culprit = []

    def before(number: int, architecture: object) -> None:
        if not culprit and number == 3:
            culprit.append(architecture)
        if architecture in culprit:
            raise DEATH

    for _ in range(ATTEMPTS):
        evaluator = FakeEvaluator(before)
        with pytest.raises(DiedError):
            run(study_config(), url, evaluator)
    result = run(study_config(), url, FakeEvaluator(before))
    attempts = [t for t in trials_of(url).values() if t.candidate.architecture == culprit[0]]
    assert [t.state.value for t in attempts] == ["interrupted", "interrupted", "failed"]
    assert attempts[-1].reason == "process died 3 times on this candidate"
    assert [t.candidate.retry_of for t in attempts] == [None, 2, 3]
    assert result.study.state == "finished"
    assert (result.study.counts["trained"], result.study.counts["failed"]) == (8, 1)
    consistent(url)


def test_deaths_of_other_candidates_do_not_count_against_one(url):
    for number in (1, 2, 2, 2, 2):
        with pytest.raises(DiedError):
            run(study_config(), url, FakeEvaluator(raising(DEATH, number)))
    result = run(study_config(), url)
    assert (result.study.counts["trained"], result.study.counts["failed"]) == (8, 0)


# Databases of earlier versions, which told Optuna in a transaction of its own


@pytest.mark.parametrize(
    ("state", "expected"),
    [("complete", TrialState.COMPLETE), ("failed", TrialState.FAIL), ("pruned", TrialState.PRUNED)],
)
def test_what_was_decided_but_not_told_is_told_on_resume(url, state, expected):
    run(study_config(), url, trials=2)
    if state == "pruned":
        enqueue_candidate("test", TOO_DEAR, storage=url)
    run(study_config(), url, FakeEvaluator(failing(1) if state == "failed" else None), trials=3)
    decided = trials_of(url)[2]
    assert decided.state.value == state
    changed(
        url,
        "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number = 2",
        "DELETE FROM trial_values WHERE trial_id = 3",
    )
    assert optuna_states(url)[2] == TrialState.RUNNING

    second = FakeEvaluator()
    result = run(study_config(), url, second)
    assert trials_of(url)[2].state == decided.state
    assert trials_of(url)[2].candidate == decided.candidate
    assert optuna_states(url)[2] == expected
    assert all(t.candidate.retry_of is None for t in trials_of(url).values())
    assert decided.candidate.training_digest not in {key.digest for key in second.calls}
    assert result.study.counts["trained"] == 8
    consistent(url)


def test_a_trial_that_only_optuna_knows_is_queued_again_once_it_is_old(url):
    run(study_config(), url, trials=2)
    space = FeasibleRegion.of(study_config()).space
    study = optuna.load_study(study_name="test", storage=url)
    space.suggest(with_values(study, space.values(space.encode(CHEAP)[0])))

    run(study_config(), url, trials=3)
    assert optuna_states(url)[2] == TrialState.RUNNING  # somebody may be at it
    changed(url, "UPDATE trials SET datetime_start = '2020-01-01 00:00:00' WHERE number = 2")
    run(study_config(), url, trials=4)
    assert optuna_states(url)[2] == TrialState.FAIL
    taken = [t for t in trials_of(url).values() if t.candidate.architecture == CHEAP]
    assert [t.state for t in taken] == [CandidateState.COMPLETE]


# Killed amid a transaction


def test_a_death_while_the_last_one_is_cleaned_up_is_cleaned_up_too(url):
    with pytest.raises(DiedError):
        run(study_config(), url, FakeEvaluator(raising(DEATH, 3)))
    with dies(1, method="finish", of=SharedStudy), pytest.raises(DiedError):
        run(study_config(), url)
    result = run(study_config(), url)
    assert [t.candidate.retry_of for t in trials_of(url).values()].count(2) == 1
    assert result.study.counts["trained"] == 8
    assert result.study.counts["reused"] == 0
    consistent(url)


def test_a_death_before_a_candidate_was_stored_loses_no_enqueued_network(url):
    """Optuna takes a queued trial out of its queue before it has a single parameter."""
    run(study_config(), url, trials=2)
    enqueue_candidate("test", CHEAP, storage=url)
    with (
        dies(1, method="suggest_categorical", of=optuna.Trial),
        pytest.raises(DiedError),
    ):
        run(study_config(), url)
    run(study_config(), url)
    taken = [t for t in trials_of(url).values() if t.candidate.architecture == CHEAP]
    assert [t.state for t in taken] == [CandidateState.COMPLETE]


def test_a_death_amid_the_parameters_of_an_enqueued_network_does_not_lose_it(url):
    run(study_config(), url, trials=2)
    enqueue_candidate("test", CHEAP, storage=url)
    with (
        dies(1, lambda name, *_: name == "channels", "suggest_categorical", optuna.Trial),
        pytest.raises(DiedError),
    ):
        run(study_config(), url)
    run(study_config(), url)
    taken = [t for t in trials_of(url).values() if t.candidate.architecture == CHEAP]
    assert [t.state for t in taken] == [CandidateState.COMPLETE]


def test_a_death_between_parameters_and_candidate_loses_nothing(url):
    run(study_config(), url, trials=2)
    enqueue_candidate("test", CHEAP, storage=url)
    with dies(1, method="_add", of=Ledger), pytest.raises(DiedError):
        run(study_config(), url)
    result = run(study_config(), url)
    taken = [t for t in trials_of(url).values() if t.candidate.architecture == CHEAP]
    assert [t.state for t in taken] == [CandidateState.COMPLETE]
    assert result.study.counts["trained"] == 8


def test_a_death_between_training_and_commit_trains_that_network_again(url):
    with dies(1, method="complete", of=Ledger), pytest.raises(DiedError):
        run(study_config(), url)
    assert trials_of(url)[0].state == CandidateState.RUNNING
    result = run(study_config(), url)
    assert result.study.counts["trained"] == 8
    assert trials_of(url)[0].candidate.training_digest == (
        trials_of(url)[1].candidate.training_digest
    )


def test_a_death_before_the_study_is_known_to_optuna_is_no_obstacle(url):
    with (
        patch("neuronas.searching.api.open_study", side_effect=DEATH),
        pytest.raises(DiedError),
    ):
        run(study_config(), url)
    assert run(study_config(), url).study.state == "finished"


# Two at once


def test_a_second_search_of_a_study_shares_the_work(url):
    second = FakeEvaluator()

    def before(number: int, _: object) -> None:
        if number == 2:
            assert searched(url)
            run(study_config(), url, second, work=Work(max_trials=3))
            assert searched(url)

    first = FakeEvaluator(before)
    result = run(study_config(), url, first)
    assert result.study.counts["trained"] == 8
    assert (len(first.trained), len(second.trained)) == (5, 3)
    assert len({key.digest for key in first.trained + second.trained}) == 8
    assert not searched(url)
    with Repository(url) as repository:
        assert [worker.slot for worker in repository.workers("test")] == [0, 1]
    consistent(url)


def test_settings_do_not_change_while_somebody_searches_with_them(url):
    def before(number: int, _: object) -> None:
        if number == 2:
            changed_study = study_config(training={"epochs": 2})
            with pytest.raises(StudyLockedError, match="is being searched by 1 workers"):
                run(changed_study, url, intruder, accept_changes=True)

    intruder = FakeEvaluator()
    run(study_config(), url, FakeEvaluator(before))
    assert intruder.calls == []


def test_another_study_of_the_database_may_be_searched_meanwhile(url):
    def before(number: int, _: object) -> None:
        if number == 2:
            run(study_config(name="other", search={"seed": 5}), url, trials=3)

    assert run(study_config(), url, FakeEvaluator(before)).study.counts["trained"] == 8
    assert len(trials_of(url, "other")) == 3


def test_a_network_may_be_enqueued_while_the_study_is_searched(url):
    def before(number: int, _: object) -> None:
        if number == 2:
            enqueue_candidate("test", CHEAP, storage=url)

    run(study_config(), url, FakeEvaluator(before))
    assert trials_of(url)[2].candidate.architecture == CHEAP


def test_nobody_searches_after_a_search_that_died(url):
    with pytest.raises(DiedError):
        run(study_config(), url, FakeEvaluator(raising(DEATH, 1)))
    assert not searched(url)


def test_an_optuna_study_of_that_name_is_never_taken_over(url):
    optuna.create_study(study_name="test", storage=url, directions=["maximize", "minimize"])
    for _ in range(2):
        evaluator = FakeEvaluator()
        with pytest.raises(Exception, match="has an Optuna study 'test' that neuronas did not"):
            run(study_config(), url, evaluator)
        assert evaluator.calls == []
    shared = open_study(url, "test", {"accuracy": "maximize", "energy": "minimize"})
    assert shared.trials() == []


def test_a_trial_that_is_taken_away_before_it_was_described_does_not_end_the_search(url):
    """As when the database was away for longer than a lease, between two transactions."""
    describe, reaped = Ledger._describe, []

    def late(self, handle, *arguments):
        if not reaped:
            expire(url)
            reaped.extend(Reaper(self.tables, self.shared).reap())
        return describe(self, handle, *arguments)

    with patch.object(Ledger, "_describe", late):
        result = run(study_config(), url, trials=2)
    assert reaped == [0]
    counts = result.study.counts
    assert (counts["trained"], counts["interrupted"], counts["running"]) == (2, 1, 0)
    assert TrialState.RUNNING not in optuna_states(url)
