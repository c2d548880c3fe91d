"""Trials that nobody works on any more: they are ended, and their candidates queued again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from neuronas.errors import LeaseLostError
from neuronas.records import CandidateState, Worker
from neuronas.storage.bridge import FEASIBLE_PROBABILITY, RUNGS, SharedStudy
from neuronas.storage.clock import now_s
from neuronas.storage.patience import patient
from neuronas.storage.queries import candidate_row, locked_study
from neuronas.storage.rungs import accuracies_of, last_rung
from neuronas.storage.tables import CandidateRow, StudyRow, WorkerRow
from neuronas.storage.workers import Workers, is_gone

ATTEMPTS = 3
"""Deaths of its worker after which a candidate is given up."""

DIED, STOPPED, CHANGED = "process died", "stopped", "its training was changed while it paused"


@dataclass(frozen=True, slots=True)
class Reaper:
    """Looks after the trials of one study.

    Attributes:
        tables: Our tables.
        shared: Optuna's study.
    """

    tables: Workers
    shared: SharedStudy

    @property
    def patience_seconds(self) -> float:
        """For how long to wait for the database while it is away."""
        return self.tables.patience_seconds

    def reap(self) -> list[int]:
        """Take away the trials of workers that died or were silent for too long.

        A worker of this machine is known to be dead at once, others once their lease expired. A
        training that had reached a rung pauses there, others are queued again; after ``ATTEMPTS``
        deaths a candidate is given up.

        Returns:
            Numbers of the trials.
        """
        return [number for number in self._abandoned() if self._take_away(number)]

    @patient
    def _abandoned(self) -> list[int]:
        with self.tables.reading() as session:
            return [row.trial_number for row in _abandoned(session, self.shared.study.study_name)]

    @patient
    def _take_away(self, number: int) -> bool:
        with self.tables.writing(self.shared) as session:
            owner = locked_study(session, self.shared.study.study_name)
            rows = _abandoned(session, owner.name, number)
            for row in rows:
                self._give_back(session, owner, row, DIED)
            return bool(rows)

    @patient
    def release(self, worker: Worker, reason: str = STOPPED) -> int | None:
        """Give back the trial that a worker holds, for somebody else; return its number."""
        with self.tables.writing(self.shared) as session:
            owner = locked_study(session, worker.study)
            held = sa.select(CandidateRow).where(
                CandidateRow.study_id == owner.id,
                CandidateRow.worker_id == worker.id,
                CandidateRow.state == CandidateState.RUNNING,
            )
            row = session.scalars(held).first()
            if row is None:
                return None
            self._give_back(session, owner, row, reason)
            return row.trial_number

    @patient
    def queue_changed(self, number: int) -> None:
        """Queue a paused candidate again, as its training is another one by now."""
        with self.tables.writing(self.shared) as session:
            owner = locked_study(session, self.shared.study.study_name)
            row = candidate_row(session, owner.name, number)
            if row.state in (CandidateState.PAUSED, CandidateState.RUNNING):
                self._queue_again(row, CHANGED)

    def _give_back(self, session: Session, owner: StudyRow, row: CandidateRow, reason: str) -> None:
        """Let a candidate pause where it did last, or queue it again, or give it up."""
        died = reason == DIED
        given_up = died and self._deaths(session, owner, row) >= ATTEMPTS - 1
        rung = last_rung(session, row)
        if rung is not None and not given_up:
            row.state, row.lease_expires_s = CandidateState.PAUSED, None
            row.deaths += died
            handle = self.shared.handle(row.trial_number)
            self.shared.set_attributes(handle, {RUNGS: accuracies_of(session, row)})
        elif given_up:
            self._end(row, CandidateState.FAILED, f"{reason} {ATTEMPTS} times on this candidate")
        else:
            self._queue_again(row, reason)

    def _queue_again(self, row: CandidateRow, reason: str) -> None:
        frozen = self.shared.frozen(self.shared.handle(row.trial_number))
        kept = {n: v for n, v in frozen.user_attrs.items() if n == FEASIBLE_PROBABILITY}
        self.shared.enqueue_again(
            frozen, retry_of=row.trial_number, kept=kept, values=row.parameters
        )
        self._end(row, CandidateState.INTERRUPTED, reason)

    def _end(self, row: CandidateRow, state: CandidateState, reason: str) -> None:
        row.state, row.reason, row.finished_at = state, reason, self.tables.time()
        row.lease_expires_s = None
        with suppress(LeaseLostError):  # a program that is not ours ended it before
            self.shared.finish(self.shared.handle(row.trial_number), TrialState.FAIL)

    def _deaths(self, session: Session, owner: StudyRow, row: CandidateRow) -> int:
        """Return how many attempts at a candidate, but this one, ended with their worker."""
        deaths, retry_of = row.deaths, row.retry_of
        while retry_of is not None:
            query = sa.select(CandidateRow).where(
                CandidateRow.study_id == owner.id, CandidateRow.trial_number == retry_of
            )
            earlier = session.scalars(query).one_or_none()
            if earlier is None:
                break
            deaths += earlier.deaths + (earlier.reason == DIED)
            retry_of = earlier.retry_of
        return deaths


def _abandoned(session: Session, study: str, number: int | None = None) -> list[CandidateRow]:
    """Return the running candidates of a study whose worker is dead or was silent too long."""
    expired = sa.or_(CandidateRow.lease_expires_s.is_(None), CandidateRow.lease_expires_s < now_s())
    query = (
        sa.select(CandidateRow, WorkerRow, expired)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .outerjoin(WorkerRow, WorkerRow.id == CandidateRow.worker_id)
        .where(StudyRow.name == study, CandidateRow.state == CandidateState.RUNNING)
    )
    if number is not None:
        query = query.where(CandidateRow.trial_number == number)
    return [
        row
        for row, worker, silent in session.execute(query).all()
        if silent or worker is None or worker.left_s is not None or is_gone(worker)
    ]
