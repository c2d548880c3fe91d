"""What every engine must keep: run it against an engine of your own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neuronas.service.engines.pool import Pool, new_pool
from neuronas.service.engines.protocol import Change, Engine, State

_STUDY = "contract"
_SECRET = "postgresql://user:unspeakable@nowhere/neuronas"
_WORKER = """
import os, pathlib, signal, sys, time
arguments = sys.argv[1:]
assert arguments[:2] == ["worker", "contract"], arguments
folder = pathlib.Path(arguments[arguments.index("--checkpoint-dir") + 1])
url = pathlib.Path(os.environ["NEURONAS_STORAGE_FILE"]).read_text().strip()
name = f"{os.uname().nodename}-{os.getpid()}"

def drain(*_):
    (folder / f"drained-{name}").write_text(url)
    sys.exit(0)

signal.signal(signal.SIGTERM, drain)
assert "NEURONAS_STORAGE" not in os.environ
assert url not in " ".join(arguments)
(folder / f"started-{name}").write_text(url)
while True:
    time.sleep(0.05)
"""
"""Stands for a worker: leaves a file when it starts and when it drains."""


def check_engine(
    make: Callable[[Sequence[str]], Engine],
    folder: Path,
    *,
    seconds: float = 60.0,
    **fields: Any,  # noqa: ANN401 - fields of Pool
) -> None:
    """Check that an engine keeps the contract, as scikit-learn's ``check_estimator`` does.

    A dry run starts nothing and shows the command without the database's URL. Two workers are
    started, get the URL by a file, are scaled up and down and drained by SIGTERM; nothing is left.

    Args:
        make: Makes the engine from the beginning of the worker command, as its class does.
        folder: An empty folder that the workers see.
        seconds: What each step may take.
        fields: Further fields of the pool, such as ``options``.

    Raises:
        AssertionError: It breaks the contract; the message says how.
    """
    engine = make((sys.executable, "-c", _WORKER))
    pool = new_pool(_STUDY, engine.name, folder, workers=2, **fields)
    shown = engine.submit(pool, dry_run=True)
    _require(_STUDY in shown, "a dry run does not show the worker command")
    _require(not any(folder.iterdir()), "a dry run writes files")
    _require(engine.status(pool) == [], "workers are there before any were submitted")
    pool.keep(_SECRET)
    try:
        _check_life(engine, pool, folder, seconds)
    finally:
        killed = engine.cancel(pool, seconds)
    _require(killed == 0, f"{killed} workers had to be killed, though all drain")


def _check_life(engine: Engine, pool: Pool, folder: Path, seconds: float) -> None:
    shown = engine.submit(pool)
    _require("unspeakable" not in shown, "what is run shows the database's password")
    _until(lambda: _count(folder, "started") == pool.workers, "two workers start", seconds)
    _until(lambda: _running(engine, pool) == pool.workers, "two workers are running", seconds)
    urls = {path.read_text() for path in folder.glob("started-*")}
    _require(urls == {_SECRET}, "workers do not get the URL's file")
    change = engine.scale(pool, 3)
    _require(change == Change(started=1), f"from two to three workers was {change}")
    _until(lambda: _count(folder, "started") == 3, "a third worker starts", seconds)  # noqa: PLR2004
    change = engine.scale(pool, 1)
    _require(change == Change(stopped=2), f"from three to one worker was {change}")
    change = engine.scale(pool, 1)
    _require(change == Change(), f"from one worker to one was {change}")
    _until(lambda: _count(folder, "drained") == 2, "two workers get a SIGTERM", seconds)  # noqa: PLR2004
    _until(lambda: _alive(engine, pool) == 1, "one worker is left", seconds)
    _require(engine.cancel(pool, seconds) == 0, "the last worker did not drain")
    _until(lambda: _alive(engine, pool) == 0, "no worker is left", seconds)
    _require(_count(folder, "drained") == _count(folder, "started"), "a worker got no SIGTERM")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise AssertionError(problem)


def _until(holds: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        _require(time.monotonic() < end, f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def _count(folder: Path, what: str) -> int:
    return len(list(folder.glob(f"{what}-*")))


def _running(engine: Engine, pool: Pool) -> int:
    return sum(worker.state is State.RUNNING for worker in engine.status(pool))


def _alive(engine: Engine, pool: Pool) -> int:
    return sum(worker.state is not State.ENDED for worker in engine.status(pool))
