"""Locks that the system releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuronas.errors import StorageError
from neuronas.storage import advisory
from neuronas.storage.urls import is_sqlite, sqlite_path


def is_searched_by_earlier_version(url: str, name: str) -> bool:
    """Return whether a version that held a lock, instead of joining as a worker, searches."""
    if not is_sqlite(url):
        return False
    path = sqlite_path(url)
    lock_path = path.with_name(f".{path.name}.{name}.lock")
    if not lock_path.is_file():
        return False
    with lock_path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def creation_lock(url: str) -> Iterator[None]:
    """Let one process at a time create tables: neither Alembic nor Optuna does so by itself."""
    if not is_sqlite(url):
        with advisory.waited_for(url, advisory.CREATION_KEY):
            yield
        return
    path = sqlite_path(url)
    descriptor = _opened(path.with_name(f".{path.name}.lock"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(lock_path: Path) -> int:
    try:
        return os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"{lock_path}: cannot be opened ({error.strerror}); a search must be able to write "
            "beside its database"
        ) from None
