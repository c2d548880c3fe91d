"""Several workers on this machine: one process each, one GPU each where GPUs are named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from neuronas.errors import NeuronasError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_LOOK_SECONDS = 0.1
_GPU = re.compile("[0-9A-Za-z][0-9A-Za-z-]*")


class Children:
    """Workers that this process started.

    Args:
        name: The study.
        storage: Storage URL; given to them by the environment, as others see command lines.
        options: Further options of ``neuronas worker``; None where one is not given.
    """

    def __init__(self, name: str, storage: str, options: Mapping[str, object]) -> None:
        given = [f"{key}={value}" for key, value in options.items() if value is not None]
        self._command = [sys.executable, "-m", "neuronas", "worker", name, *given]
        self._environment = {**os.environ, "NEURONAS_STORAGE": storage}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._asked: int | None = None

    def start(self, count: int) -> None:
        """Start workers that share whatever there is."""
        for _ in range(count):
            self._start(self._environment)

    def start_on_gpus(self, gpus: Sequence[str]) -> None:
        """Start a worker on each GPU."""
        for gpu in gpus:
            self._start({**self._environment, "CUDA_VISIBLE_DEVICES": gpu})

    def _start(self, environment: dict[str, str]) -> None:
        # A session of its own: Ctrl-C reaches them through this process, once.
        self._processes.append(
            subprocess.Popen(
                self._command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
            )
        )
        if self._asked is not None:  # the signal came before it was there
            self._processes[-1].send_signal(self._asked)

    def signal(self, number: int) -> None:
        """Send a signal to those that live."""
        self._asked = number
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def wait(self, say: Callable[[str], None] = lambda _: None) -> int:
        """Wait for all; return the exit code that tells most: 78, else 75, else any but 0.

        Args:
            say: Told at once of a worker that ended with another code than 0.
        """
        codes: dict[int, int] = {}
        while len(codes) < len(self._processes):
            for process in self._processes:
                if process.pid not in codes and process.poll() is not None:
                    code = codes[process.pid] = self._code(process.returncode)
                    if code:
                        say(f"a worker (process {process.pid}) ended with {code}; none replaces it")
            time.sleep(_LOOK_SECONDS)
        ended = codes.values()
        return next((code for code in (78, 75) if code in ended), max(ended, default=0))

    def _code(self, code: int) -> int:
        """Return an exit code as shells have it; who was asked to end before it began, did so."""
        return code if code >= 0 else 0 if -code == self._asked else 128 - code

    @contextmanager
    def signals_passed_on(self) -> Iterator[None]:
        """Let signals that would end this process drain its workers instead."""

        def pass_on(number: int, _frame: FrameType | None) -> None:
            self.signal(number)

        before = {number: signal.signal(number, pass_on) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def gpu_names(text: str) -> list[str]:
    """Return the GPUs that a list such as ``0,1`` names.

    Raises:
        NeuronasError: It names none, or one twice.
    """
    names = [part.strip() for part in text.split(",")]
    if not all(map(_GPU.fullmatch, names)) or len(set(names)) < len(names):
        raise NeuronasError(
            f"--gpus: found '{text}'; allowed: numbers or UUIDs, each once, such as 0,1"
        )
    return names
