"""The schema: what the migration creates is what the tables say, and the views answer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from neuronas.config import StudyConfig
from neuronas.errors import StorageError
from neuronas.records import Trial
from neuronas.report.units import USUAL
from neuronas.searching import enqueue_candidate, load_result
from neuronas.storage import Repository
from neuronas.storage.database import create_engine
from neuronas.storage.schema import newest_revision, revision, upgrade
from neuronas.storage.tables import PREFIX, VERSION_TABLE, Base
from tests.searching.fakes import TOO_DEAR, rows, run, study_config, trials_of

FIRST = import_module("neuronas.storage.migrations.versions.0001_first_schema")


def ours(name: str | None, kind: str, *_: object) -> bool:
    return kind != "table" or (name or "").startswith(PREFIX)


def names_of(url: str, kind: str) -> set[str]:
    return {row["name"] for row in rows(url, "SELECT name FROM sqlite_master WHERE type = ?", kind)}


def test_the_migration_creates_exactly_the_tables(any_url):
    run(study_config(), any_url, trials=1)  # Optuna's tables are there too
    engine = create_engine(any_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": VERSION_TABLE, "include_name": ours, "compare_type": True},
        )
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_our_tables_live_beside_optunas_in_one_database(url):
    run(study_config(), url, trials=1)
    tables = names_of(url, "table")
    assert {f"{PREFIX}{n}" for n in ("studies", "candidates", "costs", "evaluations", "front")} <= (
        tables
    )
    assert {"studies", "trials", "alembic_version", VERSION_TABLE} <= tables
    assert names_of(url, "view") == {"neuronas_v_front", "neuronas_v_costs"}


def test_a_database_that_is_up_to_date_is_left_alone(url):
    engine = create_engine(url)
    assert revision(engine) is None
    upgrade(engine)
    before = rows(url, "SELECT * FROM sqlite_master")
    assert revision(engine) == newest_revision()
    upgrade(engine)
    assert rows(url, "SELECT * FROM sqlite_master") == before
    engine.dispose()


def as_0003(url: str) -> None:
    """Make a database what it was before costs were measured."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        for view in ("neuronas_v_costs", "neuronas_v_front"):
            connection.execute(f"DROP VIEW {view}")
        connection.execute("DROP INDEX ix_neuronas_candidates_state")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN worker_id")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN lease_expires_s")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN parameters")
        connection.execute("DROP TABLE neuronas_workers")
        connection.execute("ALTER TABLE neuronas_evaluations DROP COLUMN salvaged")
        connection.execute("ALTER TABLE neuronas_studies DROP COLUMN counted_until_s")
        connection.execute("ALTER TABLE neuronas_studies DROP COLUMN environment")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN deaths")
        connection.execute("DROP TABLE neuronas_rungs")
        connection.execute("DROP TABLE neuronas_scores")
        connection.execute("ALTER TABLE neuronas_studies DROP COLUMN wall_seconds")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN epochs_trained")
        connection.execute("ALTER TABLE neuronas_front DROP COLUMN trained")
        connection.execute("DROP TABLE neuronas_measured_costs")
        connection.execute("ALTER TABLE neuronas_costs DROP COLUMN quantities")
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN feasible_probability")
        connection.execute(FIRST._V_COSTS)
        connection.execute(FIRST._V_FRONT)
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0003'")
        connection.commit()


def as_0001(url: str) -> None:
    """Make a database what the first schema and the study files of its time held."""
    as_0003(url)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE neuronas_candidates DROP COLUMN chip")
        connection.execute("ALTER TABLE neuronas_evaluations DROP COLUMN zero_inputs")
        connection.execute("ALTER TABLE neuronas_evaluations DROP COLUMN peak_memory_bytes")
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
        connection.execute("UPDATE neuronas_costs SET chip = 'spikesim-65nm'")
        for number, text in list(connection.execute("SELECT id, config FROM neuronas_studies")):
            config = json.loads(text)
            del config["space"]["chip"], config["hardware"]["spike_rate"]
            config["hardware"]["chip"] = "spikesim-65nm"
            connection.execute(
                "UPDATE neuronas_studies SET config = ? WHERE id = ?", (json.dumps(config), number)
            )
        connection.commit()


def without_new(trial: Trial) -> Trial:
    """Return a trial without what the first schema did not have."""
    known = trial.cost.quantities.keys() - {"throughput_per_s", "spikes", "synops", "bit_synops"}
    cost = replace(trial.cost, quantities={n: trial.cost.quantities[n] for n in known})
    trial = replace(trial, cost=cost, measured_cost=None)
    if trial.evaluation is None:
        return trial
    evaluation = replace(trial.evaluation, zero_inputs=None, peak_memory_bytes=None)
    return replace(trial, evaluation=evaluation)


def without_measured(row: dict[str, object]) -> dict[str, object]:
    """Return a row of the view of costs as it was before costs were measured."""
    return row | {"measured_energy_uj": None, "measured_latency_ms": None}


