"""The ledger: our rows and Optuna's in one transaction each, by whoever holds the trial."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from neuronas.errors import LeaseLostError, StorageUnavailableError
from neuronas.records import CandidateState
from neuronas.storage import Handle, Ledger, Refusal, Repository, enqueue, next_waiting, patience
from tests.searching.fakes import evaluation, rows
from tests.storage.fakes import (
    CONSTRAINTS,
    DISTRIBUTIONS,
    TOLD,
    VALUES,
    begun,
    completed,
    content,
    cost,
    expire,
    goes_on,
    joined,
    key,
    looking,
    proposal,
    reaper,
    rung,
    theirs,
)


def describe(number: int):
    """Return what describes a trial of Optuna's as the proposal of this number."""

    def described(trial):
        for name, distribution in DISTRIBUTIONS.items():
            trial._suggest(name, distribution)
        return proposal(number, trial_number=trial.number)

    return described


# Beginning


def test_a_trial_begins_with_its_cost_its_lease_and_all_that_optuna_is_told(ledger, study_url):
    handle = begun(ledger)
    (row,) = rows(study_url, "SELECT * FROM neuronas_candidates")
    assert (row["trial_number"], row["state"]) == (handle.number, "running") == (0, "running")
    assert row["worker_id"] == ledger.worker.id
    (worker,) = rows(study_url, "SELECT * FROM neuronas_workers")
    assert 0 <= row["lease_expires_s"] - worker["expires_s"] < 20
    assert ledger.tables.find_trial("test", 0).cost == cost()
    (trial,) = theirs(study_url)
    assert trial.state == TrialState.RUNNING
    assert (trial.params, trial.distributions) == (VALUES, DISTRIBUTIONS)
    assert trial.user_attrs == {"cost": {"energy_uj": 0.1}}
    assert trial._trial_id == handle.id


def test_a_trial_that_optuna_makes_is_stored_with_what_describes_it(ledger, study_url):
    handle = ledger.begin_asked(describe(0), None, goes_on)
    (trial,) = theirs(study_url)
    assert trial.state == TrialState.RUNNING
    assert trial.params.keys() == VALUES.keys()
    assert ledger.tables.find_trial("test", handle.number).cost == cost()


def test_a_candidate_like_another_is_taken_whatever_became_of_that(ledger, study_url):
    with joined(study_url) as other:
        begun(other)
        assert ledger.begin(proposal(), goes_on) is Refusal.TAKEN
        other.end(Handle(0, 1), CandidateState.FAILED, "why", cost(), {})
        assert ledger.begin(proposal(), goes_on) is Refusal.TAKEN
    assert len(theirs(study_url)) == 1


def test_a_study_that_is_stopped_or_at_its_end_begins_nothing(ledger, study_url):
    assert ledger.begin(proposal(), lambda standing: standing.trained == 0) is Refusal.OVER
    ledger.tables.update_study("test", state="stopped")
    assert ledger.begin(proposal(), goes_on) is Refusal.OVER
    assert ledger.begin_asked(describe(0), None, goes_on) is Refusal.OVER
    assert theirs(study_url) == []


def test_what_runs_counts_until_it_turns_out_not_to_be_trained(ledger):
    for number in range(7):
        completed(ledger, begun(ledger, number), number)
    last = begun(ledger, 7)
    assert ledger.begin(proposal(8), goes_on) is Refusal.FULL
    ledger.end(last, CandidateState.FAILED, "why", cost(), {})
    assert isinstance(ledger.begin(proposal(8), goes_on), Handle)


def test_workers_at_once_begin_no_more_than_the_study_asks_for(study_url):
    with ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        ledgers = [stack.enter_context(joined(study_url)) for _ in range(4)]

        def begin_all(at: int) -> list[object]:
            numbers = [4 * turn + at for turn in range(6)]
            return [ledgers[at].begin(proposal(number), goes_on) for number in numbers]

        found = [one for many in threads.map(begin_all, range(4)) for one in many]
        assert sum(isinstance(one, Handle) for one in found) == 8
        assert found.count(Refusal.FULL) == 24 - 8
    assert [trial.number for trial in theirs(study_url)] == list(range(8))


def test_workers_at_once_begin_one_candidate_once(study_url):
    with ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        ledgers = [stack.enter_context(joined(study_url)) for _ in range(4)]
        found = list(threads.map(lambda one: one.begin(proposal(), goes_on), ledgers))
        assert sum(isinstance(one, Handle) for one in found) == 1
        assert found.count(Refusal.TAKEN) == 3


# Trials that wait


