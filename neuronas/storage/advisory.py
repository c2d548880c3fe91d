"""Locks that a PostgreSQL server keeps, as long as a transaction that took them lasts.

None belongs to a session: a pooler such as pgbouncer gives each transaction another one.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from neuronas.errors import StorageUnavailableError
from neuronas.storage.database import create_engine
from neuronas.storage.urls import shown_url

_WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.1


# In this transaction, which idles as long as its lock is held, but ends soon after its client.
_HELD_FOR_LONG = sa.select(
    *(
        sa.func.set_config(name, value, True)
        for name, value in {
            "idle_in_transaction_session_timeout": "0",
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        }.items()
    )
)


def key_of(name: str) -> int:
    """Return the number by which a server knows a lock, of 64 bits with sign."""
    digest = hashlib.sha256(f"neuronas {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


CREATION_KEY = key_of("creation of tables")
"""No name of a study has spaces."""


def wait_in(connection: sa.Connection, key: int) -> None:
    """Wait for a lock, and hold it until the connection's transaction ends."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


@contextmanager
def taken(url: str, key: int) -> Iterator[bool]:
    """Take a lock if nobody holds it, say whether it was, and hold it while the context lasts."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            try:
                connection.execute(_HELD_FOR_LONG)
                yield bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key))))
            finally:
                # Closed, not rolled back: it may have been cut long ago, and its lock with it.
                connection.invalidate()
    finally:
        engine.dispose()


def is_held(url: str, key: int) -> bool:
    """Return whether somebody holds a lock, without touching it."""
    held = sa.text(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND CAST(classid AS BIGINT) = :high AND CAST(objid AS BIGINT) = :low AND objsubid = 1)"
    )
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            halves = {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}
            return bool(connection.scalar(held, halves))
    finally:
        engine.dispose()


@contextmanager
def waited_for(url: str, key: int) -> Iterator[None]:
    """Hold a lock while the context lasts, once nobody else does.

    Who waits asks again and again, so that it keeps none of a pooler's few connections.

    Raises:
        StorageUnavailableError: Others held it for a minute.
    """
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        with taken(url, key) as held:
            if held:
                yield
                return
        time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
    raise StorageUnavailableError(
        f"{shown_url(url)}: another process has been creating tables for {_WAIT_SECONDS:g} s: "
        "try again"
    )
