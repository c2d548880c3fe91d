"""``neuronas serve`` in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Served:
    """A gateway that listens.

    Attributes:
        process: Its process.
        address: Where, such as ``http://127.0.0.1:8080``.
        token: Its token, if it was made now.
        login: Where a browser logs in at once.
    """

    process: subprocess.Popen[str]
    address: str
    token: str
    login: str


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a gateway that need not come to listen."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEURONAS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "neuronas", "serve", *arguments],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def served(url: str, *arguments: str) -> Iterator[Served]:
    """Serve a database at any free port."""
    process = start("--storage", url, "--port", "0", *arguments)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"((http://[^/]+)(?:/login#token=(\S+))?)\n", line)
        if found is None:
            raise AssertionError(line + process.communicate(timeout=60)[1])
        yield Served(process, found[2], found[3] or "", found[1])
    finally:
        process.kill()
        process.communicate(timeout=60)
