"""``neuronas bench fidelity``."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.search.examples import written
from tests.cli.conftest import Run

COMMAND = ["--problem", "a", "--sampler", "random", "--seeds", 2, "--epochs", 200]


def test_it_compares_rungs_with_full_trainings_and_says_what_rungs_are_not(run: Run, tmp_path):
    command = ["bench", "fidelity", "--data", written(tmp_path), *COMMAND]
    table = run(*command)
    assert table.code == 0, table.err
    assert "truncated long schedules are not short ones" in " ".join(table.out.split())
    rows = json.loads(run(*command, "--format", "json").out)
    assert [(row["scheme"], row["epochs"]) for row in rows if row["epochs"] == 200] == [
        ("full", 200),
        ("10/30", 200),
    ]
    assert rows[-1].keys() >= {"problem", "unfound_mean", "standard_error", "behind_fivefold"}


@pytest.mark.parametrize(
    ("option", "message"), [(["--rungs", "30,10"], "--rungs: found"), (["--sampler", "x"], "'x'")]
)
def test_a_wrong_option_is_refused_before_anything_is_read(run: Run, option, message):
    done = run("bench", "fidelity", "--data", "absent.npz", *option)
    assert done.code == 3
    assert message in done.err
