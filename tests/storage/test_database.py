"""The database file: its URL, its settings, and its faults in plain words."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from neuronas.errors import NeuronasError, StorageError
from neuronas.searching import api
from neuronas.searching.objectives import directions
from neuronas.storage import (
    DEFAULT_URL,
    Repository,
    open_study,
    resolve_url,
    translated_errors,
)
from neuronas.storage.database import create_engine
from tests.searching.fakes import CHEAP, FakeEvaluator, rows, run, study_config, trials_of


@contextmanager
def pragma(statement: str) -> Iterator[None]:
    """Send a PRAGMA on every new connection, Optuna's and ours."""

    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA {statement}")

    event.listen(sa.Engine, "connect", configure)
    try:
        yield
    finally:
        event.remove(sa.Engine, "connect", configure)


def pages(url: str) -> int:
    (row,) = rows(url, "PRAGMA page_count")
    return row["page_count"]


# Where it is


def test_the_url_is_what_was_given_or_the_files_or_the_environments_or_the_default(monkeypatch):
    monkeypatch.delenv("NEURONAS_STORAGE", raising=False)
    assert resolve_url(None) == DEFAULT_URL == "sqlite:///neuronas.db"
    monkeypatch.setenv("NEURONAS_STORAGE", "sqlite:///environment.db")
    assert resolve_url(None) == "sqlite:///environment.db"
    assert resolve_url(None, "sqlite:///file.db") == "sqlite:///file.db"
    assert resolve_url("sqlite:///given.db", "sqlite:///file.db") == "sqlite:///given.db"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret@host/neuronas",
        "postgresql+asyncpg://user:secret@host/neuronas",
        "postgresql://user:secret@host",
        "postgresql://host:port/neuronas?password=secret",
        "sqlite:///:memory:",
        "sqlite://",
        "sqlite:///",
        "neuronas.db",
        "",
    ],
)
@pytest.mark.parametrize("create", [True, False], ids=["create", "read"])
def test_a_url_of_another_kind_is_told_what_is_allowed(url, create):
    with pytest.raises(StorageError) as caught:
        Repository(url, create=create)
    message = str(caught.value)
    assert message.startswith("storage: found '")
    assert "allowed: sqlite:///FILE, such as sqlite:///neuronas.db" in message
    assert "or postgresql://USER@HOST/DATABASE" in message
    assert "secret" not in message


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError) as caught:
        run(study_config(), f"sqlite:///{tmp_path}/no/such/neuronas.db")
    assert str(caught.value).endswith(f"no such folder {tmp_path}/no/such")


def test_reading_a_missing_database_says_how_to_get_one(tmp_path):
    url = f"sqlite:///{tmp_path}/neuronas.db"
    for read in (
        lambda: Repository(url),
        lambda: api.resume("test", storage=url),
        lambda: api.load_result(url, "test"),
        lambda: api.enqueue_candidate("test", CHEAP, storage=url),
    ):
        with pytest.raises(StorageError) as caught:
            read()
        message = str(caught.value)
        assert message.startswith(f"no database at {tmp_path}/neuronas.db; ")
        assert "neuronas search STUDY.yaml" in message
        assert "--storage" in message
        assert "NEURONAS_STORAGE" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False], ids=["create", "read"])
def test_a_file_that_is_no_database_is_called_so_and_left_as_it_is(tmp_path, create):
    path = tmp_path / "notes.db"
    path.write_text("not a database\n" * 100)
    with pytest.raises(StorageError) as caught:
        Repository(f"sqlite:///{path}", create=create)
    assert str(caught.value) == f"{path}: is not an SQLite database, or is damaged"
    assert path.read_text() == "not a database\n" * 100


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(StorageError, match="cannot be opened; check the path"):
        run(study_config(), f"sqlite:///{tmp_path}")


def test_a_name_with_spaces_and_percent_signs_is_a_name(tmp_path):
    url = f"sqlite:///{tmp_path}/my 100% study.db"
    assert run(study_config(), url, trials=1).study.counts["trained"] == 1
    assert (tmp_path / "my 100% study.db").is_file()


# How it is set


