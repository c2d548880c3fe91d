"""The repository: records in, records out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from neuronas.errors import StorageError
from neuronas.records import CandidateState, EvaluationKey, FrontChange, FrontPoint, Stated
from neuronas.storage import Handle, Ledger, Refusal, Repository
from tests.searching.fakes import evaluation, rows, study_config
from tests.storage.fakes import (
    NOON,
    REFERENCE,
    begun,
    candidate,
    completed,
    cost,
    enters,
    goes_on,
    joined,
    key,
    make_study,
    proposal,
    reaper,
)
from tests.strategies import architecture


@pytest.fixture
def url(any_url):
    """Let every test of this file run on both kinds of database."""
    return any_url


@pytest.fixture
def repository(ledger: Ledger):
    """Return the tables of a study that a worker has joined."""
    return ledger.tables


def test_a_study_comes_back_as_it_was_stored(repository):
    found = repository.study("test")
    assert found.config == study_config()
    assert (found.name, found.target_trials, found.state) == ("test", 8, "running")
    assert found.reference == REFERENCE
    assert found.created_at == NOON
    assert (found.drawn, found.rejections) == (0, {})
    assert set(found.counts.values()) == {0}
    assert repository.find_study("other") is None


def test_times_are_kept_whatever_zone_the_clock_is_in(url):
    east = timezone(timedelta(hours=2))
    with Repository(url, create=True, clock=lambda: NOON.astimezone(east)) as repository:
        repository.create_study(study_config(), 8, REFERENCE)
        assert repository.study("test").created_at == NOON


def test_studies_are_listed_oldest_first(repository):
    for name in ("zebra", "ant"):
        repository.create_study(study_config(name=name), 1, REFERENCE)
    assert [study.name for study in repository.studies()] == ["test", "zebra", "ant"]


def test_an_unknown_study_names_those_there_are(repository):
    with pytest.raises(StorageError, match=r"no study 'tset' in \w+://.*; studies there: test$"):
        repository.study("tset")


def test_an_empty_database_has_no_studies(url):
    with Repository(url, create=True) as repository:
        assert repository.studies() == []
        with pytest.raises(StorageError, match=r"studies there: none$"):
            repository.study("test")


def test_only_what_is_given_of_a_study_is_updated(repository):
    repository.update_study("test", state="finished")
    assert repository.study("test").target_trials == 8
    changed = study_config(training={"epochs": 3})
    repository.update_study("test", config=changed, target_trials=12)
    found = repository.study("test")
    assert (found.config, found.target_trials, found.state) == (changed, 12, "finished")
    (row,) = rows(repository.url, "SELECT config_digest FROM neuronas_studies")
    assert row["config_digest"] == changed.digest()


def test_a_candidate_comes_back_as_it_was_stored(ledger, repository):
    network = architecture(hidden=3, decay=0.1, threshold=1.5, weight_bits={"stem": 8})
    begun(ledger, 0, network, retry_of=4)
    found = repository.find_trial("test", 0)
    assert found.candidate == candidate(0, network, trial_number=0, retry_of=4)
    assert found.cost == cost(network)
    assert (found.state, found.reason, found.newly_trained) == ("running", None, False)
    assert found.evaluation is None
    assert repository.find_trial("test", 1) is None
    assert repository.trials("test") == [found]


def test_what_was_drawn_and_rejected_adds_up(ledger, repository):
    begun(ledger, 0)
    drawn = replace(proposal().drawn, drawn=10, rejected=9, reasons={"energy_uj": 1, "open": 8})
    assert isinstance(ledger.begin(replace(proposal(1), drawn=drawn), goes_on), Handle)
    study = repository.study("test")
    assert (study.drawn, study.rejected) == (13, 11)
    assert study.rejections == {"energy_uj": 3, "open": 8}
    assert study.counts["running"] == 2


def test_a_candidate_ends_in_its_state_with_its_reason(ledger, repository):
    for number, state in enumerate((CandidateState.PRUNED, CandidateState.FAILED)):
        ledger.end(begun(ledger, number), state, f"because {state}", cost(), {})
    begun(ledger, 2)
    reaper(ledger).release(ledger.worker, "because interrupted")
    found = repository.trials("test")
    assert [trial.state for trial in found] == ["pruned", "failed", "interrupted"]
    assert [trial.reason for trial in found] == [f"because {trial.state}" for trial in found]
    counts = repository.study("test").counts
    assert {n: counts[n] for n in counts if counts[n]} == {
        "pruned": 1,
        "failed": 1,
        "interrupted": 1,
    }


def test_an_evaluation_comes_back_as_it_was_stored(ledger, repository):
    handle = begun(ledger)
    assert repository.find_evaluation(key()) is None
    assert completed(ledger, handle) == (True, True)
    assert repository.find_evaluation(key()) == evaluation(key())
    found = repository.find_trial("test", 0)
    assert (found.state, found.newly_trained) == ("complete", True)
    assert found.evaluation == evaluation(key())
    assert found.measured_cost == cost()
    assert repository.study("test").counts["trained"] == 1
    assert repository.study("test").stated == Stated(0, 0, 0.0)


@pytest.mark.parametrize(
    "other",
    [
        EvaluationKey(f"{1:064x}", 10, 0),
        EvaluationKey(key().digest, 11, 0),
        EvaluationKey(key().digest, 10, 1),
    ],
    ids=["digest", "epochs", "seed"],
)
def test_an_evaluation_is_found_by_digest_epochs_and_seed(ledger, repository, other):
    completed(ledger, begun(ledger))
    assert repository.find_evaluation(other) is None


def test_an_evaluation_that_is_there_is_kept(ledger, repository):
    completed(ledger, begun(ledger, 0))
    repository.set_test_accuracy(key(), 0.25)
    another = replace(evaluation(key()), validation_accuracy=0.123)
    new, _ = completed(ledger, begun(ledger, 1), evaluation=another)
    assert not new
    expected = replace(evaluation(key()), test_accuracy=0.25)
    assert repository.find_trial("test", 1).evaluation == expected
    counts = repository.study("test").counts
    assert (counts["trained"], counts["reused"], counts["complete"]) == (1, 1, 2)


def test_a_candidate_that_exceeds_a_budget_keeps_both_costs_and_leaves_the_front(
    ledger, repository
):
    handle = begun(ledger, feasible_probability=0.75)
    dearer = replace(cost(), energy_pj=9e9, quantities={"energy_uj": 9e3}, constraints={"a": 0.5})
    assert ledger.exceed(handle, evaluation(key()), dearer, "over budget", {})
    found = repository.find_trial("test", 0)
    assert (found.state, found.reason, found.newly_trained) == ("exceeded", "over budget", True)
    assert (found.cost, found.measured_cost) == (cost(), dearer)
    assert found.known_cost == dearer
    assert found.evaluation == evaluation(key())
    assert repository.front("test") == []
    study = repository.study("test")
    assert (study.counts["trained"], study.counts["exceeded"]) == (1, 1)
    assert study.stated == Stated(1, 1, 0.25)


def test_evaluation_and_front_are_stored_together_or_not_at_all(ledger, repository):
    handle = begun(ledger)

    def broken(_: list[FrontPoint]) -> FrontChange:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        completed(ledger, handle, update_front=broken)
    assert repository.find_evaluation(key()) is None
    assert repository.find_trial("test", 0).state == CandidateState.RUNNING
    assert repository.front("test") == []


def test_the_front_is_what_entered_and_has_not_left(ledger, repository):
    assert (repository.front("test"), repository.hypervolume("test")) == ([], 0.0)
    seen = []

    def watched(*leaves: int, hypervolume: float):
        def update(front: list[FrontPoint]) -> FrontChange:
            seen.append([point.trial_number for point in front])
            return enters(*leaves, hypervolume=hypervolume)(front)

        return update

    for number, (leaves, hypervolume) in enumerate([((), 0.1), ((), 0.2), ((0,), 0.3)]):
        handle = begun(ledger, number)
        update = watched(*leaves, hypervolume=hypervolume)
        completed(ledger, handle, number, update_front=update)
    assert seen == [[], [0], [0, 1]]
    assert [trial.candidate.trial_number for trial in repository.front("test")] == [1, 2]
    assert repository.hypervolume("test") == 0.3
    history = rows(repository.url, "SELECT trial_number, left_for FROM neuronas_front ORDER BY id")
    assert [(row["trial_number"], row["left_for"]) for row in history] == [
        (0, 2),
        (1, None),
        (2, None),
    ]
    events = repository.history("test")
    assert [(e.trial_number, e.enters, e.left_for, e.trained) for e in events] == [
        (0, True, None, 1),
        (1, True, None, 2),
        (2, True, None, 3),
        (0, False, 2, 3),
    ]
    assert [event.hypervolume for event in events] == [0.1, 0.2, 0.3, 0.3]
    assert {event.time for event in events} == {NOON}
    assert events[0].objectives == {"accuracy": 0.5, "energy": 0.1}


def test_networks_since_the_last_gain_are_counted_by_what_was_newly_trained(ledger, repository):
    def trained(number: int, volume: float | None, of: int | None = None) -> int:
        change = FrontChange({}, False, (), 0.0)
        update = enters(hypervolume=volume) if volume is not None else lambda _: change
        completed(ledger, begun(ledger, number), number if of is None else of, update_front=update)
        return repository.study("test").since_gain

    assert trained(0, 0.0) == 1  # outside the box of the hypervolume: no gain
    assert trained(1, 0.2) == 0
    assert trained(2, None) == 1
    assert trained(3, 0.2 * (1 + 1e-15)) == 2  # the same, summed in another order
    assert trained(4, None, of=2) == 2  # reused
    assert trained(5, 0.3, of=3) == 0  # reused, on a front again
    assert trained(6, None) == 1


def test_a_point_that_does_not_enter_changes_no_front(ledger, repository):
    completed(ledger, begun(ledger, 0), 0)
    stays_out = FrontChange({}, False, (), 0.5)
    told = completed(ledger, begun(ledger, 1), 1, update_front=lambda _: stays_out)
    assert told == (True, False)
    assert [trial.candidate.trial_number for trial in repository.front("test")] == [0]
    assert repository.find_trial("test", 1).state == CandidateState.COMPLETE


def test_two_workers_of_one_database_write_in_turn(ledger, repository):
    with joined(repository.url) as other:
        for number in range(6):
            begun(other if number % 2 else ledger, number)
        assert other.tables.trials("test") == repository.trials("test")
    assert [t.candidate.trial_number for t in repository.trials("test")] == list(range(6))
    assert repository.study("test").drawn == 18


def test_each_study_numbers_its_trials_itself(ledger, repository):
    begun(ledger)
    make_study(repository.url, "other")
    with joined(repository.url, study="other") as other:
        assert begun(other).number == 0
        assert ledger.begin(proposal(), goes_on) is not Refusal.TAKEN  # its own
    assert repository.trials("test") == repository.trials("other")
