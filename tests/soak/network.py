"""A machine of its own for one worker: a network namespace, whose cable can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

HERE, THERE = "10.77.0.1", "10.77.0.2"
SPACE, OURS, THEIRS = "neuronas-w", "nrl0", "nrl1"


def missing() -> str | None:
    """Return why no such machine can be made, if so."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    return None if shutil.which("ip") else "iproute2 is not installed"


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


@contextmanager
def other_machine() -> Iterator[list[str]]:
    """Make the machine; yields what to write before a command that runs on it."""
    ip("netns", "del", SPACE, check=False)
    ip("netns", "add", SPACE)
    try:
        ip("link", "add", OURS, "type", "veth", "peer", "name", THEIRS, "netns", SPACE)
        ip("addr", "add", f"{HERE}/24", "dev", OURS)
        ip("link", "set", OURS, "up")
        ip("-n", SPACE, "addr", "add", f"{THERE}/24", "dev", THEIRS)
        ip("-n", SPACE, "link", "set", THEIRS, "up")
        ip("-n", SPACE, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", SPACE]
    finally:
        ip("netns", "del", SPACE, check=False)


def pull_cable() -> None:
    ip("link", "set", OURS, "down")


def plug_in() -> None:
    ip("link", "set", OURS, "up")
