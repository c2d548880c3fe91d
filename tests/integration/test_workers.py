"""Real workers on one study: they share it, drain, are ended, refuse, and wait for a database."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import neuronas
from neuronas.searching import Work
from neuronas.storage import Repository
from tests import postgres
from tests.integration.processes import STUDY
from tests.searching.fakes import rows
from tests.storage.fakes import change

TRIALS = 4
SLOW = STUDY.replace("epochs: 2, samples: 128", "epochs: 3, samples: 500, batch_size: 2")
"""Of one epoch in a second or two."""


@dataclass
class Lab:
    """A study that nobody has begun to search, and the processes that work on it."""

    folder: Path
    url: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def create(self, content: str, trials: int) -> None:
        """Store the study ``tiny``, without training anything."""
        file = self.folder / "tiny.yaml"
        file.write_text(content % trials)
        neuronas.search(
            neuronas.load_study(file),
            storage=self.url,
            checkpoint_dir=self.folder / "checkpoints",
            work=Work(max_trials=0),
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of ours."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEURONAS_ST")}
        process = subprocess.Popen(
            [sys.executable, "-m", "neuronas", *arguments],
            cwd=self.folder,
            env=environment | {"NEURONAS_STORAGE": self.url, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def states(self) -> Counter[str]:
        return Counter(c["state"] for c in rows(self.url, "SELECT state FROM neuronas_candidates"))

    def trained(self) -> list[str]:
        """Return the digests of what counts as newly trained."""
        query = "SELECT training_digest AS d FROM neuronas_candidates WHERE newly_trained"
        return [str(row["d"]) for row in rows(self.url, query)]

    def wait_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not reached():
            if time.monotonic() > deadline:
                raise AssertionError(f"never got there: {self.states()}")
            for process in self.processes:
                if process.poll():
                    raise AssertionError(f"ended: {process.communicate()}")
            time.sleep(0.02)

    def training(self, process: subprocess.Popen[str]) -> bool:
        """Return whether a process trains a network."""
        held = (
            "SELECT count(*) AS n FROM neuronas_candidates c JOIN neuronas_workers w"
            " ON w.id = c.worker_id WHERE c.state = 'running' AND w.pid = ?"
        )
        return rows(self.url, held, process.pid)[0]["n"] == 1

    def check_finished(self, trials: int) -> None:
        """Check that exactly so many networks were trained, each once, and nothing is left."""
        digests = self.trained()
        assert len(digests) == len(set(digests)) == trials
        assert self.states().keys() <= {"complete", "failed", "interrupted"}
        (study,) = rows(self.url, "SELECT state FROM neuronas_studies")
        assert study["state"] == "finished"
        with Repository(self.url) as tables:
            assert not tables.is_searched("tiny")


@pytest.fixture
def lab(tmp_path) -> Iterator[Lab]:
    made = Lab(tmp_path, f"sqlite:///{tmp_path}/neuronas.db")
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for a process to end with a code; return what it said."""
    _, talk = process.communicate(timeout=120)
    assert process.returncode == code, talk
    return talk


# Sharing a study


def test_two_workers_share_a_study_and_their_logs_tell_who_did_what(lab):
    lab.create(STUDY, TRIALS)
    talk = ended(lab.start("worker", "tiny", "--workers=2", "--log-format=json"))
    records = [json.loads(line) for line in talk.splitlines() if line.startswith("{")]
    assert {record["study"] for record in records} == {"tiny"}
    assert {record["worker"] for record in records} == {2, 3}  # the first stored the study
    assert {r["trial"] for r in records if r["trial"] is not None} >= set(range(TRIALS))
    assert talk.count(f"finished: {TRIALS} networks trained by all workers") == 2
    lab.check_finished(TRIALS)


@pytest.mark.soak
def test_a_search_of_two_workers_trains_what_is_asked_for(lab):
    (lab.folder / "tiny.yaml").write_text(STUDY % TRIALS)
    ended(lab.start("search", "tiny.yaml", "--workers=2"))
    lab.check_finished(TRIALS)
    assert rows(lab.url, "SELECT count(*) AS n FROM neuronas_workers")[0]["n"] == 2


@pytest.mark.soak
def test_a_search_that_is_stopped_drains_with_all_its_workers(lab):
    (lab.folder / "tiny.yaml").write_text(STUDY % 500)
    search = lab.start("search", "tiny.yaml", "--workers=2")
    lab.wait_until((lab.folder / "neuronas.db").exists)
    two = "SELECT count(*) AS n FROM neuronas_workers"
    lab.wait_until(lambda: exists(lab) and rows(lab.url, two)[0]["n"] == 2 and lab.trained() != [])
    assert "stopped; 2 workers drain" in ended(lab.start("stop", "tiny"))
    assert "stopped: " in ended(search)
    assert lab.states().keys() <= {"complete", "failed"}
    assert len(lab.trained()) < 500