def test_studies_of_the_first_schema_are_kept_and_go_on(url):
    config = study_config()
    before = run(config, url, trials=2)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    run(config, url, trials=3)
    trials = trials_of(url)
    views = [without_measured(row) for row in rows(url, "SELECT * FROM neuronas_v_costs")]
    fronts = rows(url, "SELECT * FROM neuronas_v_front")
    history = load_result(url, "test").history
    as_0001(url)

    old = trials_of(url)  # reading brings the schema up to date
    assert {t.evaluation and t.evaluation.zero_inputs for t in old.values()} == {None}
    assert {t.evaluation and t.evaluation.peak_memory_bytes for t in old.values()} == {None}
    assert {number: without_new(trial) for number, trial in old.items()} == {
        number: without_new(trial) for number, trial in trials.items()
    }
    engine = create_engine(url)
    assert revision(engine) == newest_revision()
    engine.dispose()
    stored = load_result(url, "test")
    assert stored.history == history
    assert (stored.study.epochs, stored.study.wall_seconds) == (30, 6)  # 3 trainings of 10 and 2 s
    assert {row["chip"] for row in rows(url, "SELECT chip FROM neuronas_candidates")} == {"{}"}
    assert rows(url, "SELECT * FROM neuronas_v_costs") == views
    assert rows(url, "SELECT * FROM neuronas_v_front") == fronts
    assert {row["chip"] for row in views} == {"spikesim-65nm-rram"}

    (stored,) = rows(url, "SELECT config FROM neuronas_studies")
    content = json.loads(stored["config"])
    assert content["hardware"] == {"model": "spikesim", "chip": "spikesim-65nm-rram"}
    loaded = StudyConfig.model_validate(content)
    assert loaded.comparable() == config.comparable()
    after = run(config, url, trials=4)
    assert after.study.counts["trained"] == 4
    assert after.study.reference == before.study.reference


def test_only_the_chip_is_renamed_in_a_study_of_the_first_schema(url):
    run(study_config(name="spikesim-65nm"), url, trials=1)
    as_0001(url)
    with Repository(url) as repository:
        assert repository.study("spikesim-65nm").config.name == "spikesim-65nm"


def test_a_newer_schema_is_refused(url):
    run(study_config(), url, trials=1)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()
    for create in (False, True):
        with pytest.raises(StorageError) as caught:
            Repository(url, create=create)
        assert "schema 9999" in str(caught.value)
        assert "newer version: upgrade neuronas" in str(caught.value)


def test_a_database_without_our_tables_is_not_given_them_by_reading(url):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("CREATE TABLE somebody (elses INTEGER)")
        connection.commit()
    with pytest.raises(StorageError, match="holds no study of neuronas"):
        Repository(url)
    assert names_of(url, "table") == {"somebody"}


def test_an_unfinished_first_migration_is_done_again(url):
    """Alembic's version table is there, but nothing else yet."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
        connection.commit()
    assert run(study_config(), url, trials=1).study.counts["trained"] == 1


def test_the_views_answer_in_the_units_of_reports(any_url):
    url, config = any_url, study_config()
    run(config, url, trials=2)
    enqueue_candidate("test", TOO_DEAR, storage=url)
    result = run(config, url, trials=8)
    trials = trials_of(url)

    costs = rows(url, "SELECT * FROM neuronas_v_costs WHERE study = 'test' ORDER BY trial")
    assert [row["trial"] for row in costs] == sorted(trials)
    for row in costs:
        trial = trials[row["trial"]]
        usual = {name: trial.cost.quantities[name] for name in USUAL}
        assert {name: row[name] for name in usual} == usual
        measured = trial.measured_cost and trial.measured_cost.quantities
        assert row["measured_energy_uj"] == (measured and measured["energy_uj"])
        assert (row["state"], row["reason"]) == (trial.state, trial.reason)
        assert (row["num_pe"], row["num_tiles"]) == (trial.cost.num_pe, trial.cost.num_tiles)

    front = rows(url, "SELECT * FROM neuronas_v_front WHERE study = 'test'")
    standing = {trial.candidate.trial_number: trial for trial in result.front}
    assert {row["trial"] for row in front} == set(standing)
    for row in front:
        evaluation = standing[row["trial"]].evaluation
        assert row["validation_accuracy"] == evaluation.validation_accuracy
        assert row["test_accuracy"] == evaluation.test_accuracy
        assert row["weights_path"] == evaluation.weights_path.as_posix()
        assert row["energy_uj"] == standing[row["trial"]].known_cost.energy_pj / 1e6


def test_the_views_tell_studies_apart(url):
    for seed, name in enumerate(("one", "two")):
        run(study_config(name=name, search={"seed": seed}), url, trials=2)
    counted = rows(url, "SELECT study, count(*) AS n FROM neuronas_v_costs GROUP BY study")
    assert counted == [{"study": "one", "n": 2}, {"study": "two", "n": 2}]
    assert {row["study"] for row in rows(url, "SELECT study FROM neuronas_v_front")} == {
        "one",
        "two",
    }
