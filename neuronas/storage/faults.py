"""Faults of a database in plain words, and which of them pass by themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import optuna
import sqlalchemy as sa
from sqlalchemy import event

from neuronas.errors import StorageError, StorageUnavailableError
from neuronas.storage import database
from neuronas.storage.urls import is_sqlite, passwords, shown_url, sqlite_path

_FULL = (
    "the database or its disk is full. Nothing that was stored is lost: free space, then run "
    "'neuronas resume NAME'"
)
_AWAY = "cannot be reached, or was restarted; nothing that was stored is lost: try again later"
_MANY = (
    "has no connection left; raise max_connections there, put pgbouncer before it, or start "
    "fewer workers"
)
_LOGIN = "does not let this user in; check user and password"
_ABSENT = "there is no such database; create it there with: createdb NAME"
_FORBIDDEN = "this user may not do that there; grant it what the database's owner may"
_READ_ONLY = "cannot be written: the server is read-only, such as a standby"
_BUSY = "all connections of this process are in use: try again"
_COLLIDED = "another process changed the same rows at the same time: try again"

# SQLSTATE, of what a server answers to a statement: its beginning, what to say, whether it passes.
_STATES = (
    ("08", _AWAY, True),
    *((state, _AWAY, True) for state in ("57P01", "57P02", "57P03", "57P05", "25P03")),
    ("40", _COLLIDED, True),
    ("55P03", _COLLIDED, True),
    ("53100", _FULL, False),
    ("53300", _MANY, True),
    ("28", _LOGIN, False),
    ("3D000", _ABSENT, False),
    ("42501", _FORBIDDEN, False),
    ("25006", _READ_ONLY, False),
)
# What a server or a pooler says to who connects comes without its SQLSTATE.
_ANSWERS = (
    ("failed to resolve host", _AWAY, True),
    ("unsupported startup parameter", "the pooler refuses an option of the URL: remove it", False),
    ("too many", _MANY, True),
    ("remaining connection slots", _MANY, True),
    ("no more connections", _MANY, True),
    ("authentication failed", _LOGIN, False),
    ("no password supplied", _LOGIN, False),
    ("no pg_hba.conf entry", _LOGIN, False),
    ("permission denied", _FORBIDDEN, False),
    ("does not exist", "there is no such database, or no such user", False),
    ("no such database", _ABSENT, False),
    ("does not support SSL", "has no SSL, which the URL requires", False),
    ("certificate", "its certificate, or this user's, is not accepted", False),
    ("invalid", "the URL, or an option in it, is wrong", False),
)


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn faults of the database, ours and those Optuna wraps, into a StorageError that helps.

    Raises:
        StorageUnavailableError: The fault may pass: what was tried can be tried again.
        StorageError: Any other fault.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(url, error) from error
    except (
        sa.exc.DBAPIError,
        sa.exc.TimeoutError,
        optuna.exceptions.StorageInternalError,
    ) as error:
        raise _translated(url, _root(error)) from error


def translate_at_once(engine: sa.Engine, url: str) -> None:
    """Let an engine's faults be a StorageError from the start.

    Optuna tries some of SQLAlchemy's errors again and passes over others, which it must not where
    the transaction is ours and lost.
    """

    @event.listens_for(engine, "handle_error")
    def _translate(context: sa.engine.ExceptionContext) -> StorageError | None:
        # The pool looks whether a connection still lives, and makes another one where it does not.
        if not context.is_pre_ping and isinstance(context.sqlalchemy_exception, sa.exc.DBAPIError):
            return _translated(url, context.original_exception)
        return None


def _translated(url: str, error: BaseException) -> StorageError:
    return _of_sqlite(url, error) if is_sqlite(url) else _of_postgresql(url, error)


def _root(error: BaseException) -> BaseException:
    """Return the driver's own error; psycopg's may have causes of their own, which say less."""
    while not isinstance(error, sqlite3.Error):
        driver: BaseException | None = getattr(error, "orig", None)
        if driver is not None:
            return driver
        if error.__cause__ is None:
            break
        error = error.__cause__
    return error


def _of_sqlite(url: str, error: BaseException) -> StorageError:
    path, text = sqlite_path(url), str(error)
    if "full" in text:
        return StorageError(f"{path}: {_FULL}")
    if "unable to open" in text:
        return StorageError(f"{path}: cannot be opened; check the path and its permissions")
    if "not a database" in text or "malformed" in text:
        return StorageError(f"{path}: is not an SQLite database, or is damaged")
    if "readonly" in text or "read-only" in text:
        return StorageError(f"{path}: cannot be written; check its permissions")
    if "locked" in text:
        return StorageUnavailableError(
            f"{path}: was locked by another program for {database.BUSY_TIMEOUT_SECONDS} s; close "
            "it, then run 'neuronas resume NAME'"
        )
    return StorageError(f"{path}: {text}")


def _of_postgresql(url: str, error: BaseException) -> StorageError:
    said, passes = _meaning(error)
    kind = StorageUnavailableError if passes else StorageError
    own_words = " ".join(str(error).split())
    for password in passwords(url):
        own_words = own_words.replace(password, "***")
    return kind(f"{shown_url(url)}: " + (f"{said} ({own_words})" if said else own_words))


def _meaning(error: BaseException) -> tuple[str | None, bool]:
    """Return what an error means, and whether it passes by itself."""
    import psycopg  # not before there is a PostgreSQL: SQLite does without it

    if isinstance(error, sa.exc.TimeoutError):
        return _BUSY, True
    state: str | None = getattr(error, "sqlstate", None)
    if state is not None:
        return _first(_STATES, state.startswith) or (None, False)
    found = _first(_ANSWERS, str(error).__contains__)
    if found is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _AWAY, True
    return found or (None, False)


def _first(
    rows: Sequence[tuple[str, str, bool]], holds: Callable[[str], bool]
) -> tuple[str, bool] | None:
    return next(((said, passes) for key, said, passes in rows if holds(key)), None)
