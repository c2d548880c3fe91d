"""Ctrl-C and SIGTERM, also where Python drops what their handler raises."""

from __future__ import annotations

import signal
import subprocess
import sys
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