def test_what_somebody_asked_for_is_begun_beyond_the_studys_share(ledger, study_url):
    ledger.tables.update_study("test", target_trials=1)
    completed(ledger, begun(ledger))
    enqueue(ledger.shared.study, VALUES)
    waiting = next_waiting(ledger.shared.trials())
    handle = ledger.begin_asked(describe(1), waiting, goes_on)
    assert handle.number == waiting.number == 1
    assert theirs(study_url)[1].params == VALUES


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_a_trial_that_waits_is_taken_by_one_worker(ledger, study_url, ended):
    enqueue(ledger.shared.study, VALUES)
    waiting = next_waiting(ledger.shared.trials())
    with joined(study_url) as other:
        handle = other.begin_asked(describe(0), next_waiting(other.shared.trials()), goes_on)
        if ended:
            completed(other, handle)
        assert ledger.begin_asked(describe(0), waiting, goes_on) is Refusal.TAKEN
        assert isinstance(ledger.begin(proposal(1), goes_on), Handle)


# Ending


def test_a_trial_is_completed_for_optuna_and_for_us_at_once(ledger, study_url):
    assert completed(ledger, begun(ledger)) == (True, True)
    (trial,) = theirs(study_url)
    assert (trial.state, trial.values) == (TrialState.COMPLETE, TOLD)
    assert trial.constraints == CONSTRAINTS
    assert trial.user_attrs["accuracy"] == 0.5
    (row,) = rows(study_url, "SELECT * FROM neuronas_candidates")
    assert (row["state"], row["lease_expires_s"]) == ("complete", None)
    assert ledger.tables.find_trial("test", 0).evaluation == evaluation(key())


def test_a_trial_that_exceeds_is_pruned_for_optuna(ledger, study_url):
    assert ledger.exceed(begun(ledger), evaluation(key()), cost(), "too dear", {"reason": "dear"})
    (trial,) = theirs(study_url)
    assert (trial.state, trial.values) == (TrialState.PRUNED, None)
    assert trial.constraints == CONSTRAINTS
    assert trial.user_attrs["reason"] == "dear"
    assert ledger.standing().trained == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [(CandidateState.PRUNED, TrialState.PRUNED), (CandidateState.FAILED, TrialState.FAIL)],
)
def test_a_trial_without_an_evaluation_has_all_its_constraints_too(ledger, study_url, state, told):
    ledger.end(begun(ledger), state, "why", cost(), {"reason": "why"}, epochs=1.5)
    (trial,) = theirs(study_url)
    assert trial.state == told
    assert trial.constraints == CONSTRAINTS
    assert trial.user_attrs["reason"] == "why"
    assert ledger.standing().epochs == 1.5


def test_a_trial_pauses_and_is_taken_up_by_whoever_comes(ledger, study_url):
    handle = begun(ledger)
    ledger.pause(handle, rung(0, 2))
    (trial,) = theirs(study_url)
    assert trial.state == TrialState.RUNNING
    assert trial.user_attrs["rungs"] == {"2": rung(0, 2).validation_accuracy}
    assert (ledger.standing().running, ledger.standing().epochs) == (0, 2)
    with joined(study_url) as other, joined(study_url) as late:
        taken, since = other.take_up(0, goes_on)
        assert (taken.number, taken.id, since.epochs) == (0, handle.id, 2)
        assert late.take_up(0, goes_on) is Refusal.TAKEN
        with pytest.raises(LeaseLostError):
            completed(ledger, handle)
        other.pause(taken, rung(0, 4))
        with pytest.raises(LeaseLostError):
            late.pause(taken, rung(0, 6))
    assert theirs(study_url)[0].user_attrs["rungs"].keys() == {"2", "4"}


def test_a_rung_that_is_reached_again_has_its_new_file(ledger):
    handle = begun(ledger)
    ledger.pause(handle, rung(0, 2))
    ledger.take_up(0, goes_on)
    ledger.pause(handle, replace(rung(0, 2), checkpoint_sha256="1" * 64))
    assert ledger.take_up(0, goes_on)[1].checkpoint_sha256 == "1" * 64


def test_a_rung_is_kept_that_is_told_after_the_trial_was_taken_to_pause(ledger, study_url):
    handle = begun(ledger)
    ledger.pause(handle, rung(0, 2))
    ledger.take_up(0, goes_on)
    expire(study_url)
    assert reaper(ledger).reap() == [0]
    ledger.pause(handle, rung(0, 4))
    assert ledger.take_up(0, goes_on)[1].epochs == 4


def test_constraints_are_in_one_order_however_a_trial_ended(ledger, study_url):
    for number, end in enumerate((ENDS["complete"], ENDS["exceed"], ENDS["end"])):
        end(ledger, begun(ledger, number))
    orders = {tuple(trial.constraints) for trial in theirs(study_url)}
    assert len(orders) == 1


def test_what_pauses_can_be_ended_by_anybody_unless_it_goes_on(ledger, study_url):
    for number in range(2):
        ledger.pause(begun(ledger, number), rung(number, 2))
    with joined(study_url) as other:
        handle, _ = other.take_up(0, goes_on)
        with pytest.raises(LeaseLostError, match="does not pause any more"):
            ledger.end(handle, CandidateState.PRUNED, "vain", cost(), {}, paused=True)
        paused = ledger.shared.handle(1)
        other.end(paused, CandidateState.PRUNED, "vain", cost(), {}, paused=True)
    assert [trial.state for trial in theirs(study_url)] == [TrialState.RUNNING, TrialState.PRUNED]


