"""One live search per study: a lock that the system releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage import advisory
from neuronas.storage.faults import translated_errors
from neuronas.storage.urls import is_sqlite, shown_url, sqlite_path

_TRIES = 5
_PAUSE_SECONDS = 0.1


def is_searched(url: str, name: str) -> bool:
    """Return whether a live process searches a study."""
    if not is_sqlite(url):
        with translated_errors(url):
            return advisory.is_held(url, advisory.key_of(name))
    lock_path = _lock_path(url, name)
    if not lock_path.is_file():
        return False
    with lock_path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock_path(url: str, name: str) -> Path:
    path = sqlite_path(url)
    return path.with_name(f".{path.name}.{name}.lock")


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


@contextmanager
def study_lock(url: str, name: str) -> Iterator[None]:
    """Hold the only right to search a study, as long as the context lasts.

    Raises:
        StudyLockedError: A live process holds it; on SQLite the message names its process id.
    """
    if not is_sqlite(url):
        with advisory.taken(url, advisory.key_of(name)) as taken:
            if not taken:
                raise _locked(url, name, "another process, maybe on another machine")
            yield
        return
    descriptor = _opened(_lock_path(url, name))
    try:
        if not _taken(descriptor):
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise _locked(url, name, f"process {holder}")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(url: str, name: str, holder: str) -> StudyLockedError:
    database = sqlite_path(url) if is_sqlite(url) else shown_url(url)
    return StudyLockedError(
        f"study '{name}' in {database} is being searched by {holder}; wait for it or stop it "
        "(several workers on one study are not supported yet)"
    )


def _taken(descriptor: int) -> bool:
    """Take the lock; wait a moment for ``status`` in another process, which only looks at it."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False
