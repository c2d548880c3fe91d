"""Large studies, written into the tables of a test's own SQLite database in one go."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import optuna
from optuna.distributions import IntDistribution, distribution_to_json

from neuronas.storage import Repository
from tests.searching.fakes import CHEAP, study_config

OBJECTIVES = {"accuracy": "maximize", "energy": "minimize", "area": "minimize"}
PARAMETERS = {f"cell_{index}": IntDistribution(0, 4) for index in range(15)}
LIMITS = ("area_mm2", "energy_uj", "latency_ms", "parameters")
_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def large_study(url: str, name: str, trials: int, *, seed: int = 0) -> None:
    """Store a study of complete trials, in our tables and in Optuna's; one in five is infeasible.

    Args:
        url: Storage URL of SQLite; its database and tables are created if they are not there.
        name: Name of the study.
        trials: How many.
        seed: Of values, parameters and constraints.
    """
    config = study_config(name=name)
    with Repository(url, create=True) as repository:
        repository.create_study(config, trials, {"accuracy": 0.0, "energy": 1.0, "area": 1.0})
    study = optuna.create_study(storage=url, study_name=name, directions=[*OBJECTIVES.values()])
    study.set_metric_names([*OBJECTIVES])
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        _insert(connection, name, trials, np.random.default_rng(seed))


def _insert(
    connection: sqlite3.Connection, name: str, trials: int, draw: np.random.Generator
) -> None:
    def value(query: str) -> int:
        return connection.execute(query, (name,)).fetchone()[0]

    theirs = value("SELECT study_id FROM studies WHERE study_name = ?")
    ours = value("SELECT id FROM neuronas_studies WHERE name = ?")
    (first,) = connection.execute("SELECT coalesce(max(trial_id), 0) + 1 FROM trials").fetchone()
    ends = [(_BEGIN + timedelta(minutes=n)).replace(tzinfo=None) for n in range(trials + 1)]
    begin = [str(end) for end in ends]
    connection.executemany(
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete)"
        " VALUES (?, ?, ?, 'COMPLETE', ?, ?)",
        [(first + n, n, theirs, begin[n], begin[n + 1]) for n in range(trials)],
    )
    genes = draw.integers(0, 5, size=(trials, len(PARAMETERS)))
    connection.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)"
        " VALUES (?, ?, ?, ?)",
        [
            (first + n, parameter, float(genes[n, place]), text)
            for place, (parameter, text) in enumerate(
                (parameter, distribution_to_json(d)) for parameter, d in PARAMETERS.items()
            )
            for n in range(trials)
        ],
    )
    costs = draw.random((trials, 2))
    # The dearer, the better; the front has some hundred points.
    accuracy = costs.prod(axis=1) ** 0.2 * (1 - 0.5 * draw.random(trials))
    values = np.column_stack([accuracy, costs])
    connection.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type)"
        " VALUES (?, ?, ?, 'FINITE')",
        [(first + n, m, v) for n, row in enumerate(values.tolist()) for m, v in enumerate(row)],
    )
    violations = np.where(draw.random(trials) < 0.2, 0.5, -0.5)
    connection.executemany(
        "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        [
            (first + n, f"constraints:{limit}", json.dumps(float(violations[n])))
            for n in range(trials)
            for limit in LIMITS
        ],
    )
    cost = json.dumps(dict.fromkeys(LIMITS, 0.125))
    connection.executemany(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, 'cost', ?)",
        [(first + n, cost) for n in range(trials)],
    )
    genotype = json.dumps(CHEAP.to_json())
    connection.executemany(
        "INSERT INTO neuronas_candidates (study_id, trial_number, genotype, chip, training_digest,"
        " deployment_digest, state, newly_trained, epochs_trained, deaths, created_at, finished_at)"
        " VALUES (?, ?, ?, '{}', ?, ?, 'complete', 1, 2.0, 0, ?, ?)",
        [
            (ours, n, genotype, f"{n:064}", f"{n:064}", begin[n], begin[n + 1])
            for n in range(trials)
        ],
    )
