"""The database: its URL, its engine, and its faults in plain words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from sqlalchemy import event

from neuronas.errors import StorageError

DEFAULT_URL = "sqlite:///neuronas.db"
URL_VARIABLE = "NEURONAS_STORAGE"
BUSY_TIMEOUT_SECONDS = 60


def resolve_url(given: str | None, from_file: str | None = None) -> str:
    """Return the storage URL: what was given, else the study file's, the environment's, default."""
    return given or from_file or os.environ.get(URL_VARIABLE) or DEFAULT_URL


def sqlite_path(url: str) -> Path:
    """Return the database file of a storage URL.

    Raises:
        StorageError: The URL is not an SQLite file's.
    """
    path = _database(url)
    if path is None:
        raise StorageError(
            f"storage: found '{_without_password(url)}'; allowed: sqlite:///FILE, such as "
            f"{DEFAULT_URL} (PostgreSQL is not supported yet)"
        )
    return Path(path)


def database_file(url: str) -> Path | None:
    """Return the database file of a storage URL; None if it is not an SQLite file's."""
    path = _database(url)
    return None if path is None else Path(path)


def _database(url: str) -> str | None:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    in_memory = not parsed.database or parsed.database.startswith((":memory:", "file:"))
    return None if parsed.drivername != "sqlite" or in_memory else parsed.database


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return url


def require_existing(url: str) -> None:
    """Raise StorageError unless the database file is there."""
    path = sqlite_path(url)
    if not path.is_file():
        raise StorageError(
            f"no database at {path.absolute()}; run 'neuronas search STUDY.yaml' first, or name "
            f"the database with --storage or {URL_VARIABLE}"
        )


def create_engine(url: str) -> sa.Engine:
    """Return an engine for our tables: WAL, foreign keys, a busy timeout, explicit BEGIN."""
    path = sqlite_path(url)
    if not path.absolute().parent.is_dir():
        raise StorageError(f"cannot open {path}: no such folder {path.absolute().parent}")
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy sends BEGIN itself, below
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn faults of the database, ours and those Optuna wraps, into a StorageError that helps."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(url, error) from error
    except (sa.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
        raise _translated(url, _root(error)) from error


def _root(error: BaseException) -> BaseException:
    while not isinstance(error, sqlite3.Error):
        inner: Any = getattr(error, "orig", None) or error.__cause__
        if inner is None:
            break
        error = inner
    return error


def _translated(url: str, error: BaseException) -> StorageError:
    path, text = sqlite_path(url), str(error)
    if "full" in text:
        return StorageError(
            f"{path}: the database or its disk is full. Nothing that was stored is lost: free "
            "space, then run 'neuronas resume NAME'"
        )
    if "unable to open" in text:
        return StorageError(f"{path}: cannot be opened; check the path and its permissions")
    if "not a database" in text or "malformed" in text:
        return StorageError(f"{path}: is not an SQLite database, or is damaged")
    if "readonly" in text or "read-only" in text:
        return StorageError(f"{path}: cannot be written; check its permissions")
    if "locked" in text:
        return StorageError(
            f"{path}: was locked by another program for {BUSY_TIMEOUT_SECONDS} s; close it, then "
            "run 'neuronas resume NAME'"
        )
    return StorageError(f"{path}: {text}")
