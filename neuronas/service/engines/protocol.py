"""What an engine does: start workers, say how they are, and stop them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from neuronas.service.engines.pool import Pool


class State(StrEnum):
    """What a worker process does."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker process, as its engine sees it.

    Attributes:
        id: Name that the engine knows it by.
        state: What it does.
        machine: Where it runs or ran; None while it waits.
        reason: Why it waits, or how it ended; empty where the engine does not know.
        restarts: How often the engine has started it anew; None where it never does.
    """

    id: str
    state: State
    machine: str | None = None
    reason: str = ""
    restarts: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it counts as one of the workers that were asked for."""
        return self.state in (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to reach a number of workers."""

    started: int = 0
    stopped: int = 0


class Engine(Protocol):
    """Keeps N processes of the worker command alive; made with the beginning of that command.

    Class attributes:
        name: Its name, that of its entry point in the group ``neuronas.engines``.
        several_machines: Whether workers may run on other machines than this one, so that their
            database must be a server.
    """

    name: ClassVar[str]
    several_machines: ClassVar[bool]

    def __init__(self, command: Sequence[str]) -> None:
        """Make an engine.

        Args:
            command: What comes before ``worker NAME ...``, such as ``("neuronas",)``.
        """

    def submit(self, pool: Pool, *, dry_run: bool = False) -> str:
        """Start the workers of a pool, which has none; return what was or would be run.

        Raises:
            ConfigError: The pool asks for what this engine cannot give.
            EngineError: The engine is not there, or refuses.
        """

    def status(self, pool: Pool) -> list[WorkerStatus]:
        """Return the workers of a pool; those that ended may be left out.

        Raises:
            EngineError: The engine cannot be reached.
        """

    def scale(self, pool: Pool, workers: int) -> Change:
        """Start or drain workers until as many are left; those that drain do not count.

        Those that wait are stopped first. It returns before all have drained.

        Raises:
            EngineError: The engine cannot be reached, or refuses.
        """

    def cancel(self, pool: Pool, grace_seconds: float) -> int:
        """Let all workers drain, and kill those that have not within a time.

        Returns:
            How many were killed.

        Raises:
            EngineError: The engine cannot be reached, or refuses.
        """
