"""Finished trainings in the database: each key once, whoever comes first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from neuronas.records import Evaluation, EvaluationKey
from neuronas.storage.rows import evaluation_values
from neuronas.storage.tables import EvaluationRow

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_KEY = ("training_digest", "epochs", "seed")


def evaluation_with(key: EvaluationKey) -> sa.Select[EvaluationRow]:
    """Return the query of the evaluation with a key."""
    return sa.select(EvaluationRow).where(
        EvaluationRow.training_digest == key.digest,
        EvaluationRow.epochs == key.epochs,
        EvaluationRow.seed == key.seed,
    )


def add_evaluation(
    session: Session, evaluation: Evaluation, study_id: int, now: datetime
) -> tuple[int, bool]:
    """Store an evaluation that counts for a candidate, or find the one with its key.

    Another study's worker may store the same at the same time.

    Returns:
        Its id, and whether it is newly trained: not stored before, or salvaged only.
    """
    stored = insert_evaluation(session, evaluation, study_id, now, salvaged=False)
    if stored is not None:
        return stored, True
    row = session.scalars(evaluation_with(evaluation.key)).one()
    new, row.salvaged = row.salvaged, False
    return row.id, new


def insert_evaluation(
    session: Session, evaluation: Evaluation, study_id: int, now: datetime, *, salvaged: bool
) -> int | None:
    """Store an evaluation; return its id, or None where one with its key is stored."""
    insert = _INSERTS[session.get_bind().dialect.name]
    values = evaluation_values(evaluation, study_id, now) | {"salvaged": salvaged}
    statement = insert(EvaluationRow).values(**values).on_conflict_do_nothing(index_elements=_KEY)
    stored: int | None = session.scalar(statement.returning(EvaluationRow.id))
    return stored
