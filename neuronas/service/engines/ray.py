"""The engine of Ray: each worker is kept by an actor, which Ray puts where there is room."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from neuronas.errors import ConfigError, EngineError
from neuronas.service.engines.pool import (
    ENGINE_VARIABLE,
    JOB_VARIABLE,
    URL_FILE_VARIABLE,
    URL_VARIABLE,
    Pool,
)
from neuronas.service.engines.protocol import Change, State, WorkerStatus

_NAMESPACE = "neuronas"
_ANSWER_SECONDS = 5.0
"""An actor that has not answered by then has no place yet."""

_LOOK_SECONDS = 0.5
_PAUSE_SECONDS = 60.0
_MAX_RESTARTS = 50
_AWAY_TOO_LONG = 75


class Keeper:
    """Keeps one worker process alive: what an actor does."""

    def __init__(self, command: Sequence[str], url_file: str, folder: str, log: str) -> None:
        import ray

        self._command, self._folder, self._log = list(command), folder, log
        kept = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
        self._environment = {
            **kept,
            URL_FILE_VARIABLE: url_file,
            ENGINE_VARIABLE: "ray",
            JOB_VARIABLE: Path(log).stem,
        }
        self._lock = threading.Lock()
        self._told_to_stop = False
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0
        self._itself = ray.get_runtime_context().current_actor
        threading.Thread(target=self._keep, daemon=True).start()

    def state(self) -> tuple[bool, int]:
        """Return whether it was told to stop, and how often it started its worker anew."""
        return self._told_to_stop, self._restarts

    def stop(self, *, kill: bool) -> None:
        """Let the worker drain, or kill it; the actor ends with it."""
        with self._lock:
            self._told_to_stop = True
            if self._process is not None:
                (self._process.kill if kill else self._process.terminate)()

    def _keep(self) -> None:
        import ray

        while (process := self._start()) is not None:
            code = process.wait()
            again = code == _AWAY_TOO_LONG or code < 0
            if self._told_to_stop or not again or self._restarts >= _MAX_RESTARTS:
                break
            self._restarts += 1
            if code == _AWAY_TOO_LONG:
                time.sleep(_PAUSE_SECONDS)
        # Nobody else would give back what Ray holds for it.
        ray.kill(self._itself, no_restart=True)

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock, Path(self._log).open("ab") as log:
            if self._told_to_stop:
                return None
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            return self._process


class RayEngine:
    """Workers are kept by detached actors, which Ray starts anew where their node dies.

    Only what lives is known: an actor ends with its worker. The cluster is that of ``RAY_ADDRESS``,
    or the one that runs on this machine.
    """

    name: ClassVar[str] = "ray"
    several_machines: ClassVar[bool] = True

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def submit(self, pool: Pool, *, dry_run: bool = False) -> str:
        """Start an actor for each worker; return their command; as :class:`Engine` has it."""
        if pool.options or pool.limit_minutes is not None:
            raise ConfigError(
                "--option, --hours: Ray takes none of them; leave them away (allowed: --threads, "
                "--gpus, --memory-gib)"
            )
        if not dry_run:
            self._start(pool, range(pool.workers))
        return f"{shlex.join([*self._command, *pool.worker_arguments()])}\n"

    def status(self, pool: Pool) -> list[WorkerStatus]:
        """Return the workers that have not ended."""
        ray = _connected()
        actors = _actors(ray, pool)
        if not actors:
            return []
        asked = {actor.state.remote(): name for name, actor in actors.items()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS)
        found = {name: WorkerStatus(name, State.WAITING) for name in actors}
        for each in answered:
            name = asked[each]
            try:
                told_to_stop, restarts = ray.get(each)
            except ray.exceptions.RayActorError:  # its worker ended meanwhile
                del found[name]
                continue
            state = State.STOPPING if told_to_stop else State.RUNNING
            found[name] = WorkerStatus(name, state, restarts=restarts)
        return list(found.values())

    def scale(self, pool: Pool, workers: int) -> Change:
        """Start actors, or let workers drain; as :class:`Engine` has it."""
        ray = _connected()
        counted = [worker for worker in self.status(pool) if worker.counts]
        if workers > len(counted):
            first = max((_number(worker.id) for worker in self.status(pool)), default=-1) + 1
            self._start(pool, range(first, first + workers - len(counted)))
            return Change(started=workers - len(counted))
        # Those that wait come last, and so are stopped first.
        counted.sort(key=lambda worker: (worker.state is State.WAITING, _number(worker.id)))
        actors = _actors(ray, pool)
        for worker in counted[workers:]:
            if worker.id in actors:
                _stop(ray, actors[worker.id], waits=worker.state is State.WAITING, kill=False)
        return Change(stopped=len(counted) - workers)

    def cancel(self, pool: Pool, grace_seconds: float) -> int:
        """Let all drain, then kill what is left; as :class:`Engine` has it."""
        ray = _connected()
        self.scale(pool, 0)
        end = time.monotonic() + grace_seconds
        while (left := _actors(ray, pool)) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        for actor in left.values():
            _stop(ray, actor, waits=False, kill=True)
        return len(left)

    def _start(self, pool: Pool, numbers: range) -> None:
        ray = _connected()
        pool.make_folders()
        needs: dict[str, Any] = {"num_cpus": pool.threads, "num_gpus": pool.gpus}
        if pool.memory_mib is not None:
            needs["memory"] = pool.memory_mib * 2**20
        for number in numbers:
            name = f"{pool.id}-{number}"
            ray.remote(Keeper).options(
                name=name, lifetime="detached", max_restarts=-1, **needs
            ).remote(
                [*self._command, *pool.worker_arguments()],
                str(pool.url_file),
                str(pool.working_dir),
                str(pool.logs / f"{name}.log"),
            )


def _connected() -> Any:  # noqa: ANN401 - ray has no types where it is not installed
    """Return Ray's module, connected to a cluster."""
    try:
        import ray
    except ModuleNotFoundError:
        raise EngineError("Ray is not installed; run: pip install 'neuronas[ray]'") from None
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS", "auto")
        try:
            _require_listening(address)
            ray.init(
                address=address,
                namespace=_NAMESPACE,
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise EngineError(
                f"no Ray cluster answers ({error}); start one with 'ray start --head', or name one "
                "in RAY_ADDRESS"
            ) from None
    return ray


def _require_listening(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself would try for minutes."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()


def _actors(ray: Any, pool: Pool) -> dict[str, Any]:  # noqa: ANN401
    found = {}
    for each in ray.util.list_named_actors(all_namespaces=True):
        if each["namespace"] == _NAMESPACE and each["name"].startswith(f"{pool.id}-"):
            try:
                found[each["name"]] = ray.get_actor(each["name"], namespace=_NAMESPACE)
            except ValueError:  # it ended meanwhile
                continue
    return dict(sorted(found.items(), key=lambda item: _number(item[0])))


def _stop(ray: Any, actor: Any, *, waits: bool, kill: bool) -> None:  # noqa: ANN401
    if waits:
        ray.kill(actor, no_restart=True)
        return
    try:
        ray.get(actor.stop.remote(kill=kill), timeout=_ANSWER_SECONDS)
    except ray.exceptions.RayActorError:  # its worker ended meanwhile
        return
    except ray.exceptions.GetTimeoutError as error:
        raise EngineError(f"an actor of Ray does not answer: {error}") from None


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])
