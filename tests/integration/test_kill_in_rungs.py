"""A real search in rungs, killed in the middle of them and resumed."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.integration.processes import STUDY, Study, finished
from tests.searching.fakes import rows

RUNGS = """
SELECT c.trial_number, c.training_digest, r.epochs, r.validation_accuracy, r.checkpoint_sha256,
       r.finished_at
FROM neuronas_rungs r JOIN neuronas_candidates c ON c.id = r.candidate_id
ORDER BY r.id
"""


def amid_rungs(states: Counter[str]) -> bool:
    """Return whether some wait, and one is being trained."""
    return states["paused"] >= 4 and states["running"] == 1


@pytest.mark.soak
def test_a_kill_amid_rungs_loses_no_finished_rung_and_repeats_none(tmp_path):
    study = Study.of(tmp_path, trials=2)
    text = (STUDY % 2).replace("epochs: 2", "epochs: 3").replace("seed: 4", "seed: 4, rungs: [1]")
    (tmp_path / "tiny.yaml").write_text(text)
    process = study.search()
    study.signal_when(process, amid_rungs, signal.SIGKILL)
    process.communicate()
    before = rows(study.url, RUNGS)
    assert len(before) >= 4

    finished(study.resume())
    after = rows(study.url, RUNGS)
    assert after[: len(before)] == before
    trained = Counter((row["training_digest"], row["epochs"]) for row in after)
    assert set(trained.values()) == {1}

    states = study.states()
    assert states["paused"] == states["running"] == 0
    assert 1 <= states["complete"] <= 2
    assert states["interrupted"] <= 1
    assert states["pruned"] == len({row["trial_number"] for row in after}) - states["complete"]
    assert not list((tmp_path / "checkpoints").rglob("*.checkpoint"))
