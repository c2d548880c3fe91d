"""Figures of all studies, cheap enough to be asked for every few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.records import CandidateState
from neuronas.storage.clock import now_s
from neuronas.storage.database import require_existing
from neuronas.storage.sessions import Sessions
from neuronas.storage.tables import CandidateRow, FrontRow, StudyRow, WorkerRow

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """How far one study is.

    Attributes:
        name: The study.
        states: Trials per state, of every state.
        trained: Networks newly trained.
        trained_in_last_hour: Those of them that were finished within the last hour.
        hypervolume: Of its front, in [0, 1].
        workers: Workers that are alive.
        oldest_lease_s: For how long the longest held trial has run, in seconds; 0 without one.
    """

    name: str
    states: Mapping[CandidateState, int]
    trained: int
    trained_in_last_hour: int
    hypervolume: float
    workers: int
    oldest_lease_s: float


class Figures(Sessions):
    """Figures of all studies of one database."""

    def check(self) -> None:
        """Raise StorageError unless the database answers."""
        require_existing(self.url)
        with self.reading() as session:
            session.execute(sa.select(StudyRow.id).limit(1)).all()

    def of_studies(self) -> list[StudyFigures]:
        """Return the figures of each study, oldest first."""
        with self.reading() as session:
            names = sa.select(StudyRow.id, StudyRow.name).order_by(StudyRow.id)
            now = self.time()
            states, trained = _states(session), _trained(session)
            recently = _trained(session, CandidateRow.finished_at > now - _HOUR)
            volumes, workers = _hypervolumes(session), _workers(session)
            begun = _oldest_begun(session)
            return [
                StudyFigures(
                    name=name,
                    states={state: states.get((id_, state), 0) for state in CandidateState},
                    trained=trained.get(id_, 0),
                    trained_in_last_hour=recently.get(id_, 0),
                    hypervolume=volumes.get(id_, 0.0),
                    workers=workers.get(id_, 0),
                    oldest_lease_s=(now - begun[id_]).total_seconds() if id_ in begun else 0.0,
                )
                for id_, name in session.execute(names)
            ]


def _states(session: Session) -> dict[tuple[int, str], int]:
    group = (CandidateRow.study_id, CandidateRow.state)
    query = sa.select(*group, sa.func.count()).group_by(*group)
    return {(study, state): count for study, state, count in session.execute(query)}


def _trained(session: Session, *conditions: sa.ColumnElement[bool]) -> dict[int, int]:
    query = (
        sa.select(CandidateRow.study_id, sa.func.count())
        .where(CandidateRow.newly_trained, *conditions)
        .group_by(CandidateRow.study_id)
    )
    return dict(session.execute(query).all())


def _workers(session: Session) -> dict[int, int]:
    query = (
        sa.select(WorkerRow.study_id, sa.func.count())
        .where(WorkerRow.left_s.is_(None), WorkerRow.expires_s > now_s())
        .group_by(WorkerRow.study_id)
    )
    return dict(session.execute(query).all())


def _oldest_begun(session: Session) -> dict[int, datetime]:
    query = (
        sa.select(CandidateRow.study_id, sa.func.min(CandidateRow.created_at))
        .where(CandidateRow.state == CandidateState.RUNNING)
        .group_by(CandidateRow.study_id)
    )
    return dict(session.execute(query).all())


def _hypervolumes(session: Session) -> dict[int, float]:
    last = sa.select(sa.func.max(FrontRow.id)).group_by(FrontRow.study_id)
    query = sa.select(FrontRow.study_id, FrontRow.hypervolume).where(FrontRow.id.in_(last))
    return dict(session.execute(query).all())
