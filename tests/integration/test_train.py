"""A real final training killed in the middle of its second training, and gone on with."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import neuronas
from neuronas.report import final_table
from neuronas.searching import train_final
from tests.integration.processes import EVALUATIONS, Study, finished
from tests.searching.fakes import rows

EPOCHS = 6
FINAL = f"SELECT * FROM ({EVALUATIONS}) WHERE epochs = {EPOCHS}"
ANEW = {"id", "train_seconds", "created_at"}


def final_evaluations(study: Study) -> list[dict[str, object]]:
    """Return what must not depend on whether a training was interrupted."""
    return [{k: v for k, v in row.items() if k not in ANEW} for row in rows(study.url, FINAL)]


def trained(study: Study) -> subprocess.Popen[str]:
    command = ("train", "tiny", "0", "--epochs", str(EPOCHS), "--seeds", "1", "--post-training")
    return study.start(*command, "--threads", "1", "--format", "json")


@pytest.mark.soak
def test_a_killed_final_training_keeps_what_is_finished_and_ends_as_if_it_was_not(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = Study.of(tmp_path / "whole", trials=1)
    options = {"storage": whole.url, "checkpoint_dir": whole.folder / "checkpoints", "threads": 1}
    neuronas.search(neuronas.load_study(whole.folder / "tiny.yaml"), **options)
    study = Study(tmp_path / "killed", trials=1)
    shutil.copytree(whole.folder, study.folder)

    process = trained(study)
    assert process.stderr.readline().startswith("1/2: trial 0, seed ")
    time.sleep(0.1)  # well into the second training, and well before its end
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(final_evaluations(study)) == 1
    before = study.snapshot()

    (row,) = finished(trained(study))
    study.check_nothing_changed_since(before)

    uninterrupted = train_final("tiny", epochs=EPOCHS, trials=[0], post_training=True, **options)
    weights = Path("checkpoints")  # as the command, in its folder, names it
    (expected,) = json.loads(final_table("tiny", uninterrupted, weights).render("json"))
    assert row.pop("train_seconds") > 0
    assert expected.pop("train_seconds") > 0
    assert row == expected
    assert final_evaluations(study) == final_evaluations(whole)
    assert len(final_evaluations(study)) == 2
