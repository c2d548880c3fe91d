"""Workers on a Ray cluster of this machine; a small program stands for the worker."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from neuronas.errors import EngineError
from neuronas.service.engines import State, check_engine, new_pool
from neuronas.service.engines.ray import RayEngine
from tests.soak.slurm_lab import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(240)]

PORT = 6399  # Ray keeps 10002 to 19999 for its workers
WORKER = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("--checkpoint-dir") + 1])
told = {"parent": os.getppid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
partial = folder / f"{os.getpid()}.partial"
partial.write_text(json.dumps(told))
partial.rename(folder / f"{os.getpid()}.json")
time.sleep(600)
"""


@pytest.fixture(scope="module")
def _head():
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'neuronas[ray]'")
    folder = tempfile.mkdtemp(prefix="ray-lab-")
    address = {"RAY_ADDRESS": f"127.0.0.1:{PORT}", "RAY_USAGE_STATS_ENABLED": "0"}
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", f"--port={PORT}"]
    options = ["--node-ip-address=127.0.0.1", "--num-cpus=4", "--num-gpus=2"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**address, "RAY_AUTH_MODE": "disabled"}.items():
            patch.setenv(name, value)
        subprocess.run(
            [*start, *options, "--include-dashboard=false", f"--temp-dir={folder}"],
            check=True,
            capture_output=True,
        )
        yield ray
        ray.shutdown()
        kill_processes_of(folder)  # "ray stop" would end every Ray of this machine
        shutil.rmtree(folder, ignore_errors=True)


def kill_processes_of(folder):
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if folder.encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


@pytest.fixture
def submitted(_head, tmp_path):
    """Return a function that starts workers, and the folder where they tell what they see."""
    engine, pools = RayEngine((sys.executable, "-c", WORKER)), []

    def submit(workers, **fields):
        pools.append(new_pool("demo", "ray", tmp_path, workers=workers, **fields))
        pools[-1].keep("postgresql://nowhere/neuronas")
        engine.submit(pools[-1])
        until(
            lambda: len(list(tmp_path.glob("*.json"))) >= workers, "the workers started", seconds=90
        )
        return engine, pools[-1], tmp_path

    yield submit
    for pool in pools:
        engine.cancel(pool, 0)


@pytest.mark.usefixtures("_head")
def test_the_ray_engine_keeps_the_contract(tmp_path):
    check_engine(RayEngine, tmp_path)


def test_each_worker_has_a_gpu_of_its_own_and_others_wait(submitted):
    engine, pool, folder = submitted(2, gpus=1)
    gpus = {json.loads(file.read_text())["gpus"] for file in folder.glob("*.json")}
    assert gpus == {"0", "1"}
    assert engine.scale(pool, 3).started == 1
    assert sorted(worker.state for worker in engine.status(pool)) == [
        *(State.RUNNING, State.RUNNING, State.WAITING),
    ]
    assert engine.scale(pool, 2).stopped == 1
    assert [worker.state for worker in engine.status(pool)] == [State.RUNNING] * 2


@pytest.mark.parametrize("victim", ["worker", "actor"])
def test_what_is_killed_is_started_again(submitted, victim):
    engine, pool, folder = submitted(1)
    (file,) = folder.glob("*.json")
    parent = json.loads(file.read_text())["parent"]
    os.kill(int(file.stem) if victim == "worker" else parent, signal.SIGKILL)
    until(lambda: len(list(folder.glob("*.json"))) == 2, "another worker started", seconds=90)
    until(lambda: not Path(f"/proc/{file.stem}").exists(), "the first worker is gone")
    assert [worker.state for worker in engine.status(pool)] == [State.RUNNING]


@pytest.mark.parametrize("address", ["nonsense:", "127.0.0.1:1"])
def test_without_a_cluster_it_is_said_what_to_do(monkeypatch, tmp_path, address):
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'neuronas[ray]'")
    ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EngineError, match="start one with 'ray start --head'"):
        RayEngine(("neuronas",)).status(new_pool("demo", "ray", tmp_path, workers=1))
