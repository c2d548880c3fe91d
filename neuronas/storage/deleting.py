"""Deleting a study: our rows and Optuna's, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.errors import StudyLockedError
from neuronas.storage.bridge import existing_study
from neuronas.storage.queries import locked_study
from neuronas.storage.repository import Repository
from neuronas.storage.tables import (
    CandidateRow,
    CostRow,
    EvaluationRow,
    FrontRow,
    MeasuredCostRow,
    RungRow,
    StudyRow,
    WorkerRow,
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted of a study.

    Attributes:
        trials: How many.
        evaluations: How many; those that other studies use are theirs now.
        files: Weights and states of trainings that nothing names any more, in the checkpoint
            folder.
    """

    trials: int
    evaluations: int
    files: tuple[Path, ...]


def delete_study(repository: Repository, name: str) -> Deleted:
    """Delete a study from its database; the files of its weights are left.

    Raises:
        StorageError: There is no such study.
        StudyLockedError: Somebody works on it.
    """
    repository.study(name)
    shared = existing_study(repository.url, name)
    with repository.writing(shared) as session:
        owner = locked_study(session, name)
        living = repository.living(session, owner.id)
        if living:
            raise StudyLockedError(
                f"study '{name}' is being worked on by process {living[0].pid} on "
                f"{living[0].host}; stop it first: neuronas stop {name}"
            )
        own = sa.select(CandidateRow.id).where(CandidateRow.study_id == owner.id).scalar_subquery()
        states = _named(session, RungRow.checkpoint_path, RungRow.candidate_id.in_(own))
        for table in (MeasuredCostRow, CostRow, RungRow):
            session.execute(sa.delete(table).where(table.candidate_id.in_(own)))
        session.execute(sa.delete(FrontRow).where(FrontRow.study_id == owner.id))
        trials = sa.delete(CandidateRow).where(CandidateRow.study_id == owner.id)
        counted = session.execute(trials.returning(CandidateRow.id)).all()
        _give_away(session, owner.id)
        unused = EvaluationRow.study_id == owner.id
        weights = _named(session, EvaluationRow.weights_path, unused)
        evaluations = sa.delete(EvaluationRow).where(unused).returning(EvaluationRow.id)
        trained = session.execute(evaluations).all()
        session.execute(sa.delete(WorkerRow).where(WorkerRow.study_id == owner.id))
        session.execute(sa.delete(StudyRow).where(StudyRow.id == owner.id))
        if shared is not None:
            shared.delete()
    return Deleted(len(counted), len(trained), tuple(Path(name) for name in (*states, *weights)))


def _named(
    session: Session, column: sa.SQLColumnExpression[Any], where: sa.ColumnElement[bool]
) -> list[str]:
    return [path for path in session.scalars(sa.select(column).where(where)) if path is not None]


def _give_away(session: Session, study_id: int) -> None:
    """Let the evaluations of a study that others use be one of theirs."""
    user = (
        sa.select(sa.func.min(CandidateRow.study_id))
        .where(CandidateRow.evaluation_id == EvaluationRow.id)
        .scalar_subquery()
    )
    session.execute(
        sa.update(EvaluationRow)
        .where(EvaluationRow.study_id == study_id, user.is_not(None))
        .values(study_id=user)
    )
