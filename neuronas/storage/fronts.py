"""Pareto fronts in our tables: what a candidate changes, and how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.records import FrontChange, FrontEvent, FrontPoint
from neuronas.storage.tables import CandidateRow, FrontRow

UpdateFront = Callable[[list[FrontPoint]], FrontChange]


def front_after(
    session: Session, row: CandidateRow, update_front: UpdateFront, now: datetime
) -> FrontChange:
    """Store what a candidate changes of its study's front, and return it.

    Args:
        session: A session that writes.
        row: The candidate, with its evaluation.
        update_front: Given the present front, says what the new point changes.
        now: The time.
    """
    standing = _standing(session, row.study_id)
    change = update_front([_point(front_row) for front_row in standing])
    for front_row in standing:
        if front_row.trial_number in change.leaves:
            front_row.left_at, front_row.left_for = now, row.trial_number
    if change.enters:
        session.add(
            FrontRow(
                study_id=row.study_id,
                trial_number=row.trial_number,
                objectives=dict(change.objectives),
                entered_at=now,
                hypervolume=change.hypervolume,
                trained=_trained(session, row.study_id),
            )
        )
    return change


def front_points(session: Session, study_id: int) -> list[FrontPoint]:
    """Return the points of a study's front."""
    return [_point(row) for row in _standing(session, study_id)]


def front_events(stays: Sequence[FrontRow]) -> list[FrontEvent]:
    """Return who entered a front and who left it, in the order in which it happened.

    Args:
        stays: All stays of one study, by id.
    """
    events = []
    for entry in stays:
        events.append(_event(entry, entry))
        events += [
            _event(stay, entry)
            for stay in stays
            if (stay.left_for, stay.left_at) == (entry.trial_number, entry.entered_at)
        ]
    return events


def _event(stay: FrontRow, entry: FrontRow) -> FrontEvent:
    """Return what the entry of one trial means for a stay: its beginning or its end."""
    enters = stay is entry
    return FrontEvent(
        time=entry.entered_at.replace(tzinfo=UTC),
        trial_number=stay.trial_number,
        enters=enters,
        left_for=None if enters else stay.left_for,
        objectives=stay.objectives,
        hypervolume=entry.hypervolume,
        trained=entry.trained,
    )


def _standing(session: Session, study_id: int) -> list[FrontRow]:
    query = sa.select(FrontRow).where(FrontRow.study_id == study_id, FrontRow.left_at.is_(None))
    return list(session.scalars(query.order_by(FrontRow.id)))


def _trained(session: Session, study_id: int) -> int:
    """Return how many networks a study has newly trained."""
    query = sa.select(sa.func.count()).where(
        CandidateRow.study_id == study_id, CandidateRow.newly_trained
    )
    return session.scalars(query).one()


def _point(row: FrontRow) -> FrontPoint:
    return FrontPoint(row.trial_number, row.objectives)
