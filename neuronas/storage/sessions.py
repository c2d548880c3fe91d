"""Sessions with a database that has our tables: those that read, and those that write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Self

from sqlalchemy.orm import Session

from neuronas.storage.bridge import SharedStudy
from neuronas.storage.database import create_engine, require_existing
from neuronas.storage.faults import translate_at_once, translated_errors
from neuronas.storage.filesystems import require_local_disk
from neuronas.storage.lock import creation_lock
from neuronas.storage.schema import prepare
from neuronas.storage.urls import is_sqlite


def _now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    """A database that has our tables, and sessions with it.

    Args:
        url: Storage URL.
        create: Create the database, or our tables in it, if they are not there; otherwise their
            absence is an error.
        clock: The time, as an aware datetime.
        patience_seconds: For how long to wait for the database while it is away, in each call.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        clock: Callable[[], datetime] = _now,
        patience_seconds: float = 0.0,
    ) -> None:
        if create:
            require_local_disk(url)
        else:
            require_existing(url)
        self.url = url
        self.patience_seconds = patience_seconds
        self._clock = clock
        self._reader = create_engine(url)
        translate_at_once(self._reader, url)
        # A write transaction that starts by reading must hold SQLite's write lock from the start,
        # or SQLite refuses its first write when another process wrote in between.
        self._writer = self._reader.execution_options(begin="BEGIN IMMEDIATE")
        alone = creation_lock(url) if create and is_sqlite(url) else nullcontext()
        try:
            with translated_errors(url), alone:
                prepare(self._reader, create=create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def time(self) -> datetime:
        """Return the time, in UTC."""
        return self._clock().astimezone(UTC)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read in one transaction."""
        with translated_errors(self.url), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self, shared: SharedStudy | None = None) -> Iterator[Session]:
        """Write in one transaction, which ``shared``, Optuna's study, takes part in."""
        with translated_errors(self.url), self._writer.begin() as connection:
            joins = nullcontext() if shared is None else shared.joined(connection)
            with Session(connection, join_transaction_mode="rollback_only") as session, joins:
                yield session
                session.flush()
