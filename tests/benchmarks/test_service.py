"""``neuronas bench service``, tiny: who is measured, and what the rows tell."""

from __future__ import annotations

import dataclasses

import pytest

from neuronas.benchmarks.service import bench_service

KEYS = {"implementation", "clients", "trials_per_s", "statements_per_trial", "commits_per_trial"}


@pytest.mark.soak
def test_two_clients_of_each_implementation_are_measured(tmp_path):
    told: list[str] = []
    url = f"sqlite:///{tmp_path}/bench.db"
    found = bench_service(url, [2], trials=4, repetitions=1, listener=told.append)
    rows = [dataclasses.asdict(row) for row in found]
    assert [(row["implementation"], row["clients"]) for row in rows] == [
        ("neuronas", 2),
        ("optuna", 2),
    ]
    for row in rows:
        assert row.keys() >= KEYS
        assert row["trials_per_s"] > 0
        assert row["statements_per_trial"] > row["commits_per_trial"] > 0
    ours, plain = rows
    assert ours["commits_per_trial"] < plain["commits_per_trial"]
    assert len(told) == 2
