"""Files that are whole at any time."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


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
    descriptor, partial = tempfile.mkstemp(".partial", f"{path.name}.", path.parent)
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
