"""Workers of a study that propose and evaluate without a search: what ledgers are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import optuna
import sqlalchemy as sa
from optuna.distributions import CategoricalDistribution, IntDistribution

from neuronas.architecture import deployment_digest, training_digest
from neuronas.hardware import estimate
from neuronas.records import (
    Candidate,
    CostRecord,
    EvaluationKey,
    FrontChange,
    FrontPoint,
    Rung,
    Standing,
)
from neuronas.storage import Drawn, Handle, Ledger, Proposal, Reaper, Repository, open_study
from neuronas.storage.database import create_engine
from tests.searching.fakes import CHEAP, CHIP, evaluation, study_config
from tests.searching.fakes import rung as fake_rung

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
REFERENCE = {"accuracy": 0.0, "energy": 0.25}
DIRECTIONS = {"accuracy": "maximize", "energy": "minimize"}

DISTRIBUTIONS = {
    "channels": IntDistribution(2, 8, step=2),
    "cell": CategoricalDistribution(["conv1x1", "conv3x3", "skip"]),
}
VALUES = {"channels": 4, "cell": "skip"}
CONSTRAINTS = {"energy_uj": -0.5, "area_mm2": -0.25, "latency_ms": -0.125}
"""In an order that is not the alphabet's."""

TOLD = [0.5, 0.1]


def make_study(url: str, name: str = "test") -> None:
    """Store a study of eight networks, ours and Optuna's."""
    with Repository(url, create=True, clock=lambda: NOON) as tables:
        tables.create_study(study_config(name=name), 8, REFERENCE)
    shared = open_study(url, name, DIRECTIONS)
    shared.rows.engine.dispose()


@contextmanager
def joined(
    url: str,
    *,
    study: str = "test",
    lease_seconds: float = 60.0,
    patience_seconds: float = 0.0,
) -> Iterator[Ledger]:
    """Join a study as one more worker of this process."""
    with Repository(url, clock=lambda: NOON, patience_seconds=patience_seconds) as tables:
        shared = open_study(url, study, DIRECTIONS, patience_seconds=patience_seconds)
        try:
            with tables.joined(study, lease_seconds=lease_seconds) as worker:
                yield Ledger(tables, shared, worker, lease_seconds)
        finally:
            shared.rows.engine.dispose()


def reaper(ledger: Ledger) -> Reaper:
    """Return a reaper of a worker's study."""
    return Reaper(ledger.tables, ledger.shared)


def key(number: int = 0) -> EvaluationKey:
    """Return the training of the candidate that :func:`proposal` gives this number."""
    return EvaluationKey(f"{number:064x}", 10, number)


def candidate(number: int, network=CHEAP, **changes: object) -> Candidate:
    """Return a candidate that differs from all others by its digest of deployment."""
    digest = training_digest(network, {"number": number})
    return replace(Candidate(-1, network, digest, deployment_digest(digest, {})), **changes)


def cost(network=CHEAP) -> CostRecord:
    """Return what a network costs, with constraints of which all are kept."""
    values = estimate(network, chip=CHIP).to_json()
    names = CostRecord.__dataclass_fields__.keys() - {"constraints"}
    return CostRecord(constraints=CONSTRAINTS, **{name: values[name] for name in names})


def proposal(number: int = 0, network=CHEAP, **changes: object) -> Proposal:
    """Return a proposal; ``changes`` are of its candidate."""
    return Proposal(
        values=VALUES,
        distributions=DISTRIBUTIONS,
        attributes={"cost": {"energy_uj": 0.1}},
        candidate=candidate(number, network, **changes),
        cost=cost(network),
        drawn=Drawn(3, 2, {"energy_uj": 2}),
    )


def goes_on(_: Standing) -> bool:
    """Let no rule stop the study."""
    return False


def begun(ledger: Ledger, number: int = 0, network=CHEAP, **changes: object) -> Handle:
    """Begin the trial of a proposal."""
    handle = ledger.begin(proposal(number, network, **changes), goes_on)
    assert isinstance(handle, Handle)
    return handle


def enters(*leaves: int, hypervolume: float = 0.5) -> Callable[[list[FrontPoint]], FrontChange]:
    """Let any new point enter the front."""

    def update(_: list[FrontPoint]) -> FrontChange:
        return FrontChange({"accuracy": 0.5, "energy": 0.1}, True, leaves, hypervolume)

    return update


def completed(ledger: Ledger, handle: Handle, number: int = 0, **changes: object):
    """Complete a trial; ``changes`` are of the arguments."""
    given = {
        "evaluation": evaluation(key(number)),
        "cost": cost(),
        "values": TOLD,
        "attributes": {"accuracy": 0.5},
        "update_front": enters(),
    }
    return ledger.complete(handle, **(given | changes))


def rung(number: int, epochs: int) -> Rung:
    """Return where the training of a candidate paused."""
    return fake_rung(key(number), epochs)


def theirs(url: str, study: str = "test") -> list[optuna.trial.FrozenTrial]:
    """Return the trials that plain Optuna sees."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name=study, storage=storage).trials
    finally:
        storage.engine.dispose()


def content(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return all that our tables and Optuna's hold of trials."""
    ours = ("candidates", "costs", "measured_costs", "evaluations", "rungs", "front")
    tables = ["trials", "trial_params", "trial_values", "trial_user_attributes"]
    tables += ["trial_system_attributes", *(f"neuronas_{name}" for name in ours)]
    found = {}
    with connection.begin():
        for table in tables:
            query = sa.text(f"SELECT * FROM {table} ORDER BY 1")
            found[table] = [tuple(row) for row in connection.execute(query)]
    return found


@contextmanager
def looking(url: str) -> Iterator[sa.Connection]:
    """Give a connection that is nobody's."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def expire(url: str) -> None:
    """Let all leases be over."""
    for table, column in (("candidates", "lease_expires_s"), ("workers", "expires_s")):
        change(url, f"UPDATE neuronas_{table} SET {column} = 1 WHERE {column} IS NOT NULL")


def change(url: str, statement: str) -> None:
    """Change the database behind everybody's back."""
    with Repository(url) as repository, repository.writing() as session:
        session.connection().exec_driver_sql(statement)
