"""Four real workers on PostgreSQL, while processes, the server and the network fail."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import psycopg
import pytest
from optuna.trial import TrialState

import neuronas
from neuronas.records import CandidateState
from neuronas.storage import Repository, optuna_storage
from tests import postgres
from tests.soak import network
from tests.soak.network import HERE, other_machine

TRIALS = 40
LEASE_SECONDS = 8.0
STUDY = """\
dataset: digits
space: {channels: [2, 3, 4], time_steps: 1}
hardware: {model: spikesim, chip: spikesim-65nm-rram}
budget: {energy_uj: 0.3}
training: {epochs: 30, samples: 1000, learning_rate: 0.02}
search: {sampler: random, trials: 1, seed: 4}
"""


@dataclass
class Lab:
    """A study, and the workers that search it."""

    folder: Path
    server: postgres.Server
    database: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url(self.database)

    def start(self, prefix: list[str] = [], host: str = "127.0.0.1") -> None:  # noqa: B006
        """Start a worker, maybe on another machine, that reaches the server at ``host``."""
        url = self.url.replace("127.0.0.1", host)
        options = [f"--lease-seconds={LEASE_SECONDS}", "--patience-seconds=120"]
        command = [sys.executable, "-m", "neuronas", "worker", "tiny", *options]
        environment = os.environ | {"NEURONAS_STORAGE": url, "OMP_NUM_THREADS": "1"}
        with (self.folder / f"worker{len(self.workers)}.log").open("wb") as log:
            self.workers.append(
                subprocess.Popen([*prefix, *command], cwd=self.folder, env=environment, stderr=log)
            )

    def kill_one(self, chance: random.Random) -> None:
        """Kill a worker of this machine, without a word."""
        living = [w for w in self.workers[1:] if w not in self.killed and w.poll() is None]
        worker = chance.choice(living)
        worker.kill()
        worker.wait()
        self.killed.append(worker)

    def count(self, query: str) -> int:
        """Return the number that a query of our tables finds."""
        where = {"host": "127.0.0.1", "port": self.server.port, "user": "neuronas"}
        with psycopg.connect(
            **where, password=postgres.PASSWORD, dbname=self.database
        ) as connection:
            (found,) = connection.execute(query).fetchone()
            return found

    def trained(self) -> int:
        return self.count("SELECT count(*) FROM neuronas_candidates WHERE newly_trained")

    def running(self) -> int:
        return self.count("SELECT count(*) FROM neuronas_candidates WHERE state = 'running'")

    def restart(self, seconds: float) -> None:
        """Restart the server, cutting every connection."""
        self.server.stop()
        time.sleep(seconds)
        self.server.start()

    def logs(self) -> str:
        files = sorted(self.folder.glob("worker*.log"))
        return "\n".join(f"{file.name}:\n{file.read_text()[-1500:]}" for file in files)


def wait_until(reached: Callable[[], bool], seconds: float, lab: Lab) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached in {seconds} s:\n{lab.logs()}")
        time.sleep(0.05)


def open_to(server: postgres.Server, network_range: str) -> None:
    """Let the server be reached from other machines."""
    with (server.folder / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {network_range} scram-sha-256\n")
    server.execute("ALTER SYSTEM SET listen_addresses = '*'")
    server.execute("ALTER SYSTEM SET idle_in_transaction_session_timeout = '5s'")
    server.stop()
    server.start()


def check(lab: Lab) -> None:
    """Check that everything was trained that was asked for, once, and nothing is left."""
    with Repository(lab.url) as repository:
        trials = {t.candidate.trial_number: t for t in repository.trials("tiny")}
        assert not any(worker.alive for worker in repository.workers("tiny"))
        assert repository.study("tiny").state == "finished"
    states = Counter(trial.state for trial in trials.values())
    assert set(states) <= {
        CandidateState.COMPLETE,
        CandidateState.INTERRUPTED,
        CandidateState.FAILED,
    }
    trained = [t.evaluation.key for t in trials.values() if t.newly_trained]
    assert len(trained) == len(set(trained)) == TRIALS
    assert lab.count("SELECT count(*) FROM neuronas_evaluations") == TRIALS
    expected = {"complete": TrialState.COMPLETE, "interrupted": TrialState.FAIL}
    storage = optuna_storage(lab.url)
    theirs = optuna.load_study(study_name="tiny", storage=storage).trials
    storage.engine.dispose()
    known = {t.number: t.state for t in theirs if t.state != TrialState.WAITING}
    assert known == {n: expected.get(t.state.value, TrialState.FAIL) for n, t in trials.items()}
    digests = Counter(
        t.candidate.deployment_digest for t in trials.values() if t.candidate.retry_of is None
    )
    assert digests.most_common(1)[0][1] == 1


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_forty_networks_are_trained_once_whatever_fails(tmp_path):
    why = network.missing()
    if why is not None:
        if "CI" in os.environ:
            pytest.fail(f"{why}; CI must have it")
        pytest.skip(why)
    (tmp_path / "tiny.yaml").write_text(STUDY)
    chance = random.Random(7)
    with ExitStack() as stack:
        place = stack.enter_context(postgres.folder())
        server = stack.enter_context(postgres.server(place))
        open_to(server, "10.77.0.0/24")
        stack.enter_context(postgres.database(server, "service"))
        prefix = stack.enter_context(other_machine())
        lab = Lab(tmp_path, server, "service")
        neuronas.search(
            neuronas.load_study(tmp_path / "tiny.yaml"),
            storage=lab.url,
            checkpoint_dir=tmp_path / "checkpoints",
        )
        with Repository(lab.url) as repository:
            repository.update_study("tiny", target_trials=TRIALS, state="running")
        lab.start(prefix, HERE)
        for _ in range(3):
            lab.start()
        try:
            break_everything(lab, chance)
        finally:
            for worker in lab.workers:
                worker.kill()
                worker.wait()


def break_everything(lab: Lab, chance: random.Random) -> None:
    wait_until(lambda: lab.trained() >= 4 and lab.running() >= 3, 240, lab)
    lab.restart(3)  # while workers train
    for more in (8, 14):
        wait_until(lambda: lab.trained() >= more and lab.running() >= 2, 240, lab)  # noqa: B023
        lab.kill_one(chance)
        lab.start()
    wait_until(lambda: other_machine_trains(lab), 240, lab)
    network.pull_cable()
    time.sleep(2.5 * LEASE_SECONDS)
    network.plug_in()
    wait_until(lambda: any((lab.folder / "checkpoints/untold").glob("*.json")), 240, lab)
    lab.restart(3)  # while somebody tells
    wait_until(lambda: lab.trained() >= 30, 240, lab)
    lab.kill_one(chance)
    lab.start()
    wait_until(lambda: lab.trained() >= TRIALS, 300, lab)
    for worker in lab.workers:
        worker.wait(120)
    survivors = [worker for worker in lab.workers if worker not in lab.killed]
    assert [worker.returncode for worker in survivors] == [0] * len(survivors), lab.logs()
    check(lab)


def other_machine_trains(lab: Lab) -> bool:
    """Return whether the first worker holds a trial."""
    return (
        lab.count(
            "SELECT count(*) FROM neuronas_candidates c JOIN neuronas_workers w "
            f"ON w.id = c.worker_id WHERE c.state = 'running' AND w.pid = {lab.workers[0].pid}"
        )
        == 1
    )
