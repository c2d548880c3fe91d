"""One live search per study: a lock that the system releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage.database import sqlite_path


def is_searched(url: str, name: str) -> bool:
    """Return whether a live process searches a study."""
    try:
        with study_lock(url, name):
            return False
    except StudyLockedError:
        return True


@contextmanager
def study_lock(url: str, name: str) -> Iterator[None]:
    """Hold the only right to search a study, as long as the context lasts.

    Raises:
        StudyLockedError: A live process holds it; the message names its process id.
    """
    path = sqlite_path(url)
    lock_path = path.with_name(f".{path.name}.{name}.lock")
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"{lock_path}: cannot be opened ({error.strerror}); a search must be able to write "
            "beside its database"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise StudyLockedError(
                f"study '{name}' in {path} is being searched by process {holder}; wait for it or "
                "stop it (several workers on one study are not supported yet)"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
