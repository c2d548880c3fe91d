"""The engine of one machine: worker processes that outlive the shell that started them."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import ClassVar

from neuronas.errors import ConfigError, EngineError
from neuronas.service.engines.pool import ENGINE_VARIABLE, JOB_VARIABLE, Pool
from neuronas.service.engines.protocol import Change, State, WorkerStatus

_LOOK_SECONDS = 0.1
_START_SECONDS = 10.0
_LAUNCH = 'log=$1; shift; "$@" >>"$log" 2>&1 & echo $!'
"""The shell ends at once, so that the worker has no parent that would have to wait for it."""


@dataclass(frozen=True, slots=True)
class _Process:
    """A worker: its file says what it is, and is locked by the worker as long as it lives."""

    file: Path
    pid: int
    group: int
    machine: str
    told_to_stop: bool

    @property
    def number(self) -> int:
        return int(self.file.stem)

    @property
    def lives(self) -> bool:
        with self.file.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def state(self) -> State:
        if not self.lives:
            return State.ENDED
        return State.STOPPING if self.told_to_stop else State.RUNNING


class LocalEngine:
    """Workers are processes of this machine, each with a file that remembers it and a log.

    Nobody watches them: one that crashes stays away until ``scale`` is called. A lock that a worker
    inherits, and that the system releases when it dies, tells whether it lives; so a process that
    later has its number is never taken for it.
    """

    name: ClassVar[str] = "local"
    several_machines: ClassVar[bool] = False

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def submit(self, pool: Pool, *, dry_run: bool = False) -> str:
        """Start the workers and return their command; as :class:`Engine` has it."""
        _check(pool)
        command = [*self._command, *pool.worker_arguments()]
        if not dry_run:
            self._start(pool, command, pool.workers)
        return f"{shlex.join(command)}\n"

    def status(self, pool: Pool) -> list[WorkerStatus]:
        """Return the workers, those that ended since the pool was submitted, too."""
        return [
            WorkerStatus(str(process.number), process.state, process.machine)
            for process in _here(pool)
        ]

    def scale(self, pool: Pool, workers: int) -> Change:
        """Start what is missing, or drain the newest; as :class:`Engine` has it."""
        running = [process for process in _here(pool) if process.state is State.RUNNING]
        if workers > len(running):
            command = [*self._command, *pool.worker_arguments()]
            self._start(pool, command, workers - len(running))
            return Change(started=workers - len(running))
        for process in running[workers:]:
            _write(process, told_to_stop=True)
            _signal(process, signal.SIGTERM)
        return Change(stopped=len(running) - workers)

    def cancel(self, pool: Pool, grace_seconds: float) -> int:
        """Let all drain, then kill what is left; as :class:`Engine` has it."""
        self.scale(pool, 0)
        end = time.monotonic() + grace_seconds
        while (left := [p for p in _here(pool) if p.lives]) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        for process in left:
            _signal(process, signal.SIGKILL)
        return len(left)

    def _start(self, pool: Pool, command: Sequence[str], count: int) -> None:
        pool.make_folders()
        folder = _folder(pool)
        folder.mkdir(exist_ok=True)
        first = max((process.number for process in _processes(pool)), default=0) + 1
        for number in range(first, first + count):
            log = pool.logs / f"{pool.id}-{number}.log"
            _launch(pool, command, folder / f"{number}.json", log)


def _check(pool: Pool) -> None:
    given = {
        "--gpus": pool.gpus,
        "--memory-gib": pool.memory_mib,
        "--hours": pool.limit_minutes,
        "--option": pool.options,
    }
    problems = [
        f"{option}: the local engine limits and assigns nothing; leave it away"
        + (", and start one worker per GPU by: neuronas worker --gpus 0,1" * (option == "--gpus"))
        for option, value in given.items()
        if value
    ]
    if problems:
        raise ConfigError(problems)


def _folder(pool: Pool) -> Path:
    return pool.folder / pool.id


def _processes(pool: Pool) -> list[_Process]:
    found = []
    for file in _folder(pool).glob("*.json"):
        with suppress(ValueError):  # a worker that is just being started
            content = json.loads(file.read_bytes())
            found.append(_Process(file=file, **content))
    return sorted(found, key=lambda process: process.number)


def _here(pool: Pool) -> list[_Process]:
    """Return the workers, all of which must be processes of this machine."""
    found = _processes(pool)
    elsewhere = sorted({process.machine for process in found} - {gethostname()})
    if elsewhere:
        raise EngineError(
            f"the workers of '{pool.study}' run on {', '.join(elsewhere)}; give this command there"
        )
    return found


def _launch(pool: Pool, command: Sequence[str], file: Path, log: Path) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _LAUNCH, "sh", str(log), *command],
            cwd=pool.working_dir,
            env={**pool.environment(), ENGINE_VARIABLE: "local", JOB_VARIABLE: file.stem},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=[descriptor],
        )
        pid = shell.communicate(timeout=_START_SECONDS)[0]
        process = _Process(file, int(pid), shell.pid, gethostname(), told_to_stop=False)
        _write(process, told_to_stop=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        file.unlink()
        raise EngineError(f"a worker cannot be started: {error}") from None
    finally:
        os.close(descriptor)


def _write(process: _Process, *, told_to_stop: bool) -> None:
    """Write a worker's file in place: a new one would not be locked by it."""
    content = {
        "pid": process.pid,
        "group": process.group,
        "machine": process.machine,
        "told_to_stop": told_to_stop,
    }
    process.file.write_text(json.dumps(content))


def _signal(process: _Process, number: signal.Signals) -> None:
    """Send a worker a signal; SIGKILL to its children, too."""
    with suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(process.group, number)
        elif process.lives:
            os.kill(process.pid, number)
