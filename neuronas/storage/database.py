"""Connections with a database: those of an SQLite file, and those of a PostgreSQL server."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from neuronas.errors import StorageError
from neuronas.storage.urls import URL_VARIABLE, driver_url, is_sqlite, parse_url, sqlite_path

BUSY_TIMEOUT_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 5

_POOL: dict[str, Any] = {
    "pool_size": 2,
    "max_overflow": 1,
    "pool_pre_ping": True,
    "pool_recycle": 1800,
}
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    # A peer that is gone is noticed after 5 + 3 * 2 s of silence, or 8 s without acknowledgement.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
    "fallback_application_name": "neuronas",
}


def require_existing(url: str) -> None:
    """Raise StorageError unless the database file is there; a server is asked when connecting."""
    if not is_sqlite(url):
        return
    path = sqlite_path(url)
    if not path.is_file():
        raise StorageError(
            f"no database at {path.absolute()}; run 'neuronas search STUDY.yaml' first, or name "
            f"the database with --storage or {URL_VARIABLE}"
        )


def engine_options(url: str) -> dict[str, Any]:
    """Return how to connect, for our engine and for Optuna's: keywords of SQLAlchemy's engine.

    What a PostgreSQL URL sets itself holds. Nothing depends on a session of the server, so that a
    pooler such as pgbouncer may give each transaction another one.
    """
    if is_sqlite(url):
        return {"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS}}
    chosen = parse_url(url).query
    options = {name: value for name, value in _POSTGRESQL.items() if name not in chosen}
    return {**_POOL, "connect_args": {**options, "prepare_threshold": None}}


def create_engine(url: str) -> sa.Engine:
    """Return an engine for our tables.

    On SQLite: WAL, foreign keys, a busy timeout, explicit BEGIN.
    """
    if not is_sqlite(url):
        return sa.create_engine(driver_url(url), **engine_options(url))
    path = sqlite_path(url)
    if not path.absolute().parent.is_dir():
        raise StorageError(f"cannot open {path}: no such folder {path.absolute().parent}")
    engine = sa.create_engine(url, **engine_options(url))

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy sends BEGIN itself, below
        for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine
