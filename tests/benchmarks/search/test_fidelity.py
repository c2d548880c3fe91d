"""Searches in rungs on a made-up table: epochs are counted, and the best are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.benchmarks.search import (
    PROBLEMS,
    Bench,
    FidelityPlan,
    fidelity_results,
    read_table,
)
from neuronas.benchmarks.search.fidelity import run_in_rungs
from tests.benchmarks.search.examples import arrays, written


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """Return problems on cells whose curves show early what they come to."""
    curves = arrays()["validation_accuracy"]
    final = curves[:, [99]]
    rising = np.where(np.isnan(curves), np.nan, final - 10 * np.exp(-np.arange(200) / 10))
    rising[:, 97:100] = np.where(np.isnan(rising[:, 97:100]), np.nan, final)
    folder = tmp_path_factory.mktemp("table")
    table = read_table(written(folder, validation_accuracy=rising.astype(np.float32)))
    return Bench.of(table, [PROBLEMS["a"], PROBLEMS["d"]])


def plan(scheme: str, epochs: int, workers: int = 1, problem: str = "a") -> FidelityPlan:
    return FidelityPlan(problem, "random", scheme, workers, epochs, 3)


def test_a_rung_shows_the_mean_of_the_last_epochs_before_it(bench):
    cells = bench.classes.cells
    assert cells.accuracy_at(3, 100) == pytest.approx(cells.accuracy[3])
    assert cells.accuracy_at(3, 1) == cells.curves[3, 0]
    assert cells.accuracy_at(3, 10) == pytest.approx(cells.curves[3, 7:10].mean())


@pytest.mark.parametrize("workers", [1, 8])
def test_full_trainings_take_their_epochs(bench, workers):
    made = plan("full", 1000, workers)
    assert made.marks == [200, 400, 800, 1000]
    _, ended = run_in_rungs(bench, made, 0)
    assert ended == [2, 4, 8, 10]


@pytest.mark.parametrize("workers", [1, 8])
def test_rungs_find_more_in_equal_epochs_with_fewer_whole_trainings(bench, workers):
    schemes = ("full", "10/30")
    rows = fidelity_results(bench, [plan(scheme, 1000, workers, "d") for scheme in schemes])
    full, rungs = (next(r for r in rows if r.scheme == s and r.epochs == 1000) for s in schemes)
    assert rungs.ended < full.ended
    assert rungs.unfound_mean < full.unfound_mean
    assert rungs.unfound_low <= rungs.unfound_mean <= rungs.unfound_high


def test_a_run_in_rungs_repeats(bench):
    assert run_in_rungs(bench, plan("10/30", 800), 1) == run_in_rungs(bench, plan("10/30", 800), 1)
