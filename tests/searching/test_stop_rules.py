"""What stops a study: each rule alone, over restarts, and when it is changed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from neuronas.errors import TrainingFailedError
from neuronas.searching import enqueue_candidate
from neuronas.searching.stop_rules import holding_rule, seconds_left
from tests.searching.fakes import (
    CHEAP,
    DiedError,
    FakeEvaluator,
    raising,
    rows,
    run,
    study_config,
    trials_of,
)

EPOCHS = 10
"""Of each training of these studies."""


def asking(trials: int = 100, **stop: float):
    return study_config(search={"trials": trials, "stop": stop}, training={"epochs": EPOCHS})


class Clock:
    """Each training takes a hundred seconds; nothing else takes any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in ("queries", "workers", "ledger", "reaping"):
            monkeypatch.setattr(f"neuronas.storage.{module}.now_s", lambda: sa.literal(self.now))

    def __call__(self, *_: object) -> None:
        self.now += 100.0


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def dies_at(number: int, then: object = lambda *_: None):
    def before(count: int, network: object) -> None:
        then(count, network)
        if count == number:
            raise DiedError

    return before


# Each rule


def test_epochs_stop_the_study_over_restarts(url):
    config = asking(epochs=45)
    for _ in range(2):
        with pytest.raises(DiedError):
            run(config, url, FakeEvaluator(dies_at(3)))
    result = run(config, url)
    assert result.study.counts["trained"] == 5
    assert (result.study.state, result.study.epochs) == ("finished", 50)
    assert holding_rule(result.study).key == "search.stop.epochs"
    assert all(trial.evaluation.test_accuracy is not None for trial in result.front)


def test_epochs_of_trainings_that_failed_count_where_they_are_known(url):
    def before(number: int, _: object) -> None:
        if number in {1, 2}:
            raise TrainingFailedError("diverged", "here", 7.5 if number == 1 else None)

    result = run(asking(epochs=25), url, FakeEvaluator(before))
    assert (result.study.counts["trained"], result.study.epochs) == (2, 27.5)
    assert rows(url, "SELECT epochs_trained FROM neuronas_candidates ORDER BY trial_number") == [
        {"epochs_trained": found} for found in (7.5, 0.0, 10.0, 10.0)
    ]


def test_epochs_that_another_study_trained_do_not_count(url):
    run(study_config(training={"epochs": EPOCHS}, name="other"), url)
    result = run(asking(epochs=40), url)
    assert result.study.counts["reused"] > 0
    assert (result.study.counts["trained"], result.study.epochs) == (4, 40)


def test_wall_time_stops_the_study_over_restarts(url, clock):
    config = asking(wall_seconds=650)
    with pytest.raises(DiedError):
        run(config, url, FakeEvaluator(dies_at(3, clock)))
    clock.now += 10_000  # nobody searches
    result = run(config, url, FakeEvaluator(clock))
    assert result.study.counts["trained"] == 6
    assert result.study.wall_seconds == 700
    assert holding_rule(result.study).key == "search.stop.wall_seconds"


def test_the_time_until_a_stop_by_the_user_counts(url, clock):
    def stopped(number: int, network: object) -> None:
        clock()
        raising(KeyboardInterrupt(), 3)(number, network)

    with pytest.raises(KeyboardInterrupt):
        run(asking(), url, FakeEvaluator(stopped))
    assert rows(url, "SELECT wall_seconds FROM neuronas_studies") == [{"wall_seconds": 300.0}]


def test_no_gain_stops_the_study_over_restarts(url, tmp_path):
    free = run(asking(trials=40), f"sqlite:///{tmp_path}/free.db")
    gains = {0} | {event.trained for event in free.history}
    expected = next(n for n in range(1, 41) if n - max(g for g in gains if g <= n) == 4)
    assert 6 < expected < 40

    config = asking(no_gain=4)
    with pytest.raises(DiedError):
        run(config, url, FakeEvaluator(dies_at(expected - 1)))
    result = run(config, url)
    assert result.study.counts["trained"] == expected
    assert (result.study.state, result.study.since_gain) == ("finished", 4)
    assert holding_rule(result.study).key == "search.stop.no_gain"


def test_the_number_of_networks_stops_as_ever(url):
    result = run(asking(trials=3, epochs=1000, wall_seconds=1e6, no_gain=50), url)
    assert result.study.counts["trained"] == 3
    assert holding_rule(result.study).key == "search.trials"


# Going on


def test_a_stopped_study_stays_stopped_until_its_rule_is_changed(url):
    run(asking(epochs=30), url)
    evaluator = FakeEvaluator()
    again = run(asking(epochs=30), url, evaluator, trials=200)
    assert (evaluator.calls, again.study.target_trials) == ([], 200)
    assert holding_rule(again.study).key == "search.stop.epochs"
    assert run(asking(epochs=50), url).study.counts["trained"] == 5
    assert run(asking(trials=8), url, trials=8).study.counts["trained"] == 8


def test_the_rule_that_holds_is_told_by_the_limits_that_were_asked_for_last(url):
    run(asking(epochs=30), url)
    result = run(asking(wall_seconds=1e-9), url)
    assert result.study.counts["trained"] == 3
    assert holding_rule(result.study).key == "search.stop.wall_seconds"


def test_an_enqueued_network_is_trained_in_a_stopped_study(url):
    config = asking(epochs=30)
    run(config, url)
    enqueue_candidate("test", CHEAP, storage=url)
    run(config, url)
    assert [t.candidate.architecture for t in trials_of(url).values()][3:] == [CHEAP]


def test_the_time_left_is_that_of_the_rule_that_comes_first(url, clock):
    seen = []
    run(asking(trials=10), url, FakeEvaluator(clock), listener=lambda p: seen.append(p))
    assert seen[-1].seconds_left == 0
    study = run(asking(trials=10), url).study
    assert seconds_left(study, 2.0) == 0
    run(asking(trials=20, epochs=150, wall_seconds=1e5), url, listener=lambda p: seen.append(p))
    first = next(p for p in seen if p.trained == 11 and p.seconds_left is not None)
    assert first.seconds_left == pytest.approx(4 * 2.0)  # 4 networks of 10 epochs, 2 s each


# The history of the front


def test_the_history_leads_to_the_front_step_by_step(url):
    result = run(asking(trials=40), url)
    standing: dict[int, int] = {}
    volume = 0.0
    for event in result.history:
        if event.enters:
            assert event.hypervolume >= volume
            standing[event.trial_number] = event.trained
        else:
            assert event.left_for in standing
            del standing[event.trial_number]
        volume = event.hypervolume
    assert any(not event.enters for event in result.history)
    assert set(standing) == {trial.candidate.trial_number for trial in result.front}
    assert volume == result.hypervolume
    trained = [event.trained for event in result.history]
    assert trained == sorted(trained)
    assert [e.time for e in result.history] == sorted(e.time for e in result.history)
    trials = trials_of(url)
    for event in result.history:
        of = trials[event.trial_number]
        assert event.objectives["accuracy"] == of.evaluation.validation_accuracy
