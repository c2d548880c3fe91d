"""Workers of a study: who has joined, who is alive, and for how long they may be silent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.errors import StorageError, StudyLockedError
from neuronas.records import CandidateState, Worker
from neuronas.storage.clock import now_s
from neuronas.storage.hosts import ProcessId, this_process
from neuronas.storage.patience import patient
from neuronas.storage.queries import count_time, locked_study
from neuronas.storage.sessions import Sessions
from neuronas.storage.tables import CandidateRow, StudyRow, WorkerRow
from neuronas.storage.urls import is_sqlite

LEASE_SECONDS = 300.0
"""A worker that is silent for so long has lost its trial."""

SQLITE_WORKERS = 4
"""More would wait for each other's locks most of the time."""

_here: set[str] = set()
"""Unique ids of the workers that are alive in this process."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a worker comes from.

    Attributes:
        engine: What started it: ``slurm``, ``ray``, ``local`` or ``none``.
        job_id: Of that engine.
        restarts: How often the engine had started that job before.
        device: Where it trains.
        versions: Of the packages that it uses.
    """

    engine: str = "none"
    job_id: str | None = None
    restarts: int = 0
    device: str = "cpu"
    versions: Mapping[str, str] | None = None


class Workers(Sessions):
    """The workers of one database's studies."""

    @contextmanager
    def joined(
        self,
        study: str,
        origin: Origin | None = None,
        *,
        task: str = "search",
        alone: bool = False,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Iterator[Worker]:
        """Be a worker of a study, as long as the context lasts.

        Args:
            study: Name of the study.
            origin: Where this worker comes from.
            task: What it does.
            alone: Whether nobody else may work on the study meanwhile.
            lease_seconds: For how long it may be silent.

        Raises:
            StudyLockedError: Somebody else works on it, and one of them wants to be alone.
            StorageError: Too many workers for SQLite.
        """
        uid = uuid.uuid4().hex
        _here.add(uid)
        try:
            worker = self._join(study, uid, origin or Origin(), task, lease_seconds, alone=alone)
            try:
                yield worker
            except BaseException as stop:
                try:
                    self._leave(worker)
                except StorageError as error:
                    stop.add_note(f"the worker could not sign off: {error}")
                raise
            self._leave(worker)
        finally:
            _here.discard(uid)

    @patient
    def _join(
        self, study: str, uid: str, origin: Origin, task: str, lease_seconds: float, *, alone: bool
    ) -> Worker:
        process = this_process()
        with self.writing() as session:
            owner = locked_study(session, study)
            known = session.scalar(sa.select(WorkerRow).where(WorkerRow.uid == uid))
            if known is not None:  # the answer to the commit got lost
                return _record(known, study, known.joined_s, None)
            living = self.living(session, owner.id)
            self._require_place(study, living, alone=alone)
            now = session.scalar(sa.select(now_s())) or 0.0
            if not living:
                owner.counted_until_s = now
            taken = {row.slot for row in living}
            row = WorkerRow(
                study_id=owner.id,
                uid=uid,
                task=task,
                alone=alone,
                slot=min(set(range(len(taken) + 1)) - taken),
                host=process.host,
                machine=process.machine,
                pid=process.pid,
                pid_started=process.started,
                engine=origin.engine,
                job_id=origin.job_id,
                restarts=origin.restarts,
                device=origin.device,
                versions=dict(origin.versions or {}),
                joined_s=now,
                expires_s=now + lease_seconds,
            )
            session.add(row)
            session.flush()
            return _record(row, study, now, None)

    def _require_place(self, study: str, living: Sequence[WorkerRow], *, alone: bool) -> None:
        for row in living:
            if alone or row.alone:
                raise StudyLockedError(
                    f"study '{study}' is being worked on ({row.task}) by process {row.pid} on "
                    f"{row.host}; wait for it or stop it"
                )
        if is_sqlite(self.url) and len(living) >= SQLITE_WORKERS:
            raise StorageError(
                f"{len(living)} workers search '{study}' already, and SQLite is for one machine "
                f"and at most {SQLITE_WORKERS}: use PostgreSQL for more "
                "(--storage postgresql://USER@HOST/DATABASE)"
            )

    @patient
    def _leave(self, worker: Worker) -> None:
        with self.writing() as session:
            count_time(locked_study(session, worker.study))
            row = session.get_one(WorkerRow, worker.id)
            row.left_s = now_s()
            uid = row.uid
        _here.discard(uid)

    def renew(self, worker: Worker, lease_seconds: float) -> tuple[int | None, str]:
        """Extend the lease of a worker and of what it holds.

        Returns:
            Number of that trial, if any, and the state of the study.
        """
        until = now_s() + lease_seconds
        with self.writing() as session:
            session.execute(
                sa.update(WorkerRow).where(WorkerRow.id == worker.id).values(expires_s=until)
            )
            number = session.scalar(
                sa.update(CandidateRow)
                .where(
                    CandidateRow.worker_id == worker.id,
                    CandidateRow.state == CandidateState.RUNNING,
                )
                .values(lease_expires_s=until)
                .returning(CandidateRow.trial_number)
            )
            state = sa.select(StudyRow.state).where(StudyRow.name == worker.study)
            return number, session.scalars(state).one()

    def state(self, study: str) -> str | None:
        """Return the state of a study, by one statement; None if it is not there any more."""
        with self.reading() as session:
            return session.scalar(sa.select(StudyRow.state).where(StudyRow.name == study))

    def workers(self, study: str | None = None) -> list[Worker]:
        """Return the workers that ever joined a study, or any, oldest first."""
        holds = (CandidateRow.worker_id == WorkerRow.id) & (
            CandidateRow.state == CandidateState.RUNNING
        )
        query = (
            sa.select(WorkerRow, StudyRow.name, now_s(), CandidateRow.trial_number)
            .join(StudyRow, StudyRow.id == WorkerRow.study_id)
            .outerjoin(CandidateRow, holds)
            .order_by(WorkerRow.id)
        )
        if study is not None:
            query = query.where(StudyRow.name == study)
        with self.reading() as session:
            return [_record(*found) for found in session.execute(query).all()]

    def is_searched(self, study: str) -> bool:
        """Return whether a living worker works on a study."""
        return any(worker.alive for worker in self.workers(study))

    def living(self, session: Session, study_id: int) -> list[WorkerRow]:
        """Return the workers of a study that are alive."""
        query = sa.select(WorkerRow).where(
            WorkerRow.study_id == study_id,
            WorkerRow.left_s.is_(None),
            WorkerRow.expires_s > now_s(),
        )
        return [row for row in session.scalars(query) if not is_gone(row)]


def is_gone(row: WorkerRow) -> bool:
    """Return whether a worker's process surely ended: one of this machine, or of this process."""
    process = ProcessId(row.host, row.machine, row.pid, row.pid_started)
    return process.is_gone or (process == this_process() and row.uid not in _here)


def _record(row: WorkerRow, study: str, now: float, trial_number: int | None) -> Worker:
    return Worker(
        id=row.id,
        study=study,
        task=row.task,
        slot=row.slot,
        host=row.host,
        pid=row.pid,
        engine=row.engine,
        job_id=row.job_id,
        restarts=row.restarts,
        device=row.device,
        alive=row.left_s is None and row.expires_s > now and not is_gone(row),
        joined_s=row.joined_s,
        expires_s=row.expires_s,
        trial_number=trial_number,
    )
