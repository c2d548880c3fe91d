"""``neuronas cluster`` on local processes; on Slurm: ``tests/soak``."""

from __future__ import annotations

import json
import sys
import time

import pytest

from neuronas.service import engines
from neuronas.service.engines.local import LocalEngine
from neuronas.service.engines.slurm import SlurmEngine

WORKER = "import time; time.sleep(60)"


@pytest.fixture
def local(searched, monkeypatch):
    """Let a small program stand for the worker; its study is ``tiny``."""
    made = {"local": LocalEngine, "slurm": SlurmEngine}
    command = (sys.executable, "-c", WORKER)
    monkeypatch.setattr(engines, "new_engine", lambda name: made[name](command))
    return ["--engine", "local"]


def states(run, local):
    rows = json.loads(run("cluster", "status", "tiny", *local, "--format", "json").out)
    return [row["state"] for row in rows]


def test_workers_are_submitted_shown_scaled_and_cancelled(run, local):
    done = run("cluster", "submit", "tiny", "--workers", 2, *local)
    assert (done.code, done.out) == (0, "")
    assert "2 workers of 'tiny' submitted to local; logs: " in done.err
    assert states(run, local) == ["running", "running"]
    assert "Workers: 2 running; asked for: 2." in run("cluster", "status", "tiny", *local).out

    again = run("cluster", "submit", "tiny", "--workers", 1, *local)
    assert again.code == 8
    assert "'tiny' has 2 workers on local already" in again.err
    assert "1 workers started" in run("cluster", "scale", "tiny", 3, *local).err

    done = run("cluster", "cancel", "tiny", *local, "--grace-seconds", 10)
    assert done.err == "all workers of 'tiny' on local ended\n"
    assert states(run, local) == ["ended"] * 3
    assert run("cluster", "submit", "tiny", "--workers", 1, *local).code == 0
    assert states(run, local) == ["running"]
    assert run("cluster", "cancel", "tiny", *local).code == 0


def test_what_does_not_drain_is_killed(run, local, folder, monkeypatch):
    started = folder / "started"
    stubborn = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    )
    command = (sys.executable, "-c", stubborn)
    monkeypatch.setattr(engines, "new_engine", lambda _: LocalEngine(command))
    assert run("cluster", "submit", "tiny", "--workers", 1, *local).code == 0
    while not started.exists():
        time.sleep(0.01)
    done = run("cluster", "cancel", "tiny", *local, "--grace-seconds", 0.2)
    assert done.err == "all workers of 'tiny' on local ended, 1 killed\n"


def test_a_stopped_study_gets_no_workers_before_it_goes_on(run, local):
    run("search", "tiny.yaml", "--workers", 0, "--trials", 8)
    assert run("stop", "tiny").code == 0
    done = run("cluster", "submit", "tiny", "--workers", 1, *local)
    assert (done.code, done.out) == (5, "")
    assert "'neuronas resume tiny --workers 0'" in done.err
    assert run("resume", "tiny", "--workers", 0).code == 0
    assert run("cluster", "submit", "tiny", "--workers", 1, *local).code == 0
    assert run("cluster", "cancel", "tiny", *local).code == 0


def test_a_dry_run_prints_the_script_and_writes_nothing(run, local, folder):
    before = sorted(folder.rglob("*"))
    option = ["--worker-option", "lease-seconds=60"]
    done = run("cluster", "submit", "tiny", "--workers", 4, "--hours", 8, *option, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert "#SBATCH --array=0-3\n" in done.out
    assert "#SBATCH --time=480\n" in done.out
    assert "worker tiny --checkpoint-dir" in done.out
    assert " --lease-seconds=60 " in done.out
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["submit", "tiny", "--workers", 1], 3, "workers on several machines need a server"),
        (["submit", "other", "--workers", 1, "--engine", "local"], 5, "other"),
        (["submit", "../tiny", "--workers", 1, "--engine", "local"], 3, "NAME: found '../tiny'"),
        (["submit", "tiny", "--workers", 1, "--option", "a=1", "--option", "a=2"], 2, "twice"),
        (["submit", "tiny", "--workers", 1, "--engine", "local", "--gpus", 1], 3, "--gpus 0,1"),
        (["submit", "tiny", "--workers", 1, "--device", "tpu"], 3, "device: found 'tpu'"),
        (["submit", "tiny", "--workers", 1, "--worker-option", "threads=2"], 2, "max-trials, max-"),
        (["submit", "tiny", "--workers", 1, "--worker-option", "max-trials=x"], 2, "max-trials"),
        (["status", "tiny"], 8, "no workers of 'tiny' were submitted to slurm"),
        (["scale", "../tiny", 1], 3, "NAME: found '../tiny'"),
        (["cancel", "tiny", "--engine", "local"], 8, "--checkpoint-dir"),
    ],
)
def test_wrong_input_is_told(run, local, folder, arguments, code, told):
    done = run("cluster", *arguments)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert not list(folder.rglob("pool.json"))


def test_an_unknown_engine_is_told(run):
    done = run("cluster", "status", "tiny", "--engine", "slum")
    assert done.code == 3
    assert "--engine: found 'slum'; allowed: " in done.err


def test_a_damaged_pool_is_told_by_its_file(run, local, folder):
    file = folder / "checkpoints" / "cluster" / "tiny" / "local" / "pool.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"study": "tiny", "workers": -1}')
    done = run("cluster", "status", "tiny", *local)
    assert done.code == 3
    assert str(file) in done.err
    assert "workers: found -1" in done.err
