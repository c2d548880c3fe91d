"""Files that are whole at any time."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PARTIAL = ".partial"
_ABANDONED_SECONDS = 600.0
"""A file that nobody has written to for so long is left of a process that was killed."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or replace it, whole or not at all, even if the machine stops meanwhile.

    Args:
        path: The file; its folder exists. What is written stands in a file beside it, whose name
            begins with ``NAME.`` and ends with ``.partial``, until it is whole: several may write
            at once, and the last one holds.
        content: All of it.

    Raises:
        OSError: It cannot be written; what stood there before stands there still.
    """
    descriptor, partial = tempfile.mkstemp(_PARTIAL, f"{path.name}.", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # as any other file: others may read it
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(partial).unlink(missing_ok=True)
        raise


def require_writable(folder: Path) -> None:
    """Make a folder, if it is not there, and write to it.

    Raises:
        OSError: That cannot be done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"0")


def sweep_partial(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder, if it is there.

    Others may be writing into it, so only files that have been as they are for ten minutes count.
    """
    before = time.time() - _ABANDONED_SECONDS
    for path in folder.glob(f"*{_PARTIAL}"):
        with suppress(FileNotFoundError):  # another one sweeps, too
            if path.stat().st_mtime < before:
                path.unlink()
