"""Rungs at which trainings paused, in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from neuronas.records import CandidateState, EvaluationKey, InRungs, Rung
from neuronas.storage.tables import CandidateRow, EvaluationRow, RungRow, StudyRow

_GOES_ON = (CandidateState.RUNNING, CandidateState.PAUSED)


def add_rung(session: Session, rung: Rung, candidate_id: int, now: datetime) -> None:
    """Store a rung that was finished now; one that was finished before has its new file."""
    query = sa.select(RungRow).where(
        RungRow.candidate_id == candidate_id, RungRow.epochs == rung.epochs
    )
    known = session.scalar(query)
    path = rung.checkpoint_path.as_posix()
    if known is not None:
        known.checkpoint_path, known.checkpoint_sha256 = path, rung.checkpoint_sha256
    else:
        session.add(
            RungRow(
                candidate_id=candidate_id,
                epochs=rung.epochs,
                of_epochs=rung.key.epochs,
                seed=rung.key.seed,
                validation_accuracy=rung.validation_accuracy,
                train_seconds=rung.train_seconds,
                peak_memory_bytes=rung.peak_memory_bytes,
                checkpoint_path=path,
                checkpoint_sha256=rung.checkpoint_sha256,
                finished_at=now,
            )
        )
    session.flush()


def last_rung(session: Session, candidate: CandidateRow) -> Rung | None:
    """Return where a candidate's training paused last, if its state is kept."""
    query = sa.select(RungRow).where(RungRow.candidate_id == candidate.id)
    row = session.scalar(query.order_by(RungRow.epochs.desc()).limit(1))
    if row is None or row.checkpoint_path is None:
        return None
    return Rung(
        key=EvaluationKey(candidate.training_digest, row.of_epochs, row.seed),
        epochs=row.epochs,
        validation_accuracy=row.validation_accuracy,
        train_seconds=row.train_seconds,
        peak_memory_bytes=row.peak_memory_bytes,
        checkpoint_path=Path(row.checkpoint_path),
        checkpoint_sha256=row.checkpoint_sha256,
    )


def accuracies_of(session: Session, candidate: CandidateRow) -> dict[str, float]:
    """Return the accuracy at each rung of a candidate by its epochs, which are text as in JSON."""
    query = (
        sa.select(RungRow.epochs, RungRow.validation_accuracy)
        .where(RungRow.candidate_id == candidate.id)
        .order_by(RungRow.epochs)
    )
    return {str(epochs): accuracy for epochs, accuracy in session.execute(query)}


def in_rungs(session: Session, study: str) -> Mapping[int, InRungs]:
    """Return the candidates of a study that finished a rung, by the number of their trials."""
    query = (
        sa.select(
            CandidateRow.trial_number,
            CandidateRow.state,
            EvaluationRow.validation_accuracy,
            RungRow.epochs,
            RungRow.validation_accuracy,
        )
        .join(CandidateRow, CandidateRow.id == RungRow.candidate_id)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .outerjoin(EvaluationRow, EvaluationRow.id == CandidateRow.evaluation_id)
        .where(StudyRow.name == study)
        .order_by(RungRow.epochs)
    )
    found: dict[int, InRungs] = {}
    for number, state, final, epochs, accuracy in session.execute(query):
        known = found.get(number) or InRungs(CandidateState(state), {}, final)
        found[number] = replace(known, accuracies={**known.accuracies, epochs: accuracy})
    return found


def needless(session: Session, study: str) -> list[RungRow]:
    """Return the rungs of a study whose files are kept though no training goes on from them."""
    later = aliased(RungRow)
    passed = sa.exists().where(
        later.candidate_id == RungRow.candidate_id, later.epochs > RungRow.epochs
    )
    query = (
        sa.select(RungRow)
        .join(CandidateRow, CandidateRow.id == RungRow.candidate_id)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .where(StudyRow.name == study, RungRow.checkpoint_path.is_not(None))
        .where(sa.or_(CandidateRow.state.not_in(_GOES_ON), passed))
    )
    return list(session.scalars(query))
