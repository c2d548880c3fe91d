"""Workers on a Slurm cluster of three virtual nodes; a small program stands for the worker."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from neuronas.errors import EngineError
from neuronas.service.engines import Pool, State, WorkerStatus, check_engine, new_pool
from neuronas.service.engines.slurm import SlurmEngine
from tests.soak.slurm_lab import NODES, until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]

URL = "postgresql://user:unspeakable@nowhere/neuronas"
WORKER = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[sys.argv.index("--checkpoint-dir") + 1])
task = os.environ["SLURM_ARRAY_TASK_ID"]
kept = ("SLURMD_NODENAME", "CUDA_VISIBLE_DEVICES", "SLURM_RESTART_COUNT")
end = folder / "end"

def tell(event):
    line = json.dumps({"event": event, "task": task, **{k: os.environ.get(k) for k in kept}})
    with open(folder / "events", "a") as file:
        file.write(line + "\\n")

def drain(*_):
    tell("told")
    if not (folder / f"stubborn-{task}").exists():
        tell("drained")
        sys.exit(0)

signal.signal(signal.SIGTERM, drain)
tell("started")
while not end.exists():
    time.sleep(0.05)
sys.exit(int(end.read_text()))
"""
"""Tells what befalls it; ends with the code in the file ``end``."""


@dataclass(frozen=True)
class Workers:
    """Workers of one pool and what they told."""

    engine: SlurmEngine
    pool: Pool

    def told(self, event: str) -> list[dict[str, Any]]:
        file = self.pool.checkpoint_dir / "events"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def status(self) -> list[WorkerStatus]:
        return self.engine.status(self.pool)

    def states(self) -> Counter[State]:
        return Counter(worker.state for worker in self.status())

    def wait_for(self, event: str, count: int) -> list[dict[str, Any]]:
        until(lambda: len(self.told(event)) >= count, f"{count} workers {event}", seconds=60)
        return self.told(event)


@pytest.fixture
def submitted(slurm_lab, tmp_path):
    """Return a function that submits workers."""

    def submit(workers: int, **fields: Any) -> Workers:
        engine = SlurmEngine((sys.executable, "-c", WORKER))
        pool = new_pool("demo", "slurm", tmp_path, workers=workers, **fields)
        pool.keep(URL)
        engine.submit(pool)
        return Workers(engine, pool)

    return submit


def test_the_slurm_engine_keeps_the_contract(slurm_lab, tmp_path):
    folder = tmp_path / "with a space, 100% and 'quotes' $HOME"
    folder.mkdir()
    check_engine(SlurmEngine, folder)


def test_an_array_fills_three_nodes_and_each_worker_has_a_gpu_of_its_own(submitted):
    workers = submitted(7, gpus=1)
    started = workers.wait_for("started", 6)
    gpus = sorted((each["SLURMD_NODENAME"], each["CUDA_VISIBLE_DEVICES"]) for each in started)
    assert gpus == [(node, gpu) for node in NODES for gpu in ("0", "1")]
    assert workers.states() == {State.RUNNING: 6, State.WAITING: 1}
    assert {worker.machine for worker in workers.status()} == {*NODES, None}
    assert workers.engine.scale(workers.pool, 6).stopped == 1
    assert workers.told("told") == []  # the one that waited was stopped


def test_a_scarce_licence_lets_one_worker_run_and_others_wait(submitted):
    workers = submitted(3, options={"licenses": "vivado:1"})
    workers.wait_for("started", 1)
    until(
        lambda: (
            [w.reason for w in workers.status() if w.state is State.WAITING] == ["Licenses"] * 2
        ),
        "two workers wait for the licence",
    )
    assert workers.states() == {State.RUNNING: 1, State.WAITING: 2}


