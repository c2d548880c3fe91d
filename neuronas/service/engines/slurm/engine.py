"""The engine of Slurm."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import ClassVar

from neuronas.errors import EngineError
from neuronas.service.engines.pool import Pool
from neuronas.service.engines.protocol import Change, State, WorkerStatus
from neuronas.service.engines.slurm.commands import run
from neuronas.service.engines.slurm.queue import FORMAT, workers_in
from neuronas.service.engines.slurm.script import comment, directives, job_name, render

_LOOK_SECONDS = 1.0
_OTHER_NAMES = {
    "array": "ARRAY_INX",
    "mem": "MEM_PER_NODE",
    "time": "TIMELIMIT",
}
"""Where the variable of an sbatch option is not its name in capitals."""


class SlurmEngine:
    """Workers are tasks of job arrays; Slurm alone remembers them, by job name and comment.

    A task that ends because its time limit is near, its worker died or gave the database up, or its
    node died, is queued again by Slurm.
    """

    name: ClassVar[str] = "slurm"
    several_machines: ClassVar[bool] = True

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def submit(self, pool: Pool, *, dry_run: bool = False) -> str:
        """Submit an array of workers and return its script; as :class:`Engine` has it."""
        script = render(pool, self._command, pool.workers)
        if not dry_run:
            self._submit(pool, pool.workers)
        return script

    def status(self, pool: Pool) -> list[WorkerStatus]:
        """Return the workers, those that ended for as long as Slurm remembers them."""
        listed = run(
            "squeue",
            "--noheader",
            "--array",
            "--states=all",
            f"--user={os.geteuid()}",
            f"--name={job_name(pool)}",
            f"--Format={FORMAT}",
        )
        return workers_in(listed, comment(pool))

    def scale(self, pool: Pool, workers: int) -> Change:
        """Submit another array, or drain the newest; as :class:`Engine` has it."""
        counted = [worker for worker in self.status(pool) if worker.counts]
        if workers > len(counted):
            self._submit(pool, workers - len(counted))
            return Change(started=workers - len(counted))
        self._cancel_waiting(counted[::-1], len(counted) - workers)
        # One that waited may have started meanwhile.
        left = [worker for worker in self.status(pool) if worker.counts]
        self._drain(pool, left[workers:])
        return Change(stopped=len(counted) - workers)

    def cancel(self, pool: Pool, grace_seconds: float) -> int:
        """Let all drain, then let Slurm kill what is left; as :class:`Engine` has it."""
        self.scale(pool, 0)
        end = time.monotonic() + grace_seconds
        while (left := self._alive(pool)) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        if left:
            run("scancel", "--quiet", *left)
        return len(left)

    def _submit(self, pool: Pool, workers: int) -> None:
        pool.make_folders()
        environment = pool.environment()
        for option in directives(pool, workers):
            # Variables would come before what the script says.
            name = _OTHER_NAMES.get(option, option.replace("-", "_").upper())
            environment.pop(f"SBATCH_{name}", None)
        for variable in ("SBATCH_NO_REQUEUE", "SBATCH_EXPORT", "SBATCH_CLUSTERS"):
            environment.pop(variable, None)
        script = render(pool, self._command, workers)
        run("sbatch", "--parsable", script=script, environment=environment)

    def _alive(self, pool: Pool) -> list[str]:
        return [worker.id for worker in self.status(pool) if worker.state is not State.ENDED]

    def _cancel_waiting(self, workers: Sequence[WorkerStatus], count: int) -> None:
        waiting = [worker.id for worker in workers if worker.state is State.WAITING][:count]
        if waiting:
            run("scancel", "--quiet", "--state=PENDING", *waiting)

    def _drain(self, pool: Pool, workers: Sequence[WorkerStatus]) -> None:
        """Tell workers to stop: they get a TERM, and Slurm shall not start them anew."""
        told = [worker.id for worker in workers]
        if not told:
            return
        failures = []
        for command in (
            ("scancel", "--quiet", "--batch", "--signal=TERM", *told),
            ("scontrol", "update", f"JobId={','.join(told)}", "Requeue=0"),
        ):
            try:
                run(*command)
            except EngineError as error:
                failures.append(error)
        # That some ended meanwhile is no failure.
        if failures and any(worker.counts and worker.id in told for worker in self.status(pool)):
            raise failures[0]
