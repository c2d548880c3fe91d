"""Sessions with a database that has our tables: those that read, and those that write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Self

from sqlalchemy.orm import Session

from neuronas.storage.database import create_engine, require_existing
from neuronas.storage.faults import translated_errors
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
    """

    def __init__(
        self, url: str, *, create: bool = False, clock: Callable[[], datetime] = _now
    ) -> None:
        if create:
            require_local_disk(url)
        else:
            require_existing(url)
        self.url = url
        self._clock = clock
        self._reader = create_engine(url)
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

    def _time(self) -> datetime:
        return self._clock().astimezone(UTC)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with translated_errors(self.url), Session(self._reader) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with translated_errors(self.url), Session(self._writer) as session, session.begin():
            yield session
