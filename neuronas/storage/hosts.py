"""Which process this is, and whether another one of this machine is still there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told from all others, also from a later one with its number.

    Attributes:
        host: Name of its machine, for people.
        machine: The boot and the process namespace in which ``pid`` means it; empty where the
            system does not tell, and then nobody can look whether it is there.
        pid: Its number.
        started: When it started, in the system's ticks.
    """

    host: str
    machine: str
    pid: int
    started: int

    @property
    def is_gone(self) -> bool:
        """Whether it surely ended; False where that cannot be told from this process."""
        return (
            bool(self.machine) and self.machine == _machine() and _started(self.pid) != self.started
        )


def this_process() -> ProcessId:
    """Return the identity of this process."""
    pid = os.getpid()
    return ProcessId(socket.gethostname(), _machine(), pid, _started(pid) or 0)


@cache
def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Return when a process started; None if it is not there, or a zombie."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else started
