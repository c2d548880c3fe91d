"""Folders that a process fills before they get their name; those of killed processes are swept."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "lock"
_PREFIX = ".neuronas-"
"""Begin of their names: no folder of anybody else's is ever swept."""

_OLD_SECONDS = 7 * 24 * 3600
"""Age at which a folder is left over of which no lock tells whether its process lives."""


@contextmanager
def workspace(parent: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that no other process touches, and delete it in the end.

    Folders that were left by processes which the system killed are deleted first. A process holds
    a lock in its folder as long as it lives; a folder without one is left over after a week.

    Args:
        parent: Folder that it is made in.
        name: What it is for; part of its name.

    Raises:
        OSError: It cannot be made.
    """
    with _one_at_a_time(parent):
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-", dir=parent))
        try:
            descriptor = _opened(folder / _LOCK)
        except OSError:
            folder.rmdir()
            raise
        _lock(descriptor, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _one_at_a_time(parent: Path) -> Iterator[None]:
    """Let no process sweep between another's making of its folder and taking of its lock."""
    descriptor = _opened(parent.with_name(f".{parent.name}.lock"))
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*/"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Return whether the process that made a folder is gone for sure, or the folder is old."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:  # of a version without locks, or of a process killed that moment
        return _is_old(folder)
    except OSError:  # another user's
        return False
    try:
        return _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) or _is_old(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def _is_old(folder: Path) -> bool:
    try:
        changed = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # it changes while it is looked at
        return False
    return changed < time.time() - _OLD_SECONDS


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _lock(descriptor: int, how: int) -> bool:
    """Take a lock; return whether the file system has any. BlockingIOError if another has it."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
