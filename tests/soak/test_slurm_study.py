"""Real studies on a Slurm cluster of three virtual nodes, with PostgreSQL, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from neuronas.records import CandidateState, StudyRecord, Trial, Worker
from neuronas.storage import Repository
from tests.soak.slurm_lab import NODES, until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(400)]

TRIALS = 9
STUDY = """\
dataset: digits
space: {channels: [2, 3, 4], time_steps: 1}
hardware: {model: spikesim, chip: spikesim-65nm-rram}
budget: {energy_uj: 0.3}
training: {epochs: 30, samples: 1000, learning_rate: 0.02}
search: {sampler: random, trials: 9, seed: 4}
"""
RELEASED = (CandidateState.PAUSED, CandidateState.INTERRUPTED)
OPTIONS = ("--option", "exclusive", "--worker-option", "lease-seconds=8")


@dataclass(frozen=True)
class Site:
    """A folder that all nodes see, with a study file and the file of the database's URL."""

    folder: Path
    url: str

    def neuronas(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that must succeed."""
        environment = os.environ | {"NEURONAS_STORAGE_FILE": "url.txt", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "neuronas", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{self.logs()}"
        assert "s3cret" not in done.stdout + done.stderr
        return done

    def status(self) -> list[dict[str, str | int]]:
        found = self.neuronas("cluster", "status", "tiny", "--format", "json").stdout
        return list(json.loads(found))

    def stored(self) -> tuple[StudyRecord, list[Trial], list[Worker]]:
        with Repository(self.url) as repository:
            trials = list(repository.trials("tiny"))
            return repository.study("tiny"), trials, list(repository.workers("tiny"))

    def running(self) -> list[Trial]:
        return [t for t in self.stored()[1] if t.state is CandidateState.RUNNING]

    def logs(self) -> str:
        files = sorted(self.folder.glob("checkpoints/cluster/*/*/logs/*.log"))
        return "\n".join(f"{file.name}:\n{file.read_text()[-1500:]}" for file in files)


@pytest.fixture
def site(slurm_lab, postgres_url, tmp_path):
    """Return a site with a stored study, of which nothing is trained yet."""
    (tmp_path / "tiny.yaml").write_text(STUDY)
    (tmp_path / "url.txt").write_text(f"{postgres_url}\n")
    (tmp_path / "url.txt").chmod(0o600)
    site = Site(tmp_path, postgres_url)
    site.neuronas("search", "tiny.yaml", "--workers", "0")
    return site


def test_a_study_completes_though_a_node_dies_while_its_worker_trains(slurm_lab, site):
    site.neuronas("cluster", "submit", "tiny", "--workers", "3", *OPTIONS)
    until(lambda: len(site.running()) == 3, "three workers train", seconds=90)
    by_node = {row["machine"]: row["worker"] for row in site.status()}
    assert set(by_node) == set(NODES)

    (lost,) = [worker for worker in site.stored()[2] if worker.job_id == by_node["n1"]]
    assert lost.trial_number is not None
    slurm_lab.kill_node("n1")
    until(
        lambda: [r["state"] for r in site.status() if r["worker"] == lost.job_id] == ["waiting"],
        "Slurm queues the dead node's task again",
        seconds=60,
    )
    slurm_lab.start_node("n1")
    slurm_lab.start_requeued_now(lost.job_id)
    until(
        lambda: {row["state"] for row in site.status()} == {"ended"}, "all workers end", seconds=200
    )

    study, trials, workers = site.stored()
    assert study.state == "finished"
    assert sum(t.newly_trained for t in trials) == TRIALS, site.logs()
    assert CandidateState.RUNNING not in {t.state for t in trials}
    assert not any(worker.alive for worker in workers)
    by_number = {t.candidate.trial_number: t for t in trials}
    assert by_number[lost.trial_number].state is CandidateState.INTERRUPTED
    (again,) = [t for t in trials if t.candidate.retry_of == lost.trial_number]
    assert again.state is CandidateState.COMPLETE
    ends = {row["worker"]: (row["reason"], row["restarts"]) for row in site.status()}
    assert Counter(ends.values()) == {("done", 0): 2, ("done", 1): 1}
    assert ends[lost.job_id] == ("done", 1)


def test_cancelled_workers_pause_what_they_train_and_end_well(site):
    site.neuronas("cluster", "submit", "tiny", "--workers", "2", *OPTIONS)
    until(lambda: len(site.running()) == 2, "two workers train", seconds=90)
    done = site.neuronas("cluster", "cancel", "tiny", "--grace-seconds", "60")
    assert done.stderr.splitlines()[-1] == "all workers of 'tiny' on slurm ended"
    assert [row["reason"] for row in site.status()] == ["done"] * 2
    study, trials, workers = site.stored()
    assert study.state == "running"
    assert {t.state for t in trials} <= {*RELEASED, CandidateState.COMPLETE}, site.logs()
    assert any(t.state in RELEASED for t in trials)
    assert not any(worker.alive for worker in workers)
