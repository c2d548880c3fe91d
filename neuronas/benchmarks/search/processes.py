"""Simulated searches in several processes, which end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeVar, cast

from neuronas.errors import NeuronasError

Task = TypeVar("Task")
Done = TypeVar("Done")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def done_in_processes(
    work: Callable[[Task], Done], tasks: Mapping[str, Task], processes: int
) -> Iterator[Iterator[tuple[str, Done]]]:
    """Give what becomes of tasks, by key, as they are done; work under way dies with the context.

    A pool would lose the task of a process that the system ends, or outlive a killed parent.

    Args:
        work: Does a task; it is sent to each process once.
        tasks: By key, in the order in which they are begun.
        processes: How many; with one, this process does all.

    Raises:
        NeuronasError: A process died.
    """
    if processes == 1 or len(tasks) <= 1:
        yield ((key, work(task)) for key, task in tasks.items())
        return
    # Forked processes would inherit the threads of numba and torch.
    spawn = multiprocessing.get_context("spawn")
    workers: dict[Connection, BaseProcess] = {}
    try:
        with _one_thread_each():
            for _ in range(min(processes, len(tasks))):
                ours, theirs = spawn.Pipe()
                process: BaseProcess = spawn.Process(
                    target=_serve, args=(work, theirs), daemon=True
                )
                process.start()
                theirs.close()  # or its end would not be seen
                workers[ours] = process
        yield _collected(workers, tasks)
    finally:
        for worker in workers.values():
            worker.terminate()
        for connection, worker in workers.items():
            worker.join()
            connection.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are started meanwhile compute with one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _collected(
    workers: Mapping[Connection, BaseProcess], tasks: Mapping[str, Task]
) -> Iterator[tuple[str, Done]]:
    waiting = iter(tasks.items())
    busy: dict[Connection, str] = {}
    for connection in workers:
        _begin(connection, waiting, busy)
    while busy:
        for ready in wait(list(busy)):
            connection = cast("Connection", ready)
            key = busy.pop(connection)
            try:
                done = connection.recv()
            except (EOFError, ConnectionResetError):
                workers[connection].join()
                raise NeuronasError(
                    f"the process that ran '{key}' died (exit code "
                    f"{workers[connection].exitcode}); the same command goes on, with --processes "
                    "1 in less memory"
                ) from None
            if isinstance(done, Exception):
                raise done
            _begin(connection, waiting, busy)
            yield key, done


def _begin(
    connection: Connection, waiting: Iterator[tuple[str, Task]], busy: dict[Connection, str]
) -> None:
    """Give a process the next task, if there is one."""
    for key, task in waiting:
        connection.send(task)
        busy[connection] = key
        return


def _serve(work: Callable[[Task], Done], connection: Connection) -> None:
    """Do tasks until the other end is closed."""
    # Ctrl-C reaches the whole group; the first process decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            done: Done | Exception = work(task)
        except Exception as error:  # noqa: BLE001 - raised again in the first process
            done = error
        try:
            connection.send(done)
        except BrokenPipeError:
            return
