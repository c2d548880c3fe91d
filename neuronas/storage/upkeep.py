"""Looking after a database: what it holds, and bringing it to this version."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import optuna
import sqlalchemy as sa

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage.backup import back_up
from neuronas.storage.database import create_engine, engine_options, require_existing
from neuronas.storage.faults import translated_errors
from neuronas.storage.lock import creation_lock, is_searched
from neuronas.storage.schema import known_revision, newest_revision, optuna_revision, upgrade
from neuronas.storage.tables import CandidateRow, StudyRow
from neuronas.storage.urls import driver_url, is_sqlite, shown_url, sqlite_path


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """What a database is and holds.

    Attributes:
        url: Storage URL, without its password.
        kind: ``SQLite`` or ``PostgreSQL``.
        version: Of SQLite's library here, or of the server.
        schema: Revision of our tables.
        newest_schema: The revision that this version works with.
        optuna_schema: Revision of Optuna's tables; None before there are any.
        newest_optuna_schema: The revision that the installed Optuna works with; None likewise.
        size_bytes: All of the database.
        studies: Studies in our tables.
        trials: Trials of all studies in our tables.
    """

    url: str
    kind: str
    version: str
    schema: str
    newest_schema: str
    optuna_schema: str | None
    newest_optuna_schema: str | None
    size_bytes: int
    studies: int
    trials: int

    @property
    def is_current(self) -> bool:
        """Whether this version can work with it."""
        ours, optunas = self.schema == self.newest_schema, self.optuna_schema
        return ours and optunas == self.newest_optuna_schema


def database_status(url: str) -> DatabaseStatus:
    """Return what a database is and holds, whatever its schema, and change nothing.

    Raises:
        StorageError: It holds no study of neuronas, or its schema is newer than this version's.
    """
    with _opened(url) as engine:
        storage = _optunas(url, engine)
        version, size = _SERVER[engine.dialect.name]
        with engine.connect() as connection:
            return DatabaseStatus(
                url=shown_url(url),
                kind="SQLite" if is_sqlite(url) else "PostgreSQL",
                version=str(connection.scalar(sa.text(version))),
                schema=_required_revision(url, engine),
                newest_schema=newest_revision(),
                optuna_schema=None if storage is None else storage.get_current_version(),
                newest_optuna_schema=None if storage is None else storage.get_head_version(),
                size_bytes=int(connection.scalar(sa.text(size)) or 0),
                studies=_count(connection, StudyRow),
                trials=_count(connection, CandidateRow),
            )


_SERVER = {
    "sqlite": (
        "SELECT sqlite_version()",
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    ),
    "postgresql": (
        "SELECT current_setting('server_version')",
        "SELECT pg_database_size(current_database())",
    ),
}
"""What asks for the version, and for the size in bytes."""


def upgrade_database(url: str) -> Path | None:
    """Bring a database's tables, ours and Optuna's, to the schema of what is installed here.

    Returns:
        The copy of an SQLite file as it was before; None where nothing was to be done, and of a
        server, whose backups are its administrator's.

    Raises:
        StorageError: It holds no study of neuronas, or its schema is newer than this version's.
        StudyLockedError: A live process searches one of its studies.
    """
    alone = creation_lock(url) if is_sqlite(url) else nullcontext()
    with _opened(url) as engine, alone:
        if database_status(url).is_current:
            return None
        _require_unsearched(url, engine)
        copy = _backed_up(url, engine) if is_sqlite(url) else None
        upgrade(engine)
        storage = _optunas(url, engine)
        if storage is not None and storage.get_current_version() != storage.get_head_version():
            storage.upgrade()
        return copy


def back_up_database(url: str, file: Path) -> None:
    """Copy a database into a new file: SQLite's as a database, PostgreSQL's for pg_restore.

    Raises:
        StorageError: It holds no study of neuronas, its schema is newer than this version's, or
            the copy cannot be made.
    """
    with _opened(url):
        back_up(url, file)


@contextmanager
def _opened(url: str) -> Iterator[sa.Engine]:
    """Give a database that has our tables, of this version's schema or an older one."""
    require_existing(url)
    engine = create_engine(url)
    try:
        with translated_errors(url):
            _required_revision(url, engine)
            yield engine
    finally:
        engine.dispose()


def _required_revision(url: str, engine: sa.Engine) -> str:
    found = known_revision(engine)
    if found is None:
        raise StorageError(f"{shown_url(url)} holds no study of neuronas")
    return found


def _optunas(url: str, engine: sa.Engine) -> optuna.storages.RDBStorage | None:
    """Return Optuna's storage whatever its schema; None before it has any tables.

    Raises:
        StorageError: Its schema is newer than the installed Optuna's.
    """
    found = optuna_revision(engine)
    if found is None:
        return None
    storage = optuna.storages.RDBStorage(
        driver_url(url),
        engine_kwargs=engine_options(url),
        skip_compatibility_check=True,
        skip_table_creation=True,
    )
    weakref.finalize(storage, storage.engine.dispose)
    if found not in storage.get_all_versions():
        raise StorageError(
            f"{shown_url(url)}: Optuna's tables have schema {found}, which Optuna "
            f"{optuna.__version__} does not know; they were written by a newer one: upgrade Optuna"
        )
    return storage


def _count(connection: sa.Connection, table: type[StudyRow | CandidateRow]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _require_unsearched(url: str, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        names = list(connection.scalars(sa.select(StudyRow.name)))
    searched = [name for name in names if is_searched(url, name)]
    if searched:
        raise StudyLockedError(
            f"{shown_url(url)}: study '{searched[0]}' is being searched; stop its search first"
        )


def _backed_up(url: str, engine: sa.Engine) -> Path:
    path, now = sqlite_path(url), datetime.now(UTC)
    copy = path.with_name(f"{path.name}.{known_revision(engine)}.{now:%Y%m%dT%H%M%S%f}.backup")
    back_up(url, copy)
    return copy
