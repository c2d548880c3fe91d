"""Files that are whole at any time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or replace it, whole or not at all, even if the machine stops meanwhile.

    Args:
        path: The file; its folder exists. What is written stands in ``NAME.partial`` until it is
            whole.
        content: All of it.

    Raises:
        OSError: It cannot be written; what stood there before stands there still.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
