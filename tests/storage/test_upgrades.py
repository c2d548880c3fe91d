"""Upgrades from every earlier schema, with rows in all tables, on both kinds of database."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage import (
    Repository,
    back_up_database,
    database_status,
    upgrade_database,
)
from neuronas.storage.database import create_engine
from neuronas.storage.schema import _config, _scripts, newest_revision
from neuronas.storage.tables import PREFIX, VERSION_TABLE
from tests.searching.fakes import rows, run, study_config, trials_of

EARLIER = [s.revision for s in _scripts().walk_revisions() if s.revision != newest_revision()]
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def made(url: str, revision: str) -> None:
    """Create the tables of an earlier schema, and three rows in each."""
    engine, config = create_engine(url), _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table in tables(connection):
            for number in (1, 2, 3):
                values = {column.name: value(column, number) for column in table.columns}
                connection.execute(table.insert().values(values))
    engine.dispose()


def tables(connection: sa.Connection) -> list[sa.Table]:
    """Return our tables as they stand in the database, referred ones first."""
    found = sa.MetaData()
    found.reflect(
        connection, only=lambda name, _: name.startswith(PREFIX) and name != VERSION_TABLE
    )
    return found.sorted_tables


def value(column: sa.Column[Any], number: int) -> object:
    """Return a value for a column that differs between rows."""
    kind = column.type
    if isinstance(kind, sa.JSON):
        return {"name": f"ü{number}", "values": [number, 0.1 * number, None, True]}
    if isinstance(kind, sa.DateTime):
        return NOON + timedelta(seconds=number + 0.25)
    if isinstance(kind, sa.Boolean):
        return number == 1
    if isinstance(kind, sa.Float):
        return 0.1 * number
    if isinstance(kind, sa.BigInteger):
        return 2**62 + number
    if isinstance(kind, sa.Integer):
        return number
    return f"{column.name} {number}"[-16:]


def stored(url: str, like: dict[str, list[str]] | None = None) -> dict[str, list[Any]]:
    """Return all rows of our tables; of the tables and columns of ``like`` where given."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {}
        for table in tables(connection):
            if like is not None and table.name not in like:
                continue
            columns = [c for c in table.columns if like is None or c.name in like[table.name]]
            key = list(table.primary_key)
            found[table.name] = [
                dict(row._mapping) for row in connection.execute(sa.select(*columns).order_by(*key))
            ]
    engine.dispose()
    return found


@pytest.mark.parametrize("earlier", EARLIER)
def test_no_row_and_no_value_is_lost(any_url, earlier):
    made(any_url, earlier)
    before = stored(any_url)
    assert all(len(found) == 3 for found in before.values())
    assert database_status(any_url).schema == earlier

    upgrade_database(any_url)
    status = database_status(any_url)
    assert (status.schema, status.is_current) == (newest_revision(), True)
    assert (status.studies, status.trials) == (3, 3)
    assert stored(any_url, {name: list(found[0]) for name, found in before.items()}) == before
    assert stored(any_url).keys() >= before.keys()


def test_a_file_is_copied_before_it_is_upgraded(sqlite_url):
    made(sqlite_url, "0005")
    before = stored(sqlite_url)
    copy = upgrade_database(sqlite_url)
    assert copy.name.startswith("neuronas.db.0005.")
    assert database_status(f"sqlite:///{copy}").schema == "0005"
    assert stored(f"sqlite:///{copy}") == before
    assert upgrade_database(sqlite_url) is None


def test_an_upgrade_that_fails_leaves_everything_as_it_was(any_url, monkeypatch):
    made(any_url, "0005")
    before = stored(any_url)
    engine = create_engine(any_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE neuronas_rungs (id INTEGER PRIMARY KEY)")
    with pytest.raises(StorageError, match="already exists"):
        upgrade_database(any_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE neuronas_rungs")
    engine.dispose()
    assert stored(any_url) == before
    assert database_status(any_url).schema == "0005"


def test_a_server_is_upgraded_by_command_only(postgres_url):
    made(postgres_url, "0005")
    for create in (True, False):
        with pytest.raises(StorageError) as caught:
            Repository(postgres_url, create=create)
        assert f"has schema 0005, this neuronas has {newest_revision()}" in str(caught.value)
        assert "run 'neuronas db upgrade'" in str(caught.value)
        assert "s3cret" not in str(caught.value)
    assert database_status(postgres_url).schema == "0005"
    upgrade_database(postgres_url)
    Repository(postgres_url).close()


def test_a_database_that_an_earlier_version_searches_is_not_upgraded(sqlite_url, tmp_path):
    made(sqlite_url, "0006")
    with (tmp_path / ".neuronas.db.name 1.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StudyLockedError, match="'name 1' is being searched"):
            upgrade_database(sqlite_url)
    assert database_status(sqlite_url).schema == "0006"
    upgrade_database(sqlite_url)


def test_a_newer_schema_is_refused_by_everything(any_url, tmp_path):
    made(any_url, newest_revision())
    engine = create_engine(any_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    engine.dispose()
    for use in (
        Repository,
        database_status,
        upgrade_database,
        lambda url: back_up_database(url, tmp_path / "copy"),
    ):
        with pytest.raises(StorageError, match=r"has schema 9999, which .*: upgrade neuronas"):
            use(any_url)
    assert not (tmp_path / "copy").exists()


def test_optunas_tables_of_another_schema_are_told_of(any_url):
    run(study_config(), any_url, trials=1)
    before = trials_of(any_url)
    engine = create_engine(any_url)

    def set_revision(revision: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")

    (found,) = rows(any_url, "SELECT version_num FROM alembic_version")
    set_revision("v3.0.0.d")  # what came after it is an index, which new databases lack
    with pytest.raises(StorageError, match=r"schema v3\.0\.0\.d.*'neuronas db upgrade'"):
        run(study_config(), any_url, trials=2)
    assert not database_status(any_url).is_current
    with (
        Repository(any_url) as repository,
        repository.joined("test"),
        pytest.raises(StudyLockedError, match="study 'test' is being searched"),
    ):
        upgrade_database(any_url)
    upgrade_database(any_url)
    assert database_status(any_url).optuna_schema == found["version_num"]
    assert trials_of(any_url) == before
    run(study_config(), any_url, trials=2)

    set_revision("v99")
    for use in (database_status, upgrade_database):
        with pytest.raises(StorageError, match=r"schema v99, which Optuna .*: upgrade Optuna"):
            use(any_url)
    engine.dispose()