ENDS = {
    "complete": completed,
    "exceed": lambda one, handle: one.exceed(handle, evaluation(key()), cost(), "why", {}),
    "end": lambda one, handle: one.end(handle, CandidateState.FAILED, "why", cost(), {}),
    "pause": lambda one, handle: one.pause(handle, rung(0, 2)),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_who_lost_a_trial_changes_nothing(ledger, study_url, end):
    handle = begun(ledger)
    expire(study_url)
    assert reaper(ledger).reap() == [0]
    with looking(study_url) as connection:
        before = content(connection)
        with pytest.raises(LeaseLostError, match="trial 0 of 'test' is not this worker's any more"):
            end(ledger, handle)
        assert content(connection) == before


def test_who_was_silent_too_long_but_was_not_missed_may_still_end_its_trial(ledger, study_url):
    handle = begun(ledger)
    expire(study_url)
    assert completed(ledger, handle) == (True, True)


def test_a_trial_that_another_program_ended_is_lost(ledger, study_url):
    handle = begun(ledger)
    ledger.shared.study.tell(0, state=TrialState.FAIL)
    with pytest.raises(LeaseLostError, match="somebody else has ended it"):
        completed(ledger, handle)
    assert ledger.tables.find_evaluation(key()) is None


def test_a_salvaged_evaluation_counts_once_for_who_takes_its_candidate_up(ledger):
    ledger.tables.add_evaluation("test", evaluation(key()), salvaged=True)
    assert ledger.standing().trained == 0
    assert completed(ledger, begun(ledger, 0))[0]
    assert not completed(ledger, begun(ledger, 1), 0)[0]
    assert ledger.standing().trained == 1
    ledger.tables.add_evaluation("test", evaluation(key()), salvaged=True)  # known by now
    assert not completed(ledger, begun(ledger, 2), 0)[0]


# Answers that get lost


class Forgetful(Repository):
    """Loses the answer to a commit, once it is told to."""

    loses = False

    @contextmanager
    def writing(self, *arguments: object) -> Iterator[object]:
        with super().writing(*arguments) as session:
            yield session
        if self.loses:
            self.loses = False
            raise StorageUnavailableError("the connection broke at the commit")


@pytest.fixture
def forgetful(ledger: Ledger, study_url: str, monkeypatch) -> Iterator[Ledger]:
    monkeypatch.setattr(patience, "_sleep", lambda _: None)
    with Forgetful(study_url, patience_seconds=5) as tables:
        yield replace(ledger, tables=tables)


def test_a_worker_joins_once_though_the_answer_got_lost(forgetful):
    before = len(forgetful.tables.workers("test"))
    forgetful.tables.loses = True
    with forgetful.tables.joined("test") as worker:
        assert not forgetful.tables.loses
        assert forgetful.tables.workers("test")[before:] == [worker]


def test_a_trial_is_begun_once_though_the_answer_got_lost(forgetful, study_url):
    forgetful.tables.loses = True
    handle = begun(forgetful)
    assert not forgetful.tables.loses
    assert [trial.number for trial in theirs(study_url)] == [handle.number]
    assert forgetful.tables.study("test").drawn == 3


def test_a_trial_is_taken_up_once_though_the_answer_got_lost(forgetful):
    forgetful.pause(begun(forgetful), rung(0, 2))
    forgetful.tables.loses = True
    handle, since = forgetful.take_up(0, goes_on)
    assert (handle.number, since.epochs) == (0, 2)


@pytest.mark.parametrize("waits", [True, False], ids=["waits", "new"])
def test_a_trial_of_optunas_is_begun_once_though_the_answer_got_lost(forgetful, study_url, waits):
    if waits:
        enqueue(forgetful.shared.study, VALUES)
    waiting = next_waiting(forgetful.shared.trials())
    forgetful.tables.loses = True
    handle = forgetful.begin_asked(describe(0), waiting, goes_on)
    assert not forgetful.tables.loses
    assert handle == forgetful.shared.handle(0)
    assert len(theirs(study_url)) == 1


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_trial_is_ended_once_though_the_answer_got_lost(forgetful, study_url, end):
    handle = begun(forgetful)
    forgetful.tables.loses = True
    end(forgetful, handle)
    assert not forgetful.tables.loses
    assert len(theirs(study_url)) == 1
    counts = forgetful.tables.study("test").counts
    assert counts["running"] == 0
    assert counts["trained"] <= 1


def test_what_was_completed_enters_the_front_though_the_answer_got_lost(forgetful):
    handle = begun(forgetful)
    forgetful.tables.loses = True
    new, _ = completed(forgetful, handle)
    assert new
    assert len(forgetful.tables.front("test")) == 1
