"""A search in rungs: what pauses, goes on, is given up, and survives stops and deaths."""

from __future__ import annotations

from collections import Counter

import optuna
import pytest
from optuna.trial import TrialState

from neuronas.errors import ConfigError
from neuronas.records import CandidateState
from neuronas.searching import enqueue_candidate, pausing
from neuronas.searching.rungs import epochs_per_training
from neuronas.searching.stop_rules import holding_rule
from neuronas.storage import Ledger, Repository
from neuronas.storage.reaping import ATTEMPTS
from tests.searching.fakes import (
    CHEAP,
    DiedError,
    FakeEvaluator,
    failing,
    raising,
    rows,
    run,
    study_config,
    trials_of,
)
from tests.searching.test_recovery import dies

CONFIG = study_config(search={"trials": 3, "rungs": [1, 4]})
EPOCHS = CONFIG.training.epochs


def states(url: str) -> Counter[str]:
    return Counter(trial.state.value for trial in trials_of(url).values())


def check(url: str, *evaluators: FakeEvaluator) -> None:
    """Check what must be true of a finished study in rungs, whatever happened on the way."""
    rungs = [rung for evaluator in evaluators for rung in evaluator.rungs]
    ended = [key for evaluator in evaluators for key in evaluator.trained]
    assert len(rungs) == len(set(rungs))
    assert 1 <= len(set(ended)) == len(ended) <= 3
    stored = rows(
        url,
        """SELECT c.training_digest AS digest, r.epochs, r.checkpoint_path, c.state
        FROM neuronas_rungs r JOIN neuronas_candidates c ON c.id = r.candidate_id""",
    )
    assert sorted((row["digest"], row["epochs"]) for row in stored) == sorted(
        (key.digest, epochs) for key, epochs in rungs
    )
    assert {row["state"] for row in stored} <= {"complete", "pruned", "failed"}
    assert all(row["checkpoint_path"] is None for row in stored)
    forgotten = {path for evaluator in evaluators for path in evaluator.forgotten}
    assert len(forgotten) == len(rungs)
    finished = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    theirs = optuna.load_study(study_name="test", storage=url).trials
    for number, trial in trials_of(url).items():
        if trial.state != CandidateState.INTERRUPTED:
            assert finished.get(theirs[number].state, "failed") == trial.state


def test_few_networks_are_trained_to_their_end_and_the_rest_is_given_up(url):
    evaluator = FakeEvaluator()
    result = run(CONFIG, url, evaluator)
    check(url, evaluator)
    first, second = ([key for key, epochs in evaluator.rungs if epochs == rung] for rung in (1, 4))
    assert len(first) // 3 >= len(second)
    ended = len(evaluator.trained)
    assert len(second) // 3 >= ended
    assert result.study.counts["trained"] == result.study.counts["complete"] == ended
    assert evaluator.epochs == len(first) + 3 * len(second) + (EPOCHS - 4) * ended
    assert result.study.epochs == evaluator.epochs
    reasons = Counter(t.reason for t in trials_of(url).values() if t.reason)
    assert set(reasons) <= {f"not promoted from rung {rung} (epochs)" for rung in (1, 4)}
    assert sum(reasons.values()) == len(first) - ended


def test_optunas_users_see_the_accuracy_at_each_rung(url):
    run(CONFIG, url)
    for trial in optuna.load_study(study_name="test", storage=url).trials:
        shown = trial.user_attrs["rungs"]
        assert list(shown) in (["1"], ["1", "4"])
        if trial.state == TrialState.COMPLETE:
            assert shown["4"] == pytest.approx(trial.values[0] * 0.8)
            assert trial.user_attrs["measured"]["accuracy"] == trial.values[0]
        assert trial.constraints.keys() == CONFIG.budget.limits().keys()


def test_epochs_of_trainings_that_paused_stop_a_study_too(url):
    evaluator = FakeEvaluator()
    search = {"trials": 30, "rungs": [1, 4], "stop": {"epochs": 20}}
    result = run(study_config(search=search), url, evaluator)
    assert 20 <= result.study.epochs < 20 + EPOCHS
    assert result.study.epochs == evaluator.epochs
    assert result.study.counts["paused"] == 0
    assert holding_rule(result.study).key == "search.stop.epochs"


def test_a_search_ends_that_takes_far_more_epochs_than_it_should(url, monkeypatch):
    assert epochs_per_training([1, 4], EPOCHS) == 9 + 3 * 3 + (EPOCHS - 4)
    monkeypatch.setattr(pausing, "_PATIENCE", 0.2)  # as if nothing could enter any more
    evaluator = FakeEvaluator()
    result = run(CONFIG, url, evaluator)
    assert result.study.state == "exhausted"
    assert result.study.counts["trained"] < 3
    assert result.study.counts["paused"] == 0
    assert 0.2 * 3 * 24 <= evaluator.epochs < 0.2 * 3 * 24 + EPOCHS


def test_without_rungs_nothing_pauses(url):
    evaluator = FakeEvaluator()
    run(study_config(search={"trials": 3}), url, evaluator)
    assert (evaluator.rungs, len(evaluator.trained)) == ([], 3)


