"""Ctrl-C and SIGTERM, also where Python drops what their handler raises."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import weakref

import pytest

from neuronas import interrupts


class Thing:
    """Can be referred to weakly."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_is_remembered_where_its_exception_is_lost(number):
    def callback(_: object) -> None:
        signal.raise_signal(number)

    with interrupts.caught():
        interrupts.check()
        thing = Thing()
        reference = weakref.ref(thing, callback)
        del thing
        assert reference() is None
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    interrupts.check()


def test_handlers_are_put_back_and_nothing_is_caught_while_held_off():
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.caught():
        with interrupts.held_off():
            signal.raise_signal(signal.SIGTERM)
        interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # at once: the same wish
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("context", ["caught()", "draining(60)"])
def test_what_was_caught_has_no_say_in_the_exit_code(context):
    script = f"""
import signal
from neuronas import interrupts
with interrupts.{context}:
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        print("caught")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.stdout, ended.returncode) == ("caught\n", 0)


def test_what_python_drops_is_not_printed():
    script = """
import signal, weakref
from neuronas import interrupts
class Thing: pass
with interrupts.caught():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    try:
        del thing
        interrupts.check()
    except KeyboardInterrupt:
        print("stopped")
thing = Thing()
reference = weakref.ref(thing, lambda _: 1 / 0)
del thing
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout == "stopped\n"
    assert "KeyboardInterrupt" not in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


def test_a_second_signal_kills():
    script = """
import signal
from neuronas import interrupts
interrupts._ONE_WISH_SECONDS = 0
with interrupts.caught():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGTERM)
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_drains_and_a_later_one_ends_at_once(number, monkeypatch):
    monkeypatch.setattr(interrupts, "_ONE_WISH_SECONDS", 0.05)
    before = signal.getsignal(number)
    with interrupts.draining(60):
        assert not interrupts.is_draining()
        signal.raise_signal(number)
        signal.raise_signal(number)  # at once: the same wish
        assert interrupts.is_draining()
        interrupts.check()
        time.sleep(0.06)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert not interrupts.is_draining()
    assert signal.getsignal(number) is before


def test_a_drain_that_takes_too_long_ends_by_itself():
    with interrupts.draining(0.02):
        interrupts.check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            check_for_seconds(10)
    check_for_seconds(0.05)


def test_a_drain_that_was_quick_leaves_nothing_behind():
    with interrupts.draining(0.05):
        signal.raise_signal(signal.SIGUSR1)
    check_for_seconds(0.1)


def check_for_seconds(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        interrupts.check()
        time.sleep(0.005)


def test_what_another_thread_raises_is_raised_once_unless_forgotten():
    interrupts.raise_soon(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        interrupts.check()
    interrupts.check()
    interrupts.raise_soon(ZeroDivisionError())
    interrupts.forget()
    interrupts.check()
