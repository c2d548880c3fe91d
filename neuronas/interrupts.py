"""Ctrl-C and SIGTERM: they raise KeyboardInterrupt, and are remembered where that gets lost.

Python drops what is raised in a weak reference's callback or a destructor, wherever the signal
happens to come. What runs for long therefore asks :func:`check` at each step.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ONE_WISH_SECONDS = 1.0
"""Within it, signals are the same one: ``timeout`` sends two, to the process and its group."""

_asked_at: float | None = None
_pending: BaseException | None = None


@contextmanager
def caught() -> Iterator[None]:
    """Let the first signal raise KeyboardInterrupt, and a later one end the process at once."""
    global _asked_at
    _asked_at = None
    try:
        with _handled(_handle):
            yield
    finally:
        _asked_at = None


@contextmanager
def held_off() -> Iterator[None]:
    """Let signals do nothing."""
    with _handled(signal.SIG_IGN):
        yield


def raise_soon(error: BaseException) -> None:
    """Let another thread's next :func:`check` raise an error, unless it is forgotten before."""
    global _pending
    _pending = error


def forget() -> None:
    """Forget what was to be raised soon."""
    global _pending
    _pending = None


def check() -> None:
    """Raise KeyboardInterrupt if a signal has come whose own was lost, or what is to be raised.

    Only the main thread calls this.
    """
    global _pending
    if _asked_at is not None:
        raise KeyboardInterrupt
    if _pending is not None:
        error, _pending = _pending, None
        raise error


def _handle(number: int, _frame: FrameType | None) -> None:
    global _asked_at
    now = time.monotonic()
    if _asked_at is None:
        _asked_at = now
        raise KeyboardInterrupt
    if now - _asked_at > _ONE_WISH_SECONDS:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def _handled(handler: signal._HANDLER) -> Iterator[None]:
    """Set the handler of both signals for a while; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
