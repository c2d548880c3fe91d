"""A study of many trials, with all rows that a search would have written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from neuronas.config import StudyConfig, validate
from neuronas.searching import FeasibleRegion
from neuronas.service.load import create_idle_study, neuronas_client
from neuronas.storage import Repository
from neuronas.storage.database import create_engine
from tests.searching.fakes import firing

NAME = "many"
_TEMPLATE = 2
"""Number of the trial whose rows the others get, with networks, accuracies and costs of theirs."""

Row = dict[str, Any]


def many_trials(url: str, trials: int) -> StudyConfig:
    """Store a study of 15 parameters, 4 constraints and 2 objectives, all of it trained."""
    config = validate(StudyConfig, _content(_TEMPLATE + 1), source=None)
    create_idle_study(url, config)
    neuronas_client(url, config, 0.0, lambda: None)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            _fill(connection, config, trials)
    finally:
        engine.dispose()
    with Repository(url) as tables:
        tables.update_study(NAME, target_trials=trials + 1000, state="running")
    return config


def _content(trials: int) -> dict[str, Any]:
    return {
        "name": NAME,
        "dataset": "digits",
        "space": {
            "cells": "distinct", "channels": [4, 8], "time_steps": [1, 2, 4], "pool": [2, 4]
        },
        "budget": {"preset": "neuronas-v1", "parameters": 100_000},
        "search": {"sampler": "random", "trials": trials},
    }  # fmt: skip


class _Tables:
    """All tables of a database, and the rows of the trial that the others are copies of."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        found = sa.MetaData()
        found.reflect(connection)
        self.tables = found.tables

    def like(self, table: str, **where: object) -> list[Row]:
        """Return rows; JSON as its text, as it is written again."""
        columns = self.tables[table].columns
        raw = [sa.type_coerce(sa.cast(c, sa.Text), sa.Text).label(c.name)
               if isinstance(c.type, sa.JSON) else c for c in columns]  # fmt: skip
        query = sa.select(*raw).where(*(columns[name] == value for name, value in where.items()))
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows."""
        columns = self.tables[table].columns
        for row in rows:
            for name, value in row.items():
                if isinstance(columns[name].type, sa.JSON) and isinstance(value, str):
                    row[name] = json.loads(value)
        for start in range(0, len(rows), 2000):
            self.connection.execute(self.tables[table].insert(), rows[start : start + 2000])

    def count_on(self, table: str, column: str) -> None:
        """Let PostgreSQL number the next rows behind those that were inserted."""
        if self.connection.dialect.name == "postgresql":
            most = f"(SELECT max({column}) FROM {table})"
            sequence = f"pg_get_serial_sequence('{table}', '{column}')"
            self.connection.execute(sa.text(f"SELECT setval({sequence}, {most})"))


def _fill(connection: sa.Connection, config: StudyConfig, trials: int) -> None:
    tables = _Tables(connection)
    (trial,) = tables.like("trials", number=_TEMPLATE)
    (candidate,) = tables.like("neuronas_candidates", trial_number=_TEMPLATE)
    (evaluation,) = tables.like("neuronas_evaluations", id=candidate["evaluation_id"])
    numbers = range(_TEMPLATE + 1, trials)
    space = FeasibleRegion.of(config).space
    genes = FeasibleRegion.of(config).pool(np.random.default_rng(0), len(numbers)).genes
    networks = [space.decode(genes)[index] for index in range(len(genes))]
    draw = np.random.default_rng(1)
    energies = draw.uniform(0.05, 1.0, len(numbers))
    accuracies = energies**0.2 * (1 - 0.5 * draw.random(len(numbers)))
    searched = [i for i, p in enumerate(space.parameters) if len(p.choices) > 1]
    places = {space.parameters[i].name: i for i in searched}
    shift = {n: n - _TEMPLATE for n in numbers}

    tables.add(
        "trials",
        [trial | {"trial_id": trial["trial_id"] + shift[n], "number": n} for n in numbers],
    )
    written: dict[str, list[Row]] = {}
    for table in ("trial_params", "trial_values", "trial_user_attributes",
                  "trial_system_attributes"):  # fmt: skip
        (key,) = tables.tables[table].primary_key.columns.keys()
        found = tables.like(table, trial_id=trial["trial_id"])
        for row in found:
            del row[key]
        written[table] = [
            row | {"trial_id": trial["trial_id"] + shift[n]} for n in numbers for row in found
        ]
    first = numbers[0] + trial["trial_id"] - _TEMPLATE
    for row in written["trial_params"]:
        row["param_value"] = float(genes[row["trial_id"] - first, places[row["param_name"]]])
    for row in written["trial_values"]:
        told = (accuracies, energies)[row["objective"]]
        row["value"] = float(told[row["trial_id"] - first])
    for row in written["trial_user_attributes"]:
        if row["key"] == "spike_rates":
            network = networks[row["trial_id"] - first]
            row["value_json"] = json.dumps(dict.fromkeys(firing(network), 0.2))
    for table, rows in written.items():
        tables.add(table, rows)
    tables.count_on("trials", "trial_id")

    digest = {n: f"{n:064x}" for n in numbers}
    tables.add(
        "neuronas_evaluations",
        [
            evaluation
            | {
                "id": evaluation["id"] + shift[n],
                "training_digest": digest[n],
                "validation_accuracy": float(accuracies[n - numbers[0]]),
            }
            for n in numbers
        ],
    )
    tables.add(
        "neuronas_candidates",
        [
            candidate
            | {
                "id": candidate["id"] + shift[n],
                "trial_number": n,
                "genotype": networks[n - numbers[0]].to_json(),
                "training_digest": digest[n],
                "deployment_digest": digest[n],
                "evaluation_id": evaluation["id"] + shift[n],
            }
            for n in numbers
        ],
    )
    for table in ("neuronas_costs", "neuronas_measured_costs"):
        (cost,) = tables.like(table, candidate_id=candidate["id"])
        tables.add(
            table,
            [
                cost
                | {
                    "candidate_id": candidate["id"] + shift[n],
                    "energy_pj": float(energies[n - numbers[0]]) * 1e6,
                }
                for n in numbers
            ],
        )
    stays = tables.like("neuronas_front", trial_number=_TEMPLATE)
    model = stays[0] if stays else tables.like("neuronas_front")[0]
    tables.add("neuronas_front", _stays(model, numbers, accuracies, energies))
    for table in ("neuronas_evaluations", "neuronas_candidates", "neuronas_front"):
        tables.count_on(table, "id")


def _stays(model: Row, numbers: range, accuracies: np.ndarray, energies: np.ndarray) -> list[Row]:
    """Return who entered the front and left it, trial by trial."""
    standing: list[Row] = []
    everybody: list[Row] = []
    first = model["id"] + 100
    for place, number in enumerate(numbers):
        accuracy, energy = float(accuracies[place]), float(energies[place])
        points = [(row["objectives"]["accuracy"], row["objectives"]["energy"]) for row in standing]
        if any(a >= accuracy and e <= energy for a, e in points):
            continue
        for row in list(standing):
            known = row["objectives"]
            if accuracy >= known["accuracy"] and energy <= known["energy"]:
                row |= {"left_at": model["entered_at"], "left_for": number}
                standing.remove(row)
        entry = model | {
            "id": first + len(everybody),
            "trial_number": number,
            "objectives": {"accuracy": accuracy, "energy": energy},
            "left_at": None,
            "left_for": None,
            "hypervolume": 0.5 + 0.4 * number / len(numbers),
            "trained": number,
        }
        standing.append(entry)
        everybody.append(entry)
    return everybody
