"""Real searches in processes of their own, killed and resumed, and what must be true after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState

from tests.searching.fakes import rows

STUDY = """\
dataset: digits
space: {channels: [2, 3, 4], time_steps: 1}
hardware: {model: spikesim, chip: spikesim-65nm-rram}
budget: {energy_uj: 0.3}
training: {epochs: 2, samples: 128, learning_rate: 0.02}
search: {sampler: tpe, trials: %d, seed: 4}
"""

FINISHED = """
SELECT c.trial_number, c.genotype, c.training_digest, c.deployment_digest, c.state, c.reason,
       c.retry_of, c.newly_trained, c.created_at, c.finished_at, c.evaluation_id,
       k.energy_pj, k.latency_ns, k.area_um2, k.layers
FROM neuronas_candidates c JOIN neuronas_costs k ON k.candidate_id = c.id
WHERE c.state IN ('complete', 'pruned', 'failed', 'interrupted') ORDER BY c.trial_number
"""
EVALUATIONS = """
SELECT id, training_digest, epochs, seed, validation_accuracy, spike_rates, train_seconds,
       weights_path, weights_sha256, created_at
FROM neuronas_evaluations ORDER BY id
"""


@dataclass(frozen=True)
class Study:
    """A real study in a folder of its own."""

    folder: Path
    trials: int

    @classmethod
    def of(cls, folder: Path, trials: int) -> Study:
        (folder / "tiny.yaml").write_text(STUDY % trials)
        return cls(folder, trials)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/neuronas.db"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of ours."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEURONAS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "neuronas", *arguments],
            cwd=self.folder,
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def search(self) -> subprocess.Popen[str]:
        return self.start("search", "tiny.yaml", "--threads", "1", "--format", "json")

    def resume(self) -> subprocess.Popen[str]:
        return self.start("resume", "tiny", "--threads", "1", "--format", "json")

    def states(self) -> Counter[str]:
        """Return how many candidates are in each state, as far as there is a database."""
        if not (self.folder / "neuronas.db").exists():
            return Counter()
        tables = rows(self.url, "SELECT name FROM sqlite_master WHERE name = 'neuronas_candidates'")
        if not tables:
            return Counter()
        return Counter(row["state"] for row in rows(self.url, "SELECT * FROM neuronas_candidates"))

    def signal_when(
        self,
        process: subprocess.Popen[str],
        ready: Callable[[Counter[str]], bool],
        sent: signal.Signals,
    ) -> None:
        """Send a signal in a state of the study that ``ready`` accepts.

        The process is stopped before the state is looked at, so that it cannot leave it.
        """
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"ended by itself: {process.communicate()}")
            if ready(self.states()):
                process.send_signal(signal.SIGSTOP)
                if ready(self.states()):
                    process.send_signal(sent)
                    process.send_signal(signal.SIGCONT)
                    return
                process.send_signal(signal.SIGCONT)
            time.sleep(0.005)
        process.kill()
        raise AssertionError(f"never got there: {self.states()}")

    def weights(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of the weights of every stored evaluation.

        A death between weights and evaluation leaves a file that nothing names; the training is
        then done again, and writes it again.
        """
        named = [str(row["weights_path"]) for row in rows(self.url, EVALUATIONS)]
        files = {name: (self.folder / "checkpoints" / name).stat() for name in named}
        return {name: (file.st_ino, file.st_mtime_ns) for name, file in files.items()}

    def snapshot(self) -> tuple[list[dict], list[dict], dict[str, tuple[int, int]]]:
        """Return everything that may never change again."""
        return rows(self.url, FINISHED), rows(self.url, EVALUATIONS), self.weights()

    def check_nothing_changed_since(
        self, before: tuple[list[dict], list[dict], dict[str, tuple[int, int]]]
    ) -> None:
        for old, new in zip(before, self.snapshot(), strict=True):
            if isinstance(old, dict):
                assert old.items() <= new.items()
            else:
                assert all(row in new for row in old)

    def check_finished(self) -> None:
        """Check what must be true of a finished study whatever happened to it on the way."""
        candidates = rows(self.url, "SELECT * FROM neuronas_candidates ORDER BY trial_number")
        assert {c["state"] for c in candidates} <= {"complete", "interrupted", "failed"}
        trained = [c for c in candidates if c["newly_trained"]]
        assert len(trained) == self.trials
        (study,) = rows(self.url, "SELECT * FROM neuronas_studies")
        assert (study["state"], study["target_trials"]) == ("finished", self.trials)
        assert sum(c["epochs_trained"] for c in candidates) == 2 * self.trials
        trained_seconds = [e["train_seconds"] for e in rows(self.url, EVALUATIONS)]
        assert study["wall_seconds"] > 0.5 * sum(trained_seconds)

        keys = [(e["training_digest"], e["epochs"], e["seed"]) for e in rows(self.url, EVALUATIONS)]
        assert len(keys) == len(set(keys)) == self.trials
        assert len({c["evaluation_id"] for c in trained}) == self.trials

        # An interrupted candidate is taken up once more, and is what it was.
        by_number = {c["trial_number"]: c for c in candidates}
        retries = {c["retry_of"]: c for c in candidates if c["retry_of"] is not None}
        assert len(retries) == sum(c["retry_of"] is not None for c in candidates)
        for number, retry in retries.items():
            if number in by_number:  # else its process died before it was stored
                assert by_number[number]["state"] == "interrupted"
                for same in ("genotype", "training_digest", "deployment_digest"):
                    assert retry[same] == by_number[number][same]
        interrupted = {c["trial_number"] for c in candidates if c["state"] == "interrupted"}
        assert interrupted <= set(retries)

        # Nothing else was proposed twice.
        fresh = [c["deployment_digest"] for c in candidates if c["retry_of"] not in by_number]
        assert len(fresh) == len(set(fresh))

        theirs = optuna.load_study(study_name="tiny", storage=self.url).trials
        complete = {t.number for t in theirs if t.state == TrialState.COMPLETE}
        assert complete == {c["trial_number"] for c in candidates if c["state"] == "complete"}
        assert {t.state for t in theirs} <= {TrialState.COMPLETE, TrialState.FAIL}


def finished(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Wait for a search to end well, and return the front that it printed as JSON."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return json.loads(out)