def test_a_network_that_somebody_asked_for_is_trained_at_once(url):
    evaluator = FakeEvaluator()
    run(CONFIG, url, evaluator, trials=1)
    enqueue_candidate("test", CHEAP, storage=url)
    second = FakeEvaluator()
    run(CONFIG, url, second, trials=1)
    assert (second.rungs, len(second.trained)) == ([], 1)


def test_a_known_evaluation_is_used_at_once(url):
    run(study_config(name="other", search={"trials": 8}), url)
    evaluator = FakeEvaluator()
    result = run(CONFIG, url, evaluator)
    assert result.study.counts["reused"] > 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DiedError()], ids=["stop", "death"])
@pytest.mark.parametrize("training", [5, 12])
def test_an_interruption_costs_the_rung_that_was_trained_and_no_other(url, error, training):
    first, second = FakeEvaluator(raising(error, training)), FakeEvaluator()
    with pytest.raises(type(error)):
        run(CONFIG, url, first)
    before = states(url)
    assert before["paused"] > 0
    run(CONFIG, url, second)
    check(url, first, second)
    assert states(url)["interrupted"] <= 1


@pytest.mark.parametrize("method", ["pause", "take_up", "remove_checkpoints"])
def test_a_death_between_training_and_our_commit_costs_one_rung_at_most(url, method):
    first, second = FakeEvaluator(), FakeEvaluator()
    when = lambda *_: len(first.rungs) > 6  # noqa: E731
    of = Repository if method == "remove_checkpoints" else Ledger
    with dies(1, when, method, of), pytest.raises(DiedError):
        run(CONFIG, url, first)
    run(CONFIG, url, second)
    again = set(first.rungs) & set(second.rungs)
    assert len(again) == (method == "pause")
    second.rungs = [rung for rung in second.rungs if rung not in again]
    check(url, first, second)


def test_a_paused_candidate_that_kills_its_process_three_times_is_given_up(url):
    culprit = []

    def before(number: int, architecture: object) -> None:
        if architecture in begun and not culprit:
            culprit.append(architecture)
        begun.append(architecture)
        if architecture in culprit:
            raise DiedError

    begun: list[object] = []
    for _ in range(ATTEMPTS):
        evaluator = FakeEvaluator(before)
        with pytest.raises(DiedError):
            run(CONFIG, url, evaluator)
    evaluator = FakeEvaluator(before)
    result = run(CONFIG, url, evaluator)
    (given_up,) = [t for t in trials_of(url).values() if t.state == CandidateState.FAILED]
    assert given_up.candidate.architecture == culprit[0]
    assert given_up.reason == "process died 3 times on this candidate"
    assert result.study.counts["interrupted"] == 0


def test_a_lost_checkpoint_is_told_and_costs_a_training_from_the_start(url):
    class Losing(FakeEvaluator):
        def train_to_rung(self, architecture, key, epochs, since=None):
            if since is not None:
                self.forgotten.append(since.checkpoint_path)
            return super().train_to_rung(architecture, key, epochs, since)

    said = []
    result = run(CONFIG, url, Losing(), listener=lambda progress: said.append(progress.message))
    assert result.study.counts["trained"] >= 1
    assert any("is trained from its start: forgotten" in message for message in said)


def test_a_training_that_is_changed_meanwhile_begins_anew(url):
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, url, FakeEvaluator(raising(KeyboardInterrupt(), 9)))
    paused = states(url)["paused"]
    assert paused > 0
    longer = CONFIG.model_copy(
        update={"training": CONFIG.training.model_copy(update={"epochs": EPOCHS + 5})}
    )
    evaluator = FakeEvaluator()
    run(longer, url, evaluator, accept_changes=True)
    assert {key.epochs for key in evaluator.trained} == {EPOCHS + 5}
    changed = [t for t in trials_of(url).values() if t.reason and "was changed" in t.reason]
    assert len(changed) == paused
    assert states(url)["paused"] == 0


def test_a_failure_behind_a_rung_ends_the_candidate(url):
    evaluator = FakeEvaluator(failing(*range(4, 60, 4)))
    result = run(CONFIG, url, evaluator)
    assert result.study.counts["failed"] > 0
    check(url, evaluator)


def test_where_nothing_new_is_left_more_than_the_share_goes_on(url):
    tiny = study_config(
        space={"channels": [2], "operations": ["zeroize", "skip"], "time_steps": [1, 2]},
        search={"trials": 30, "rungs": [1, 4]},
    )
    result = run(tiny, url)
    assert result.study.state == "exhausted"
    counts = result.study.counts
    assert counts["trained"] > 0
    assert counts["paused"] == counts["running"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"rungs": [10]}}, r"search.rungs: found 10; allowed: fewer epochs than"),
        ({"search": {"rungs": [2, 1]}}, "rising numbers of epochs"),
        ({"search": {"rungs": [0]}}, "search.rungs"),
        ({"search": {"rungs": [1]}, "objectives": ["energy", "area"]}, "judged by accuracy"),
    ],
)
def test_rungs_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        study_config(**changes)