def test_where_a_node_dies_others_go_on_and_its_workers_are_queued_again(slurm_lab, submitted):
    workers = submitted(6)
    workers.wait_for("started", 6)
    lost = [worker for worker in workers.status() if worker.machine == "n1"]
    assert len(lost) == 2
    slurm_lab.kill_node("n1")
    until(lambda: workers.states()[State.WAITING] == 2, "two are queued again", seconds=90)
    assert workers.states() == {State.RUNNING: 4, State.WAITING: 2}
    slurm_lab.start_node("n1")
    for worker in lost:
        slurm_lab.start_requeued_now(worker.id)
    again = workers.wait_for("started", 8)[6:]
    assert {each["SLURM_RESTART_COUNT"] for each in again} == {"1"}
    assert {w.restarts for w in workers.status() if w.id in {each.id for each in lost}} == {1}
    assert workers.told("told") == []


def test_before_its_time_limit_a_worker_drains_and_is_queued_again(submitted):
    workers = submitted(1, limit_minutes=1)
    workers.wait_for("drained", 1)
    until(lambda: workers.states() == {State.WAITING: 1}, "it is queued again")
    assert workers.status()[0].restarts == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [(0, "done"), (78, "exit code 78: versions or data differ from the study's")],
)
def test_a_worker_that_is_done_or_does_not_match_is_not_started_again(submitted, code, reason):
    workers = submitted(1)
    workers.wait_for("started", 1)
    (workers.pool.checkpoint_dir / "end").write_text(str(code))
    until(lambda: workers.states() == {State.ENDED: 1}, "it ended")
    assert [(worker.reason, worker.restarts) for worker in workers.status()] == [(reason, 0)]


@pytest.mark.parametrize("code", [75, 137])
def test_a_worker_that_was_killed_or_gave_the_database_up_is_queued_again(submitted, code):
    workers = submitted(1)
    workers.wait_for("started", 1)
    (workers.pool.checkpoint_dir / "end").write_text(str(code))
    until(lambda: workers.states() == {State.WAITING: 1}, "it is queued again")
    assert workers.status()[0].restarts == 1


def test_cancel_drains_what_drains_and_kills_the_rest(submitted):
    workers = submitted(8)  # two more than there is room for
    workers.wait_for("started", 6)
    (workers.pool.checkpoint_dir / "stubborn-5").touch()
    assert workers.engine.scale(workers.pool, 5).stopped == 3
    states = workers.states()
    assert (states[State.RUNNING], states[State.STOPPING], states[State.WAITING]) == (5, 1, 0)
    assert workers.engine.cancel(workers.pool, grace_seconds=5) == 1
    until(lambda: set(workers.states()) == {State.ENDED}, "all ended")
    assert len(workers.told("drained")) == 5


def test_the_databases_password_is_seen_nowhere(slurm_lab, submitted):
    workers = submitted(1)
    workers.wait_for("started", 1)
    job = workers.status()[0].id
    shown = slurm_lab.run("scontrol", "show", "job", "-dd", job)
    shown += slurm_lab.run("scontrol", "write", "batch_script", job, "-")
    shown += Path("/proc/self/cmdline").read_text()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        if process.exists():
            shown += process.read_text(errors="replace")
    assert "neuronas-demo" in shown
    assert "unspeakable" not in shown
    assert workers.pool.url_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"options": {"partition": "nosuch"}}, "there is no such partition; sinfo lists them"),
        ({"gpus": 9}, "no node has what a worker asks for"),
        ({"options": {"licenses": "nosuch:1"}}, "there is no such licence"),
        ({"workers": 2000}, "Slurm allows fewer workers in one array"),
        ({"options": {"colour": "red"}}, "this Slurm knows no such option"),
    ],
)
def test_what_slurm_refuses_is_told_in_plain_words(slurm_lab, tmp_path, fields, told):
    engine = SlurmEngine(("true",))
    pool = new_pool("demo", "slurm", tmp_path, **{"workers": 1, **fields})
    with pytest.raises(EngineError, match=re.escape(told)):
        engine.submit(pool)
