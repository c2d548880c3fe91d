"""Waiting for a database that is away: restarted, cut off, or locked for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential_jitter,
)

from neuronas import interrupts
from neuronas.errors import StorageUnavailableError

_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 15.0
_LOOK_SECONDS = 0.5

P = ParamSpec("P")
R = TypeVar("R")


class Waits(Protocol):
    """Whatever waits for its database."""

    @property
    def patience_seconds(self) -> float:
        """For how long, in all, per call."""


Self = TypeVar("Self", bound=Waits)


def patient(method: Callable[Concatenate[Self, P], R]) -> Callable[Concatenate[Self, P], R]:
    """Let a method be tried again while its database is away, up to ``patience_seconds``.

    It must be one transaction, or do no harm when it is done twice: where the connection breaks
    at a commit, nobody knows whether it came to pass.
    """

    @wraps(method)
    def tried(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not self.patience_seconds:
            return method(self, *args, **kwargs)
        attempts = Retrying(
            retry=retry_if_exception_type(StorageUnavailableError),
            stop=stop_after_delay(self.patience_seconds),
            wait=wait_exponential_jitter(
                multiplier=_FIRST_SECONDS, max=_LONGEST_SECONDS, jitter=1.0
            ),
            sleep=_sleep,
            reraise=True,
        )
        return attempts(method, self, *args, **kwargs)

    return cast("Callable[Concatenate[Self, P], R]", tried)


def _sleep(seconds: float) -> None:
    """Sleep, but not past a signal whose exception got lost."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if threading.current_thread() is threading.main_thread():
            interrupts.check()
        time.sleep(min(left, _LOOK_SECONDS))
