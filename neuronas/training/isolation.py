"""A process of its own for each candidate: its crash, leak or hang is its failure alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from neuronas import interrupts
from neuronas.errors import NeuronasError, TrainingFailedError
from neuronas.training.memory import OUT_OF_MEMORY, resident_bytes

CRASHED = "crashed"
OUT_OF_TIME = "out of time"

_LOOK_SECONDS = 0.05
_PRELOADED = ["neuronas.training.trainer"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child process may take.

    Attributes:
        memory_bytes: Resident memory beyond that at its start, looked at every 50 ms.
        wall_seconds: Time, its start included.
    """

    memory_bytes: int | None = None
    wall_seconds: float | None = None


def run_isolated(
    task: Callable[..., Result],
    *arguments: Any,  # noqa: ANN401 - whatever the task takes
    limits: Limits,
) -> Result:
    """Return what a function returns in a process of its own, or raise what it raises there.

    The process is forked from a server that has imported torch but never used it: a fork of one
    that has, with its threads, may hang. It ends with this call, however that ends, and with this
    process. As with all of :mod:`multiprocessing`, a script that comes here at its top level needs
    ``if __name__ == "__main__":``.

    Args:
        task: A function at the top level of its module.
        arguments: For it; they and the result are pickled.
        limits: What it may take.

    Raises:
        TrainingFailedError: ``crashed``, ``out of memory`` or ``out of time``.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, task, arguments), daemon=True)
    started = time.monotonic()
    try:
        process.start()
        theirs.close()
        kind, value = _answer(process, ours, limits, started)
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
            process.close()
        ours.close()
    if kind == "raised":
        raise value
    result: Result = value
    return result


def _answer(
    process: BaseProcess, ours: Connection[Any, Any], limits: Limits, started: float
) -> tuple[str, Any]:
    """Return what the child sends, while it keeps to its limits."""
    at_start: int | None = None
    told = False
    while True:
        interrupts.check()
        if interrupts.is_draining() and not told and at_start is not None and process.pid:
            os.kill(process.pid, signal.SIGUSR1)
            told = True
        if ours in wait([ours, process.sentinel], timeout=_LOOK_SECONDS):
            try:
                kind, value = ours.recv()
            except (EOFError, ConnectionResetError):
                process.join()
                raise _death(process.exitcode) from None
            if kind != "started":
                return kind, value
            at_start = value
        _check_time(limits, started)
        _check_memory(process.pid, limits, at_start)


def _check_time(limits: Limits, started: float) -> None:
    limit = limits.wall_seconds
    if limit is not None and time.monotonic() - started > limit:
        raise TrainingFailedError(OUT_OF_TIME, f"not done after {limit:g} s")


def _check_memory(pid: int | None, limits: Limits, at_start: int | None) -> None:
    """Raise a TrainingFailedError if the child has grown beyond its limit."""
    if limits.memory_bytes is None or at_start is None:
        return
    now = resident_bytes(pid)
    if now is not None and now - at_start > limits.memory_bytes:
        raise TrainingFailedError(
            OUT_OF_MEMORY,
            f"the training has taken {(now - at_start) / 1e6:,.0f} MB, "
            f"{limits.memory_bytes / 1e6:,.0f} MB is allowed",
        )


def _death(status: int | None) -> TrainingFailedError:
    """Return how a child died that sent nothing."""
    if status is None or status >= 0:
        return TrainingFailedError(CRASHED, f"its process ended with status {status}")
    name = signal.Signals(-status).name
    if -status == signal.SIGKILL:
        why = "its process was killed (SIGKILL), as the system does when memory runs out"
        return TrainingFailedError(OUT_OF_MEMORY, why)
    return TrainingFailedError(CRASHED, f"its process died of {name}")


def _child(
    theirs: Connection[Any, Any], task: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    # Ctrl-C reaches all processes of a terminal, and Slurm's SIGTERM all of a job; ours is ended,
    # or drained, by its parent.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: interrupts.drain())
    threading.Thread(target=_end_with_parent, args=(theirs,), daemon=True).start()
    theirs.send(("started", resident_bytes()))
    try:
        answer = ("returned", task(*arguments))
    except NeuronasError as error:
        answer = ("raised", error)
    except Exception as error:  # noqa: BLE001 - a bug, raised again in the parent
        error.add_note(f"in the process of the candidate:\n{traceback.format_exc()}")
        answer = ("raised", error)
    theirs.send(answer)


def _end_with_parent(theirs: Connection[Any, Any]) -> None:
    """End this process when the other end of the connection is gone."""
    try:
        theirs.recv()
    except (EOFError, OSError):
        os._exit(1)
