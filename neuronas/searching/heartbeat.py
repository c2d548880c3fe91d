"""A worker's sign of life: its lease is renewed while it trains, and dead workers are noticed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from neuronas import interrupts
from neuronas.errors import LeaseLostError, StorageError
from neuronas.records import Worker
from neuronas.storage import LEASE_SECONDS, Reaper, Repository

STOPPED = "stopped"

_RENEWALS = 4
"""Per lease: so many may fail before it expires, but one."""
_LOOK_SECONDS = 20.0
"""After so long, at most, a worker hears that somebody has stopped its study."""


@contextmanager
def working_alone(repository: Repository, study: str, task: str) -> Iterator[None]:
    """Work on a study with nobody else, as long as the context lasts.

    Raises:
        StudyLockedError: Somebody else works on it.
    """
    with (
        repository.joined(study, task=task, alone=True) as worker,
        Heartbeat(repository, None, worker, LEASE_SECONDS, lambda _: None),
    ):
        yield


class Heartbeat:
    """A thread that renews a worker's lease and takes trials away from dead workers.

    When somebody has stopped the study, it lets this process drain.

    Args:
        repository: Our tables.
        reaper: Of the worker's study; None where trials are not looked after.
        worker: The worker.
        lease_seconds: For how long it may be silent.
        say: Told what people should know.

    Attributes:
        holding: Number of the trial that the worker trains, if any. When it turns out to be
            somebody else's by now, the training is ended with LeaseLostError.
    """

    def __init__(
        self,
        repository: Repository,
        reaper: Reaper | None,
        worker: Worker,
        lease_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.holding: int | None = None
        self._repository, self._reaper, self._worker = repository, reaper, worker
        self._lease_seconds, self._say = lease_seconds, say
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._reaped_at = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        every = self._lease_seconds / _RENEWALS
        # Workers that were started together would otherwise beat together.
        renews_at = time.monotonic() + every * random.uniform(0.7, 1.0)
        while not self._stopped.wait(min(_LOOK_SECONDS, max(0.0, renews_at - time.monotonic()))):
            try:
                if time.monotonic() < renews_at:
                    self._look()
                    continue
                renews_at = time.monotonic() + every * random.uniform(0.7, 1.0)
                self._renew()
                if time.monotonic() - self._reaped_at > self._lease_seconds / 2:
                    self._reaped_at = time.monotonic()
                    self._reap()
            except StorageError as error:
                self._say(f"the lease could not be renewed: {error}")
            except KeyboardInterrupt:  # the main thread hears of it, too
                return

    def _look(self) -> None:
        if self._repository.state(self._worker.study) == STOPPED:
            interrupts.drain()

    def _renew(self) -> None:
        held = self.holding
        found, state = self._repository.renew(self._worker, self._lease_seconds)
        if state == STOPPED:
            interrupts.drain()
        if held is not None and found != held and self.holding == held:
            interrupts.raise_soon(
                LeaseLostError(f"trial {held} was taken away: no sign of life came through")
            )

    def _reap(self) -> None:
        for number in self._reaper.reap() if self._reaper else ():
            self._say(f"trial {number} was taken away from a dead worker")
