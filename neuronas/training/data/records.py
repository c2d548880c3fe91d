"""Files of records of one length, without a header."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronas.errors import DatasetError


def read_records(path: Path, length: int, kind: str) -> NDArray[np.uint8]:
    """Return the records of a file, shape ``(N, length)``.

    Args:
        path: File.
        length: Bytes of a record.
        kind: What records are, for the message.

    Raises:
        DatasetError: The file is absent, empty, or no whole number of records.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}; get it again") from None
    if not content.size or content.size % length:
        raise DatasetError(
            f"{path}: {content.size:,} bytes are no whole number of {kind} of {length}; it is cut "
            "short or of another format; get it again"
        )
    return content.reshape(-1, length)
