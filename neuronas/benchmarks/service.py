"""Trials per second that one database takes from many workers, against plain Optuna.

Both sides use the same sampler, the same costs and the same settings of the database's driver,
and store the same parameters, constraints and user attributes; ours stores its own tables, too.
"""

from __future__ import annotations

import multiprocessing
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from neuronas.config import StudyConfig, validate
from neuronas.service.load import create_idle_study, neuronas_client, optuna_client
from neuronas.storage import counted_traffic, translated_errors

CLIENTS = (1, 4, 16, 64)
NEURONAS, OPTUNA = "neuronas", "optuna"

_PROCESSES = 4
"""At most so many share the clients, which are threads: a process each would need their memory."""
_SETUP_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """What one implementation does with some clients; medians over the repetitions.

    Attributes:
        implementation: ``neuronas`` or ``optuna``.
        clients: Workers at once.
        trials_per_s: Trials begun and told per second, of all.
        statements_per_trial: Statements sent to the database.
        commits_per_trial: Commits sent to it.
        ratio: Trials per second over those of plain Optuna.
    """

    implementation: str
    clients: int
    trials_per_s: float
    statements_per_trial: float
    commits_per_trial: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one implementation: trials per second of all clients, and what one sends."""

    trials_per_s: float
    statements: float
    commits: float


_TRIALS, _TRIALS_PER_CLIENT = 192, 12


def bench_service(
    url: str,
    clients: Sequence[int] = CLIENTS,
    *,
    trials: int | None = None,
    repetitions: int = 3,
    train_seconds: float = 0.0,
    listener: Callable[[str], None] = lambda _: None,
) -> list[ServiceRow]:
    """Return what workers get out of a database, ours and plain Optuna's alternately.

    Each run is a study of its own, with 15 parameters, 4 constraints and 2 objectives.

    Args:
        url: Storage URL of a database for this alone; studies are left in it.
        clients: Numbers of workers at once.
        trials: Trials of each run, of all workers; 192 where None, or 12 per worker if that is
            more: with few, joining and leaving a study is what is measured.
        repetitions: Runs of each implementation.
        train_seconds: For how long each training sleeps.
        listener: Is told of each run.
    """
    rows = []
    for count in clients:
        asked = trials or max(_TRIALS, _TRIALS_PER_CLIENT * count)
        runs: dict[str, list[Run]] = {NEURONAS: [], OPTUNA: []}
        for repetition in range(repetitions):
            for name, found in runs.items():
                found.append(run_clients(url, name, count, asked, train_seconds))
                done = f"{count} clients, {name}, run {repetition + 1} of {repetitions}"
                listener(f"{done}: {found[-1].trials_per_s:.1f} trials/s")
        rows += _rows(count, runs)
    return rows


def _rows(clients: int, runs: dict[str, list[Run]]) -> list[ServiceRow]:
    speeds = {n: statistics.median(r.trials_per_s for r in found) for n, found in runs.items()}
    return [
        ServiceRow(
            name,
            clients,
            speeds[name],
            statistics.median(run.statements for run in found),
            statistics.median(run.commits for run in found),
            speeds[name] / speeds[OPTUNA],
        )
        for name, found in runs.items()
    ]


def _study(trials: int) -> StudyConfig:
    content: dict[str, Any] = {
        "name": f"bench-{uuid.uuid4().hex[:12]}",
        "dataset": "digits",
        "space": {
            "cells": "distinct", "channels": [4, 8], "time_steps": [1, 2, 4], "pool": [2, 4]
        },
        "budget": {"preset": "neuronas-v1", "parameters": 100_000},
        "search": {"sampler": "random", "trials": trials},
    }  # fmt: skip
    return validate(StudyConfig, content, source=None)


def run_clients(url: str, name: str, clients: int, trials: int, train_seconds: float) -> Run:
    """Return one run: all clients are set up, begin together, and tell when they ended.

    Args:
        url: Storage URL.
        name: ``NEURONAS`` or ``OPTUNA``.
        clients: Workers at once.
        trials: Of all workers.
        train_seconds: For how long each training sleeps.
    """
    config = _study(trials)
    create_idle_study(url, config)
    context = multiprocessing.get_context("spawn")
    count = min(clients, _PROCESSES)
    shares = [clients // count + (index < clients % count) for index in range(count)]
    given = [trials // clients + (index < trials % clients) for index in range(clients)]
    pipes, processes = [], []
    for share in shares:
        ours, theirs = context.Pipe()
        each, given = given[:share], given[share:]
        task = (theirs, url, name, config, each, train_seconds)
        process = context.Process(target=_serve, args=task, daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        _received(pipe)
    started = time.monotonic()
    for pipe in pipes:
        pipe.send(None)
    ended = [_received(pipe) for pipe in pipes]
    for process in processes:
        process.join()
    last = max(end for end, _, _ in ended)
    statements, commits = (sum(found[index] for found in ended) for index in (1, 2))
    return Run(trials / (last - started), statements / trials, commits / trials)


def _received(pipe: Connection[Any, Any]) -> Any:  # noqa: ANN401 - whatever was sent
    if not pipe.poll(_SETUP_SECONDS):
        raise TimeoutError(f"no answer of a client within {_SETUP_SECONDS:g} s")
    answer = pipe.recv()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _serve(
    pipe: Connection[Any, Any],
    url: str,
    name: str,
    config: StudyConfig,
    trials: Sequence[int],
    train_seconds: float,
) -> None:
    """Run a share of the clients in this process, a thread each."""
    ready = threading.Barrier(len(trials) + 1)
    begin = threading.Barrier(len(trials) + 1)
    ends, errors = list[float](), list[BaseException]()

    def wait() -> None:
        ready.wait()
        begin.wait()

    def client(count: int) -> None:
        try:
            with translated_errors(url):
                if name == NEURONAS:
                    ends.append(neuronas_client(url, config, train_seconds, wait))
                else:
                    ends.append(optuna_client(url, config, count, train_seconds, wait))
        except BaseException as error:  # noqa: BLE001 - raised again in the first process
            errors.append(error)
            ready.abort()
            begin.abort()

    threads = [threading.Thread(target=client, args=(count,), daemon=True) for count in trials]
    try:
        for thread in threads:
            thread.start()
        ready.wait()
        with counted_traffic() as traffic:
            pipe.send(None)
            pipe.recv()
            begin.wait()
            for thread in threads:
                thread.join()
        pipe.send(errors[0] if errors else (max(ends), traffic.statements, traffic.commits))
    except BaseException as error:  # noqa: BLE001 - raised again in the first process
        pipe.send(errors[0] if errors else error)