def test_our_connections_use_wal_a_busy_timeout_and_foreign_keys(url):
    run(study_config(), url, trials=1)
    engine = create_engine(url)
    with engine.connect() as connection:

        def setting(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert setting("journal_mode") == "wal"
        assert setting("busy_timeout") == 60_000
        assert setting("foreign_keys") == 1
    engine.dispose()


def test_optunas_connections_wait_as_long_as_ours(url):
    run(study_config(), url, trials=1)
    shared = open_study(url, "test", directions(["accuracy", "energy"]))
    with shared.rows.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_reader_sees_the_study_while_another_connection_writes(url):
    run(study_config(), url, trials=2)
    writer = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE neuronas_studies SET target_trials = 99")
    try:
        with Repository(url) as repository:
            assert repository.study("test").target_trials == 2
    finally:
        writer.execute("ROLLBACK")
        writer.close()


# Its faults


def test_a_full_database_loses_nothing_and_the_study_resumes_when_there_is_space(url):
    config = study_config()
    run(config, url, trials=3)
    with pragma(f"max_page_count = {pages(url) + 12}"), pytest.raises(StorageError) as caught:
        run(config, url, trials=500)
    message = str(caught.value)
    assert message.startswith(f"{url.removeprefix('sqlite:///')}: ")
    assert "the database or its disk is full" in message
    assert "Nothing that was stored is lost" in message
    assert "neuronas resume" in message

    before = {n: t for n, t in trials_of(url).items() if t.evaluation is not None}
    assert 3 < len(before) < 500
    evaluator = FakeEvaluator()
    result = run(config, url, evaluator, trials=len(before) + 3)
    after = trials_of(url)
    assert {n: after[n].candidate for n in before} == {n: t.candidate for n, t in before.items()}
    assert {n: after[n].evaluation.validation_accuracy for n in before} == {
        n: t.evaluation.validation_accuracy for n, t in before.items()
    }
    assert not {t.evaluation.key for t in before.values()} & set(evaluator.trained)
    assert result.study.state == "finished"
    assert result.study.counts["trained"] == len(before) + 3


@pytest.mark.parametrize("room", range(0, 60, 9))
def test_a_database_that_was_full_when_it_was_made_can_be_used_later(url, room):
    with pragma(f"max_page_count = {1 + room}"), pytest.raises(StorageError, match="is full"):
        run(study_config(), url, trials=50)
    result = run(study_config(), url, trials=4)
    assert result.study.state == "finished"
    assert result.study.counts["trained"] >= 4
    assert result.study.counts["failed"] == 0


def test_a_database_that_cannot_be_written_says_so(url):
    """``query_only`` gives SQLite's error of a read-only file, which root never gets."""
    run(study_config(), url, trials=2)
    with (
        pragma("query_only = ON"),
        pytest.raises(StorageError, match=r"neuronas\.db: cannot be written; check its perm"),
    ):
        run(study_config(), url, trials=4)
    assert run(study_config(), url, trials=4).study.counts["trained"] == 4


def test_a_study_can_be_read_where_nothing_can_be_written(url):
    expected = run(study_config(), url, trials=2)
    with pragma("query_only = ON"):
        assert api.load_result(url, "test") == expected


def test_a_locked_database_says_by_whom_and_for_how_long(url, monkeypatch):
    monkeypatch.setattr("neuronas.storage.database.BUSY_TIMEOUT_SECONDS", 0)
    run(study_config(), url, trials=1)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with Repository(url) as repository, pytest.raises(StorageError) as caught:
            repository.update_study("test", target_trials=5)
    finally:
        other.close()
    assert "was locked by another program" in str(caught.value)
    assert "neuronas resume" in str(caught.value)


def test_a_fault_of_another_kind_keeps_sqlites_own_words(url):
    run(study_config(), url, trials=1)
    engine = create_engine(url)
    with (
        pytest.raises(StorageError, match=r"neuronas\.db: no such table: nowhere"),
        translated_errors(url),
        engine.connect() as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM nowhere")
    engine.dispose()


def test_a_fault_while_another_error_is_handled_is_told_not_that_error(url):
    """As when the database fails while Ctrl-C is cleaned up."""
    run(study_config(), url, trials=1)
    engine = create_engine(url)

    def clean_up() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM nowhere")

    def stopped() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            clean_up()

    with pytest.raises(StorageError, match="no such table: nowhere"), translated_errors(url):
        stopped()
    engine.dispose()


def test_errors_of_our_own_pass_untranslated(url):
    error = NeuronasError("as it was")
    with pytest.raises(NeuronasError) as caught, translated_errors(url):
        raise error
    assert caught.value is error


def test_a_damaged_database_is_called_so(url):
    run(study_config(), url, trials=2)
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 20)
    with pytest.raises(StorageError, match="is not an SQLite database, or is damaged"):
        api.load_result(url, "test")
