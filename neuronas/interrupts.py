"""Signals: Ctrl-C and SIGTERM raise KeyboardInterrupt, remembered where that gets lost.

Python drops what is raised in a weak reference's callback or a destructor, wherever the signal
happens to come. What runs for long therefore asks :func:`check` at each step. Workers are
drained instead: they look at :func:`is_draining` where they can stop without losing anything.
"""

from __future__ import annotations

import os
import signal
import sys
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
_draining = False


@contextmanager
def caught() -> Iterator[None]:
    """Let the first signal raise KeyboardInterrupt, and a later one end the process at once."""
    global _asked_at
    _asked_at = None
    try:
        with _handled(_handle), _without_a_word():
            yield
    finally:
        _asked_at = None
        _let_python_forget()


@contextmanager
def draining(seconds: float) -> Iterator[None]:
    """Let the first SIGTERM, SIGUSR1 or Ctrl-C ask for a drain, and a later one end it at once.

    Args:
        seconds: Time after which KeyboardInterrupt is raised though something still runs.
    """
    timer = threading.Timer(seconds, lambda: raise_soon(KeyboardInterrupt()))
    timer.daemon = True
    asked_at = [0.0]

    def handle(_number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not _draining:
            asked_at[0] = now
            drain()
            timer.start()
        elif now - asked_at[0] > _ONE_WISH_SECONDS:
            raise KeyboardInterrupt

    try:
        with _handled(handle, (*_SIGNALS, signal.SIGUSR1)):
            yield
    finally:
        timer.cancel()
        stop_draining()
        forget()
        _let_python_forget()


def drain() -> None:
    """Ask for a drain."""
    global _draining
    _draining = True


def stop_draining() -> None:
    """Take back what :func:`drain` asked for."""
    global _draining
    _draining = False


def is_draining() -> bool:
    """Return whether what runs is to stop where it can go on later."""
    return _draining


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


@contextmanager
def _without_a_word() -> Iterator[None]:
    """Let Python not print the KeyboardInterrupt that it drops: it is remembered."""
    before = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _let_python_forget() -> None:
    """Let the exit code be ours.

    CPython notes that a KeyboardInterrupt left an ``exec``, such as a dataclass's or an import's,
    and ends with SIGINT for it though it was caught outside, unless another ``exec`` came since.
    """
    exec("")


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
def _handled(
    handler: signal._HANDLER, signals: tuple[signal.Signals, ...] = _SIGNALS
) -> Iterator[None]:
    """Set the handler of some signals for a while; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
