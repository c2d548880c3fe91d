"""The other workers of a search."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from neuronas.cli.others import Others


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """Return a function that says what workers do, and the list of those that were started."""
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen

    def popen(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(begin(*arguments, **options))
        return started[-1]

    def doing(what: str) -> list[subprocess.Popen[bytes]]:
        script = tmp_path / "worker"
        script.write_text(f"#!/bin/sh\n{what}\n")
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))
        monkeypatch.setattr(subprocess, "Popen", popen)
        return started

    yield doing
    for worker in started:
        worker.kill()
        worker.wait()


def test_workers_are_ended_where_not_all_could_be_started(workers, monkeypatch):
    started = workers("exec sleep 60")
    begin = subprocess.Popen

    def only_one(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        if started:
            raise BlockingIOError("no more processes")
        return begin(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", only_one)
    with (
        pytest.raises(BlockingIOError, match="no more processes"),
        Others("tiny", "sqlite:///tiny.db", 3, {}) as others,
    ):
        others.start()
    assert [worker.poll() for worker in started] == [-signal.SIGTERM]


def test_workers_are_ended_by_a_signal_while_they_are_waited_for(workers):
    started = workers("exec sleep 60")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), Others("tiny", "sqlite:///tiny.db", 3, {}) as others:
        others.start()
    assert [worker.poll() for worker in started] == [-signal.SIGTERM] * 2


def test_workers_are_waited_for_where_nobody_hears_of_them(workers, monkeypatch):
    started = workers("sleep 0.5; exit 5")

    def unheard(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("neuronas.cli.others.say", unheard)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with Others("tiny", "sqlite:///tiny.db", 3, {}) as others:
        others.start()
    assert [worker.poll() for worker in started] == [5, 5]


def test_a_worker_that_dies_is_told_of_while_the_search_goes_on(workers, capsys):
    workers("exit 5")
    told = ""
    with Others("tiny", "sqlite:///tiny.db", 2, {}) as others:
        others.start()
        deadline = time.monotonic() + 60
        while "ended with 5" not in told and time.monotonic() < deadline:
            time.sleep(0.02)
            told += capsys.readouterr().err
        assert told.endswith("ended with 5; none replaces it\n")
