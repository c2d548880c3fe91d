"""Queries of single rows and of trials."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.records import EvaluationKey
from neuronas.storage.tables import (
    CandidateRow,
    CostRow,
    EvaluationRow,
    MeasuredCostRow,
    StudyRow,
)


def study_row(session: Session, name: str) -> StudyRow:
    """Return the row of a study that is there."""
    return session.scalars(sa.select(StudyRow).where(StudyRow.name == name)).one()


def candidate_row(session: Session, study: str, trial_number: int) -> CandidateRow:
    """Return the row of a candidate that is there."""
    query = (
        sa.select(CandidateRow)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .where(StudyRow.name == study, CandidateRow.trial_number == trial_number)
    )
    return session.scalars(query).one()


def evaluation_with(key: EvaluationKey) -> sa.Select[EvaluationRow]:
    """Return the query of the evaluation with a key."""
    return sa.select(EvaluationRow).where(
        EvaluationRow.training_digest == key.digest,
        EvaluationRow.epochs == key.epochs,
        EvaluationRow.seed == key.seed,
    )


def trials_of(study: str) -> sa.Select[CandidateRow, CostRow, MeasuredCostRow, EvaluationRow]:
    """Return the query of a study's trials, by number, with their costs and evaluations."""
    return (
        sa.select(CandidateRow, CostRow, MeasuredCostRow, EvaluationRow)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .join(CostRow, CostRow.candidate_id == CandidateRow.id)
        .outerjoin(MeasuredCostRow, MeasuredCostRow.candidate_id == CandidateRow.id)
        .outerjoin(EvaluationRow, EvaluationRow.id == CandidateRow.evaluation_id)
        .where(StudyRow.name == study)
        .order_by(CandidateRow.trial_number)
    )
