"""``neuronas ablate``: with real trainings, on very few digits."""

from __future__ import annotations

import json

STUDY = """\
dataset: digits
space: {operations: [skip, conv1x1], channels: 8, time_steps: 2}
training: {epochs: 2, samples: 256, learning_rate: 0.02}
"""


def test_an_ablation_trains_says_and_prints(run, folder):
    path = folder / "few.yaml"
    path.write_text(STUDY)
    done = run("ablate", path, "--networks", 2, "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["removed"] for row in found] == ["nothing", "skip", "conv1x1"]
    assert all(0 < row["accuracy"] <= 1 for row in found), done.err
    again = run("ablate", path, "--networks", 2, "--format", "json")
    assert again.err.count("reused") == done.err.count("without") + done.err.count("whole space")
    assert json.loads(again.out) == found
    assert "not searched" in run("status", "few").out


def test_fewer_than_two_networks_are_refused(run, study):
    assert run("ablate", study, "--networks", 1).code == 2