def exists(lab: Lab) -> bool:
    query = "SELECT name FROM sqlite_master WHERE name = 'neuronas_workers'"
    return rows(lab.url, query) != []


# Draining


@pytest.mark.soak
@pytest.mark.parametrize("how", ["signal", "stop"])
def test_a_drained_worker_pauses_at_the_end_of_an_epoch_and_another_goes_on(lab, how):
    lab.create(SLOW, 1)
    first = lab.start("worker", "tiny", "--lease-seconds=2")
    lab.wait_until(lambda: lab.training(first))
    if how == "stop":
        assert "1 workers drain" in ended(lab.start("stop", "tiny"))
    else:
        first.send_signal(signal.SIGTERM)
    ended(first)
    assert lab.states() == {"paused": 1}
    (rung,) = rows(lab.url, "SELECT epochs, of_epochs, checkpoint_path FROM neuronas_rungs")
    assert 1 <= rung["epochs"] < rung["of_epochs"] == 3
    kept = lab.folder / "checkpoints" / rung["checkpoint_path"]
    assert kept.stat().st_size > 0
    if how == "stop":
        ended(lab.start("resume", "tiny"))
    else:
        ended(lab.start("worker", "tiny"))
    lab.check_finished(1)
    assert lab.states() == {"complete": 1}
    epochs = "SELECT epochs_trained FROM neuronas_candidates"
    assert rows(lab.url, epochs) == [{"epochs_trained": 3.0}]
    assert not kept.exists()


def test_a_second_signal_ends_at_once_and_the_network_is_queued_again(lab):
    longer = SLOW.replace("samples: 500", "samples: 1000").replace(
        "energy_uj: 0.3", "energy_uj: 12"
    )
    lab.create(longer.replace("time_steps: 1", "time_steps: 40"), 1)  # a quarter of a minute
    first = lab.start("worker", "tiny")
    lab.wait_until(lambda: lab.training(first))
    first.send_signal(signal.SIGTERM)
    time.sleep(1.2)  # nearer than a second, they are one wish
    while first.poll() is None:
        # Once more where torch was being loaded: Python notices both when that is done.
        first.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            first.wait(5)
    assert "drained; 'tiny' goes on with its other workers" in ended(first)
    assert lab.states() == {"interrupted": 1}
    assert rows(lab.url, "SELECT * FROM neuronas_rungs") == []
    waiting = "SELECT count(*) AS n FROM trials WHERE state = 'WAITING'"
    assert rows(lab.url, waiting)[0]["n"] == 1


# What ends a worker


def test_a_worker_on_other_packages_or_data_is_refused(lab):
    lab.create(STUDY, 1)
    (row,) = rows(lab.url, "SELECT environment FROM neuronas_studies")
    known = json.loads(str(row["environment"]))
    assert known["data"].startswith("digits")
    changed = json.dumps(known | {"data": "digits, of another content"})
    change(lab.url, f"UPDATE neuronas_studies SET environment = '{changed}'")
    talk = ended(lab.start("worker", "tiny"), 78)
    assert f"data 'digits, of another content' there, '{known['data']}' here" in talk
    assert lab.states() == {}


@pytest.mark.soak
def test_a_database_that_is_away_for_too_long_ends_a_worker_and_loses_nothing(tmp_path):
    with (
        postgres.folder() as place,
        postgres.server(place) as server,
        postgres.database(server, "lab") as url,
    ):
        lab = Lab(tmp_path, url)
        lab.create(SLOW.replace("epochs: 3", "epochs: 2"), 1)
        first = lab.start("worker", "tiny", "--patience-seconds=1", "--lease-seconds=600")
        lab.wait_until(lambda: lab.training(first))
        server.stop()
        try:
            talk = ended(first, 75)
        finally:
            server.start()
        assert "error: " in talk
        assert "Traceback" not in talk
        (untold,) = (tmp_path / "checkpoints" / "untold").glob("*.json")
        weights = json.loads(untold.read_bytes())["evaluation"]["weights_path"]
        written = (tmp_path / "checkpoints" / weights).stat().st_mtime_ns
        talk = ended(lab.start("worker", "tiny"))
        assert "1 results of earlier trainings were told" in talk
        lab.check_finished(1)
        assert (tmp_path / "checkpoints" / weights).stat().st_mtime_ns == written
        assert not untold.exists()
