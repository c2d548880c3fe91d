"""Searches in rungs on a made-up table: epochs are counted, and the best are trained on."""

from __future__ import annotations

import numpy as np
import pytest

from neuronas.benchmarks.search import (
    PROBLEMS,
    Bench,
    FidelityPlan,
    fidelity_plans,
    fidelity_results,
    read_table,
    rungs_named,
)
from neuronas.benchmarks.search.fidelity import run_in_rungs
from neuronas.errors import ConfigError
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


RUNGS = (10, 30)


def plan(rungs: tuple[int, ...], epochs: int, workers: int = 1, problem: str = "a") -> FidelityPlan:
    return FidelityPlan(problem, "random", rungs, workers, epochs, 3)


def silent(done: int, runs: int) -> None:
    """Say nothing of runs that are done."""


def test_a_rung_shows_the_mean_of_the_last_epochs_before_it(bench):
    cells = bench.classes.cells
    assert cells.accuracy_at(3, 100) == pytest.approx(cells.accuracy[3])
    assert cells.accuracy_at(3, 1) == cells.curves[3, 0]
    assert cells.accuracy_at(3, 10) == pytest.approx(cells.curves[3, 7:10].mean())


@pytest.mark.parametrize("workers", [1, 8])
def test_full_trainings_take_their_epochs(bench, workers):
    made = plan((), 1000, workers)
    assert made.marks == [200, 400, 800, 1000]
    _, ended = run_in_rungs(bench, made, 0)
    assert ended == [2, 4, 8, 10]


@pytest.mark.parametrize("workers", [1, 8])
def test_rungs_find_more_in_equal_epochs_with_fewer_whole_trainings(bench, workers):
    plans = [plan(stops, 1000, workers, "d") for stops in ((), RUNGS)]
    rows = [row for row in fidelity_results(bench, plans, silent) if row.epochs == 1000]
    full, rungs = rows
    assert (full.scheme, rungs.scheme) == ("full", "10/30")
    assert rungs.ended < full.ended
    assert rungs.unfound_mean < full.unfound_mean
    assert rungs.unfound_low <= rungs.unfound_mean <= rungs.unfound_high


def test_a_run_in_rungs_repeats(bench):
    assert run_in_rungs(bench, plan(RUNGS, 800), 1) == run_in_rungs(bench, plan(RUNGS, 800), 1)


def test_rungs_are_compared_with_full_trainings_of_equal_and_of_five_times_the_epochs(bench):
    plans = fidelity_plans(["a"], "random", RUNGS, 400, 3)
    assert [(p.rungs, p.epochs) for p in plans] == [((), 2000), (RUNGS, 400)]
    heard: list[tuple[int, int]] = []
    rows = {
        (row.scheme, row.epochs): row
        for row in fidelity_results(bench, plans, lambda *told: heard.append(told))
    }
    assert heard == [(done, 6) for done in range(1, 7)]
    rungs, equal, fivefold = rows["10/30", 400], rows["full", 400], rows["full", 2000]
    assert rungs.behind_equal == pytest.approx(rungs.unfound_mean - equal.unfound_mean)
    assert rungs.behind_fivefold == pytest.approx(rungs.unfound_mean - fivefold.unfound_mean)
    runs = [
        [run_in_rungs(bench, p, seed)[0][p.marks.index(p.epochs)] for p in plans]
        for seed in range(3)
    ]
    behind = [rungs - full for full, rungs in runs]
    assert rungs.behind_fivefold_error == pytest.approx(np.std(behind, ddof=1) / 3**0.5)
    assert equal.behind_equal is None
    assert fivefold.behind_fivefold is None


def test_one_run_has_no_standard_error(bench):
    rows = fidelity_results(bench, fidelity_plans(["a"], "random", RUNGS, 200, 1), silent)
    assert {row.standard_error for row in rows} == {None}
    assert rows[-1].behind_fivefold is not None
    assert rows[-1].behind_fivefold_error is None


def test_rungs_with_the_sampler_that_learns_from_them_repeat(bench):
    made = FidelityPlan("a", "hardware-aware", RUNGS, 1, 600, 1)
    left, ended = run_in_rungs(bench, made, 0)
    assert (left, ended) == run_in_rungs(bench, made, 0)
    assert ended[-1] > 0


@pytest.mark.parametrize("text", ["", "30,10", "10,10", "0,10", "10,100", "10,x", "-1", "10,,20"])
def test_rungs_that_are_none_are_refused(text):
    with pytest.raises(ConfigError, match=r"--rungs: found .*; allowed: rising numbers"):
        rungs_named(text)


def test_rungs_are_told_apart():
    assert rungs_named("10, 30") == (10, 30)
    with pytest.raises(ConfigError, match="--sampler: there is no 'cma'"):
        fidelity_plans(["a"], "cma", RUNGS, 400, 3)
