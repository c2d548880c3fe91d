"""Candidates in processes of their own: what they do there ends there."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from neuronas.config import TrainingConfig
from neuronas.errors import StorageError, TrainingFailedError
from neuronas.training.isolation import Limits, run_isolated
from tests.training.examples import DEEP, KEY, TINY

NONE = Limits()


def double(number: int) -> tuple[int, int]:
    return os.getpid(), 2 * number


def fail(error: Exception) -> None:
    raise error


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def allocate(path: Path) -> None:
    path.write_text(str(os.getpid()))
    held = []
    while True:
        held.append(np.ones(2_000_000))
        time.sleep(0.01)


def hang(path: Path) -> None:
    path.write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def is_gone(path: Path) -> bool:
    """Return whether the process whose number a file holds ends within seconds; zombies remain."""
    for _ in range(100):
        if not Path(f"/proc/{path.read_text()}").exists():
            return True
        time.sleep(0.05)
    return False


def test_a_task_runs_in_another_process_and_its_result_comes_back():
    pid, result = run_isolated(double, 21, limits=NONE)
    assert result == 42
    assert pid != os.getpid()


@pytest.mark.parametrize(
    "error", [TrainingFailedError("dead network", "here", 1.5), StorageError("no space")]
)
def test_our_own_errors_are_raised_as_they_are(error):
    with pytest.raises(type(error)) as caught:
        run_isolated(fail, error, limits=NONE)
    assert str(caught.value) == str(error)
    assert vars(caught.value) == vars(error)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_of_a_job_is_its_parents_to_answer(number):
    assert run_isolated(signal.raise_signal, number, limits=NONE) is None


def test_a_bug_is_raised_with_its_traceback():
    with pytest.raises(ZeroDivisionError) as caught:
        run_isolated(fail, ZeroDivisionError("here"), limits=NONE)
    assert "in fail" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("task", "reason", "detail"),
    [
        (crash, "crashed", "SIGSEGV"),
        (leave, "crashed", "status 3"),
        (kill_itself, "out of memory", "SIGKILL"),
    ],
)
def test_a_death_of_the_process_is_a_failure_and_the_next_one_runs(task, reason, detail):
    with pytest.raises(TrainingFailedError, match=detail) as caught:
        run_isolated(task, limits=NONE)
    assert caught.value.reason == reason
    assert run_isolated(double, 1, limits=NONE)[1] == 2


def test_what_takes_too_much_memory_is_ended_and_leaves_no_process(tmp_path):
    with pytest.raises(TrainingFailedError, match="100 MB is allowed") as caught:
        run_isolated(allocate, tmp_path / "pid", limits=Limits(memory_bytes=100_000_000))
    assert caught.value.reason == "out of memory"
    assert is_gone(tmp_path / "pid")


def test_what_hangs_is_ended_and_leaves_no_process(tmp_path):
    run_isolated(double, 1, limits=NONE)  # the server has started
    started = time.monotonic()
    with pytest.raises(TrainingFailedError, match="not done after 2 s") as caught:
        run_isolated(hang, tmp_path / "pid", limits=Limits(wall_seconds=2))
    assert caught.value.reason == "out of time"
    assert time.monotonic() - started < 10
    assert is_gone(tmp_path / "pid")


SCRIPT = """
from pathlib import Path
from neuronas.training.isolation import Limits, run_isolated
from tests.training.test_isolation import hang

if __name__ == "__main__":
    run_isolated(hang, Path({path!r}), limits=Limits())
"""


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, marks=pytest.mark.soak),
        signal.SIGKILL,
    ],
)
def test_the_process_ends_with_the_worker_however_that_ends(tmp_path, number):
    path, script = tmp_path / "pid", tmp_path / "script.py"
    script.write_text(SCRIPT.format(path=str(path)))
    root = str(Path(__file__).parents[2])
    worker = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": root},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (path.exists() and path.read_text()):
        assert worker.poll() is None
        time.sleep(0.05)
    worker.send_signal(number)
    assert worker.wait(timeout=30) != 0
    assert is_gone(path)


# Candidates.


def test_a_candidate_in_a_process_of_its_own_is_the_same_network(make_trainer):
    settings = TrainingConfig(epochs=1, batch_size=32)
    isolated = make_trainer(settings=settings.model_copy(update={"isolate": True}))
    there, here = isolated.evaluate(DEEP, KEY), make_trainer().evaluate(DEEP, KEY)
    assert there.weights_sha256 == here.weights_sha256
    assert there.spike_rates == here.spike_rates
    assert (isolated.checkpoint_dir / there.weights_path).exists()


def test_a_candidate_that_fails_there_fails_with_its_reason(make_trainer):
    settings = TrainingConfig(epochs=1, batch_size=32, isolate=True)
    silent = TINY.model_copy(update={"threshold": 100.0})
    with pytest.raises(TrainingFailedError) as caught:
        make_trainer(settings=settings).evaluate(silent, KEY)
    assert caught.value.reason == "dead network"


def test_a_candidate_that_takes_too_long_is_given_up(make_trainer):
    settings = TrainingConfig(epochs=10_000, isolate=True, wall_seconds=3)
    key = type(KEY)(KEY.digest, 10_000, KEY.seed)
    with pytest.raises(TrainingFailedError) as caught:
        make_trainer(settings=settings).evaluate(TINY, key)
    assert caught.value.reason == "out of time"
    assert torch.get_num_threads() == 1
