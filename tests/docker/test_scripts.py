"""Scripts around a worker, with small programs in place of ``neuronas`` and ``scontrol``."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from neuronas.storage import resolve_url
from tests.docker.files import BASE, FOLDER

WORKER = """#!/bin/sh
trap 'exit "$DRAINED"' TERM
echo "$@" > started
while [ ! -e end ]; do sleep 0.02; done
exit "$(cat end)"
"""
SCONTROL = """#!/bin/sh
echo "$@" >> requeued
"""
KUBERNETES = ["sh", str(BASE / "worker.sh"), "mine"]
SLURM = ["bash", str(FOLDER / "slurm" / "workers.sbatch"), "mine", "url.txt"]


@pytest.fixture
def started(tmp_path):
    """Return a function that starts a script and waits until its worker runs."""
    for name, text in (("neuronas", WORKER), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    processes = []

    def start(command, drained=0, restarts=0):
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "DRAINED": str(drained),
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": "3",
            "SLURM_CPUS_PER_TASK": "2",
            "SLURM_RESTART_COUNT": str(restarts),
        }
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
        while not (tmp_path / "started").exists():
            assert processes[-1].poll() is None
            time.sleep(0.01)
        return processes[-1]

    yield start
    (tmp_path / "end").write_text("0")
    for process in processes:
        process.wait(timeout=10)


def ended(process, folder, code):
    (folder / "new").write_text(f"{code}\n")
    (folder / "new").rename(folder / "end")
    return process.wait(timeout=10)


def told(process, number):
    process.send_signal(number)
    return process.wait(timeout=10)


@pytest.mark.parametrize("code", [0, 5, 75, 78])
def test_kubernetes_sees_how_a_worker_ended(started, tmp_path, code):
    assert ended(started(KUBERNETES), tmp_path, code) == code


def test_kubernetes_starts_another_pod_for_one_that_was_drained(started):
    assert told(started(KUBERNETES), signal.SIGTERM) == 75


def test_kubernetes_sees_that_draining_failed(started):
    assert told(started(KUBERNETES, drained=5), signal.SIGTERM) == 5


def test_slurm_queues_a_worker_again_before_its_time_limit(started, tmp_path):
    assert told(started(SLURM), signal.SIGUSR1) == 0
    assert (tmp_path / "requeued").read_text() == "requeue 7_3\n"
    assert (tmp_path / "started").read_text() == "worker mine --threads 2\n"


def test_slurm_lets_a_worker_go_that_it_stopped(started, tmp_path):
    assert told(started(SLURM), signal.SIGTERM) == 0
    assert not (tmp_path / "requeued").exists()


@pytest.mark.parametrize(
    ("code", "restarts", "again"), [(0, 0, False), (75, 0, True), (75, 50, False), (78, 0, False)]
)
def test_slurm_tries_again_what_may_pass(started, tmp_path, code, restarts, again):
    assert ended(started(SLURM, restarts=restarts), tmp_path, code) == code
    assert (tmp_path / "requeued").exists() == again


def test_slurm_does_not_repeat_what_failed_while_draining(started, tmp_path):
    assert told(started(SLURM, drained=5), signal.SIGUSR1) == 5
    assert not (tmp_path / "requeued").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users: needs root")
def test_secrets_are_made_once_for_who_reads_them(tmp_path):
    command = ["sh", str(FOLDER / "make-secrets.sh"), str(tmp_path)]
    contents = []
    for _ in range(2):
        subprocess.run(command, check=True)
        contents.append({path.name: path.read_text() for path in tmp_path.iterdir()})
    first, second = contents
    assert first == second
    assert set(first) == {"password", "storage", "token"}
    assert resolve_url(f"@{tmp_path / 'storage'}").count(first["password"].strip()) == 1
    assert len(set(first.values())) == 3
    owners = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    assert owners == {"password": 999, "storage": 10001, "token": 10001}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o400}
