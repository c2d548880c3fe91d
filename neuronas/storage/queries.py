"""Queries of single rows and of trials."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.records import Candidate, CandidateState, Standing
from neuronas.storage.clock import now_s
from neuronas.storage.tables import (
    CandidateRow,
    CostRow,
    EvaluationRow,
    FrontRow,
    MeasuredCostRow,
    StudyRow,
)

_SAME = 1 - 1e-9
"""Share of a hypervolume from which on it is the same: sums of other points round differently."""


def study_row(session: Session, name: str) -> StudyRow:
    """Return the row of a study that is there."""
    return session.scalars(sa.select(StudyRow).where(StudyRow.name == name)).one()


def locked_study(session: Session, name: str) -> StudyRow:
    """Return the row of a study, which no other transaction writes to until this one ends.

    On SQLite, a transaction that writes holds the whole database anyway.
    """
    query = sa.select(StudyRow).where(StudyRow.name == name).with_for_update()
    return session.scalars(query).one()


def count_time(study: StudyRow) -> None:
    """Count the time of a search until now, in a transaction that holds the study."""
    passed = now_s() - sa.func.coalesce(StudyRow.counted_until_s, now_s())
    study.wall_seconds = StudyRow.wall_seconds + sa.case((passed > 0, passed), else_=0.0)
    study.counted_until_s = now_s()


def standing(
    session: Session,
    study: StudyRow,
    worker_id: int | None = None,
    candidate: Candidate | None = None,
) -> Standing:
    """Return how far a study is.

    Args:
        session: A session.
        study: The study.
        worker_id: Of the worker that asks.
        candidate: What it is about to begin.
    """
    number, state = CandidateRow.trial_number, CandidateRow.state
    digests = (candidate.deployment_digest, candidate.training_digest) if candidate else ("", "")
    like = CandidateRow.deployment_digest == digests[0]
    own = like & (CandidateRow.worker_id == worker_id) & (state == CandidateState.RUNNING)
    counts = sa.select(
        sa.func.count().filter(CandidateRow.newly_trained),
        sa.func.count().filter(state == CandidateState.RUNNING),
        sa.func.count().filter(state == CandidateState.PAUSED),
        sa.func.coalesce(sa.func.sum(CandidateRow.epochs_trained), 0.0),
        sa.func.count().filter(like) > 0,
        sa.func.max(number).filter(own),
        sa.exists().where(EvaluationRow.training_digest == digests[1]),
        now_s(),
    ).where(CandidateRow.study_id == study.id)
    trained, running, paused, epochs, begun, held, is_trained, now = session.execute(counts).one()
    counts_gain = study.config["search"].get("stop", {}).get("no_gain") is not None
    return Standing(
        state=study.state,
        target_trials=study.target_trials,
        trained=trained,
        running=running,
        paused=paused,
        epochs=epochs,
        wall_seconds=study.wall_seconds + max(0.0, now - (study.counted_until_s or now)),
        since_gain=trained - trained_at_last_gain(session, study.id) if counts_gain else 0,
        begun=bool(begun),
        held=held,
        is_trained=bool(is_trained),
    )


def trained_at_last_gain(session: Session, study_id: int) -> int:
    """Return how many networks a study had trained when its hypervolume became what it is."""
    of_study = sa.select(FrontRow.trained).where(FrontRow.study_id == study_id)
    most = session.scalar(of_study.with_only_columns(sa.func.max(FrontRow.hypervolume)))
    if not most:
        return 0
    reached = of_study.where(FrontRow.hypervolume >= most * _SAME).order_by(FrontRow.id).limit(1)
    return session.scalar(reached) or 0


def locked_candidate(session: Session, study: str, trial_number: int) -> CandidateRow:
    """Return the row of a candidate, in a transaction that holds its study from now on.

    The study is locked first, as everywhere, so that no two transactions wait for each other.
    """
    query = (
        sa.select(StudyRow, CandidateRow)
        .join(CandidateRow, CandidateRow.study_id == StudyRow.id)
        .where(StudyRow.name == study, CandidateRow.trial_number == trial_number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(query).one()[1]


def candidate_row(session: Session, study: str, trial_number: int) -> CandidateRow:
    """Return the row of a candidate that is there."""
    query = (
        sa.select(CandidateRow)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .where(StudyRow.name == study, CandidateRow.trial_number == trial_number)
    )
    return session.scalars(query).one()


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
