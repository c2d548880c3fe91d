"""One worker: it joins a study, takes trials until there are none, and leaves in good order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from neuronas.searching import Event, SearchResult, Work, resume
from neuronas.service.engines.pool import ENGINE_VARIABLE, JOB_VARIABLE
from neuronas.storage import LEASE_SECONDS, Origin

PATIENCE_SECONDS = 600.0
"""For how long a worker waits for a database that is away."""

UNAVAILABLE = 75
"""Exit code where the database was away for too long: the worker may be started again."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a worker is told of the machine that it runs on.

    Attributes:
        checkpoint_dir: Folder of weights.
        data_dir: Folder with the dataset's files.
        threads: Threads of torch.
        device: ``cpu`` or ``cuda``; CUDA where it is available when None.
    """

    checkpoint_dir: Path | None = None
    data_dir: Path | None = None
    threads: int = 1
    device: str | None = None


def run_worker(
    name: str,
    storage: str,
    machine: Machine,
    *,
    log: Callable[[Event], None],
    max_trials: int | None = None,
    max_seconds: float | None = None,
    lease_seconds: float = LEASE_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> SearchResult:
    """Work on a study until it asks for nothing more, or this process is drained.

    Within :func:`neuronas.interrupts.draining`, a signal lets the network that is trained pause
    at the end of its epoch, to be trained on by another worker; when it takes too long, or at a
    second signal, it is given back as it was.

    Args:
        name: The study.
        storage: Storage URL.
        machine: What it runs on.
        log: Told what happens.
        max_trials: Networks that it trains newly at most.
        max_seconds: Time after which it begins no other network.
        lease_seconds: For how long it may give no sign of life.
        patience_seconds: For how long it waits for a database that is away.

    Returns:
        The study as this worker left it.

    Raises:
        EnvironmentMismatchError: Its packages or data are not those of the study.
        StorageUnavailableError: The database was away for longer than it waits. What it had
            trained is on the local disk, and is told by the next worker of this machine.
        KeyboardInterrupt: It gave its network back as it was.
    """
    work = Work(
        origin=origin(os.environ, machine.device or "auto"),
        max_trials=max_trials,
        max_seconds=max_seconds,
        lease_seconds=lease_seconds,
        patience_seconds=patience_seconds,
        joins=True,
        log=log,
    )
    return resume(
        name,
        storage=storage,
        checkpoint_dir=machine.checkpoint_dir,
        data_dir=machine.data_dir,
        threads=machine.threads,
        device=machine.device,
        work=work,
    )


def origin(environment: Mapping[str, str], device: str) -> Origin:
    """Return where a worker comes from, as its engine tells by the environment."""
    if "SLURM_JOB_ID" in environment:
        array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
        job = f"{array}_{task}" if array and task else environment["SLURM_JOB_ID"]
        restarts = int(environment.get("SLURM_RESTART_COUNT", "0"))
        return Origin("slurm", job, restarts, device)
    engine = environment.get(ENGINE_VARIABLE, "none")
    return Origin(engine, environment.get(JOB_VARIABLE), 0, device)
