"""Studies that are stopped, compared and deleted, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from neuronas.errors import ConfigError, StorageError, StudyLockedError
from neuronas.searching.care import compare_studies, stop_study
from neuronas.storage import Repository, delete_study
from neuronas.storage.tables import Base
from tests.searching.fakes import FakeEvaluator, raising, run, study_config, trials_of
from tests.storage.fakes import change, looking

KEPT = {"alembic_version", "neuronas_alembic_version", "version_info"}
"""Tables that tell schemas, not studies."""


@pytest.fixture
def tables(any_url):
    with Repository(any_url, create=True) as opened:
        yield opened


def config(name: str = "test", *, search: dict[str, object] | None = None, **changes: object):
    return study_config(name=name, search={"trials": 4, **(search or {})}, **changes)


def counts(url: str) -> dict[str, int]:
    """Return the rows of every table that has any, ours and Optuna's."""
    with looking(url) as connection:
        names = set(sa.inspect(connection).get_table_names()) - KEPT
        assert {table.name for table in Base.metadata.sorted_tables} | {"trials"} <= names
        found = {
            name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in names
        }
    return {name: count for name, count in found.items() if count}


# stop


def test_a_running_study_can_be_stopped_and_is_told_how_many_drain(tables, any_url):
    with pytest.raises(KeyboardInterrupt):
        run(config(), any_url, FakeEvaluator(raising(KeyboardInterrupt(), 2)))
    with tables.joined("test"):
        assert stop_study(tables, "test") == 1
    assert tables.study("test").state == "stopped"
    assert run(config(), any_url).study.counts["trained"] == 4


def test_only_a_running_study_can_be_stopped(tables, any_url):
    run(config(), any_url)
    with pytest.raises(StorageError, match="'test' is finished; only a running one"):
        stop_study(tables, "test")
    with pytest.raises(StorageError, match=r"no study 'other' .*: test"):
        stop_study(tables, "other")


def test_a_stopped_study_lets_its_search_end_before_the_next_network(tables, any_url):
    def stop(number: int, _: object) -> None:
        if number == 2:
            stop_study(tables, "test")

    stopping = FakeEvaluator(stop)
    result = run(config(), any_url, stopping)
    assert result.study.state == "stopped"
    assert len(stopping.trained) == 2


# delete


def test_nothing_is_left_of_a_deleted_study(tables, any_url):
    rungs = {"rungs": [2], "sampler": "random"}
    with pytest.raises(KeyboardInterrupt):
        run(config(search=rungs), any_url, FakeEvaluator(raising(KeyboardInterrupt(), 7)))
    before = counts(any_url)
    assert {"neuronas_rungs", "neuronas_front", "neuronas_workers", "trials"} <= before.keys()
    deleted = delete_study(tables, "test")
    assert deleted.trials == before["neuronas_candidates"]
    assert deleted.evaluations == before["neuronas_evaluations"]
    assert len(set(deleted.files)) == before["neuronas_candidates"] - 1  # the last had no rung yet
    assert counts(any_url) == {}
    assert run(config(), any_url).study.counts["trained"] == 4  # the name is free


def test_trainings_that_another_study_uses_are_given_to_it(tables, any_url):
    run(config(), any_url)
    run(config("heir", budget={"energy_uj": 0.24}, search={"trials": 2}), any_url)
    before = trials_of(any_url, "heir")
    used = {t.evaluation.key for t in before.values() if not t.newly_trained}
    assert used
    deleted = delete_study(tables, "test")
    assert (deleted.trials, deleted.evaluations) == (4, 4 - len(used))
    assert trials_of(any_url, "heir") == before
    assert [study.name for study in tables.studies()] == ["heir"]
    assert len(delete_study(tables, "heir").files) == len(used) + 2
    assert counts(any_url) == {}


def test_a_study_that_is_worked_on_is_not_deleted(tables, any_url):
    run(config(), any_url)
    before = counts(any_url)
    with tables.joined("test"):
        with pytest.raises(StudyLockedError, match="stop it first: neuronas stop test"):
            delete_study(tables, "test")
        assert counts(any_url) == before | {"neuronas_workers": 2}
    with pytest.raises(StorageError, match=r"no study 'other' .*: test"):
        delete_study(tables, "other")


def test_a_deletion_that_breaks_deletes_nothing(tables, any_url, monkeypatch):
    run(config(), any_url)
    before = counts(any_url)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("neuronas.storage.bridge.SharedStudy.delete", broken)
    with pytest.raises(ZeroDivisionError):
        delete_study(tables, "test")
    assert counts(any_url) == before


# compare


def test_hypervolumes_are_measured_from_the_worst_of_the_references(tables, any_url):
    run(config(), any_url)
    run(config("other", search={"seed": 2}), any_url)
    change(
        any_url,
        'UPDATE neuronas_studies SET reference = \'{"accuracy": 0.0, "energy": 0.5}\''
        " WHERE name = 'other'",
    )
    first, second = compare_studies(tables, ["test", "other"])
    assert [first.study.name, second.study.name] == ["test", "other"]
    assert first.front == tables.front("test")
    # From twice the energy, every point of the first front saves more.
    assert first.hypervolume > tables.hypervolume("test")
    assert compare_studies(tables, ["other", "test"])[1].hypervolume == first.hypervolume


def test_the_common_front_has_what_no_other_study_is_better_than(tables, any_url):
    run(config(), any_url)
    run(config("other", search={"seed": 2}), any_url)
    compared = compare_studies(tables, ["test", "other"])
    points = {
        (c.study.name, p.trial_number): tuple(p.objectives.values())
        for c in compared
        for p in tables.front_points(c.study.name)
    }
    best = {
        who
        for who, (accuracy, energy) in points.items()
        if not any(
            a >= accuracy and e <= energy and (a, e) != (accuracy, energy)
            for a, e in points.values()
        )
    }
    assert {(c.study.name, n) for c in compared for n in c.on_common_front} == best


def test_networks_that_both_found_are_on_the_common_front_of_both(tables, any_url):
    run(config(), any_url)
    run(config("same"), any_url)
    first, second = compare_studies(tables, ["test", "same"])
    reused = {n for n, trial in trials_of(any_url, "same").items() if not trial.newly_trained}
    assert first.on_common_front == [n for n in second.on_common_front if n in reused] != []


def test_studies_without_a_front_can_be_compared(tables, any_url):
    for name in ("test", "other"):
        tables.create_study(config(name), 4, {"accuracy": 0.0, "energy": 0.25})
    for compared in compare_studies(tables, ["test", "other"]):
        assert (compared.front, compared.hypervolume, compared.on_common_front) == ([], 0.0, [])


def test_studies_of_other_objectives_or_data_are_not_compared(tables):
    reference = {"accuracy": 0.0, "energy": 0.25, "latency": 0.2}
    tables.create_study(config(), 4, reference)
    tables.create_study(config("fast", objectives=["accuracy", "latency"]), 4, reference)
    tables.create_study(config("mnist", dataset="mnist"), 4, reference)
    said = "'fast' has objectives accuracy, latency, 'test' has accuracy, energy; only"
    with pytest.raises(ConfigError, match=said):
        compare_studies(tables, ["test", "fast"])
    with pytest.raises(ConfigError, match="'mnist' has dataset mnist, 'test' has digits"):
        compare_studies(tables, ["test", "mnist"])
