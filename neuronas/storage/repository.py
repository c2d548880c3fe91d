"""Reading and writing our tables; records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.config import StudyConfig
from neuronas.errors import StorageError
from neuronas.records import (
    Candidate,
    CandidateState,
    CostRecord,
    Evaluation,
    EvaluationKey,
    FrontChange,
    FrontPoint,
    Rung,
    StudyRecord,
    Trial,
)
from neuronas.storage.database import create_engine, require_existing, translated_errors
from neuronas.storage.lock import creation_lock
from neuronas.storage.rows import evaluation_record, evaluation_row, study_record, trial_record
from neuronas.storage.rungs import accuracies, last_rung, needless, rung_row
from neuronas.storage.schema import revision, upgrade
from neuronas.storage.tables import CandidateRow, CostRow, EvaluationRow, FrontRow, StudyRow

UpdateFront = Callable[[list[FrontPoint]], FrontChange]


def _now() -> datetime:
    return datetime.now(UTC)


class Repository:
    """Our tables of one database.

    Args:
        url: Storage URL.
        create: Create the database, or our tables in it, if they are not there; otherwise their
            absence is an error.
        clock: The time, as an aware datetime.
    """

    def __init__(
        self, url: str, *, create: bool = False, clock: Callable[[], datetime] = _now
    ) -> None:
        if not create:
            require_existing(url)
        self.url = url
        self._clock = clock
        self._reader = create_engine(url)
        # A write transaction that starts by reading must hold the write lock from the start, or
        # SQLite refuses its first write when another process wrote in between.
        self._writer = self._reader.execution_options(begin="BEGIN IMMEDIATE")
        with translated_errors(url):
            if create:
                with creation_lock(url):
                    upgrade(self._reader)
                return
            if revision(self._reader) is None:
                raise StorageError(f"{url} holds no study of neuronas")
            upgrade(self._reader)

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _time(self) -> datetime:
        return self._clock().astimezone(UTC)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with translated_errors(self.url), Session(self._reader) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with translated_errors(self.url), Session(self._writer) as session, session.begin():
            yield session

    # Studies

    def create_study(
        self, config: StudyConfig, target_trials: int, reference: Mapping[str, float]
    ) -> None:
        """Store a new study."""
        with self._writing() as session:
            session.add(
                StudyRow(
                    name=config.name,
                    config=config.model_dump(mode="json"),
                    config_digest=config.digest(),
                    target_trials=target_trials,
                    reference=dict(reference),
                    rejections={},
                    created_at=self._time(),
                )
            )

    def find_study(self, name: str) -> StudyRecord | None:
        """Return a study, or None."""
        with self._reading() as session:
            row = session.scalar(sa.select(StudyRow).where(StudyRow.name == name))
            return None if row is None else study_record(session, row)

    def study(self, name: str) -> StudyRecord:
        """Return a study; StorageError that names the known ones if it is not there."""
        found = self.find_study(name)
        if found is None:
            known = ", ".join(study.name for study in self.studies()) or "none"
            raise StorageError(f"no study '{name}' in {self.url}; studies there: {known}")
        return found

    def studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""
        with self._reading() as session:
            return [study_record(session, row) for row in session.scalars(sa.select(StudyRow))]

    def update_study(
        self,
        name: str,
        *,
        config: StudyConfig | None = None,
        target_trials: int | None = None,
        state: str | None = None,
    ) -> None:
        """Store what changed about a study; None leaves a value as it is."""
        with self._writing() as session:
            row = _study_row(session, name)
            if config is not None:
                row.config = config.model_dump(mode="json")
                row.config_digest = config.digest()
            row.target_trials = target_trials or row.target_trials
            row.state = state or row.state

    # Candidates

    def add_candidate(
        self,
        study: str,
        candidate: Candidate,
        cost: CostRecord,
        *,
        drawn: int,
        rejected: int,
        rejections: Mapping[str, int],
    ) -> None:
        """Store a new running candidate, its cost, and what was drawn to find it."""
        with self._writing() as session:
            study_row = _study_row(session, study)
            study_row.drawn += drawn
            study_row.rejected += rejected
            study_row.rejections = {
                reason: study_row.rejections.get(reason, 0) + rejections.get(reason, 0)
                for reason in study_row.rejections.keys() | rejections.keys()
            }
            row = CandidateRow(
                study_id=study_row.id,
                trial_number=candidate.trial_number,
                genotype=candidate.architecture.to_json(),
                chip=dict(candidate.chip),
                training_digest=candidate.training_digest,
                deployment_digest=candidate.deployment_digest,
                state=CandidateState.RUNNING,
                retry_of=candidate.retry_of,
                created_at=self._time(),
            )
            session.add(row)
            session.flush()
            session.add(CostRow(candidate_id=row.id, **asdict(cost)))

    def finish_candidate(
        self, study: str, trial_number: int, state: CandidateState, reason: str | None
    ) -> None:
        """Store the end of a candidate that has no evaluation."""
        with self._writing() as session:
            row = _candidate_row(session, study, trial_number)
            row.state, row.reason, row.finished_at = state, reason, self._time()

    def complete_candidate(
        self, study: str, trial_number: int, evaluation: Evaluation, update_front: UpdateFront
    ) -> tuple[bool, FrontChange]:
        """Store an evaluated candidate and update the front, in one transaction.

        Args:
            study: Name of the study.
            trial_number: Number of the trial.
            evaluation: Its evaluation; if one with this key is stored already, that one is kept.
            update_front: Given the present front, says what the new point changes.

        Returns:
            Whether the evaluation is new, and what happened to the front.
        """
        with self._writing() as session:
            row = _candidate_row(session, study, trial_number)
            stored = session.scalar(_with_key(evaluation.key))
            if stored is None:
                stored = evaluation_row(evaluation, row.study_id, self._time())
                session.add(stored)
                session.flush()
                row.newly_trained = True
            row.evaluation_id = stored.id
            row.state, row.finished_at = CandidateState.COMPLETE, self._time()
            change = self._update_front(session, row, update_front)
            return row.newly_trained, change

    def _update_front(
        self, session: Session, row: CandidateRow, update_front: UpdateFront
    ) -> FrontChange:
        standing = _standing(session, row.study_id)
        change = update_front([_point(front_row) for front_row in standing])
        now = self._time()
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
                )
            )
        return change

    # Trainings that pause

    def pause_candidate(self, study: str, trial_number: int, rung: Rung) -> None:
        """Store a rung that a candidate's training has finished, and that it pauses there."""
        with self._writing() as session:
            row = _candidate_row(session, study, trial_number)
            session.add(rung_row(rung, row.id, self._time()))
            row.state = CandidateState.PAUSED

    def take_up_candidate(self, study: str, trial_number: int) -> Rung | None:
        """Store that a paused candidate is trained on; return from where, if that is kept."""
        with self._writing() as session:
            row = _candidate_row(session, study, trial_number)
            row.state = CandidateState.RUNNING
            return last_rung(session, row)

    def put_back_candidate(self, study: str, trial_number: int, *, died: bool) -> None:
        """Store that a candidate's training pauses where it did before, after a death or a stop."""
        with self._writing() as session:
            row = _candidate_row(session, study, trial_number)
            row.state = CandidateState.PAUSED
            row.deaths += died

    def last_rung(self, study: str, trial_number: int) -> Rung | None:
        """Return where a candidate's training paused last, if its state is kept."""
        with self._reading() as session:
            return last_rung(session, _candidate_row(session, study, trial_number))

    def rung_accuracies(self, study: str) -> Mapping[int, Mapping[int, float]]:
        """Return the accuracy at each rung, by its epochs, of a study's trials by number."""
        with self._reading() as session:
            return accuracies(session, study)

    def remove_checkpoints(self, study: str, remove: Callable[[Path], None]) -> None:
        """Let the files be removed from which no training of a study goes on."""
        with self._reading() as session:
            if not needless(session, study):
                return
        with self._writing() as session:
            for row in needless(session, study):
                if row.checkpoint_path is not None:
                    remove(Path(row.checkpoint_path))
                row.checkpoint_path = None

    # Evaluations

    def find_evaluation(self, key: EvaluationKey) -> Evaluation | None:
        """Return the stored evaluation of a training, from any study of this database."""
        with self._reading() as session:
            row = session.scalar(_with_key(key))
            return None if row is None else evaluation_record(row)

    def add_evaluation(self, study: str, evaluation: Evaluation) -> None:
        """Store an evaluation of a study's network, unless one with its key is stored already."""
        with self._writing() as session:
            if session.scalar(_with_key(evaluation.key)) is None:
                owner = _study_row(session, study)
                session.add(evaluation_row(evaluation, owner.id, self._time()))

    def set_test_accuracy(self, key: EvaluationKey, accuracy: float) -> None:
        """Store the test accuracy of an evaluation."""
        with self._writing() as session:
            row = session.scalars(_with_key(key)).one()
            row.test_accuracy = accuracy

    # Reading trials

    def trials(self, study: str) -> list[Trial]:
        """Return all trials of a study, by number."""
        with self._reading() as session:
            rows = session.execute(_trials_of(study)).all()
            return [trial_record(*row) for row in rows]

    def find_trial(self, study: str, trial_number: int) -> Trial | None:
        """Return one trial, or None."""
        with self._reading() as session:
            query = _trials_of(study).where(CandidateRow.trial_number == trial_number)
            row = session.execute(query).one_or_none()
            return None if row is None else trial_record(*row)

    def front(self, study: str) -> list[Trial]:
        """Return the trials on a study's front, by number."""
        with self._reading() as session:
            query = _trials_of(study).join(
                FrontRow,
                sa.and_(
                    FrontRow.study_id == CandidateRow.study_id,
                    FrontRow.trial_number == CandidateRow.trial_number,
                    FrontRow.left_at.is_(None),
                ),
            )
            return [trial_record(*row) for row in session.execute(query).all()]

    def front_points(self, study: str) -> list[FrontPoint]:
        """Return the points of a study's front."""
        with self._reading() as session:
            return [_point(row) for row in _standing(session, _study_row(session, study).id)]

    def hypervolume(self, study: str) -> float:
        """Return the present hypervolume of a study's front; 0 without a front."""
        with self._reading() as session:
            query = (
                sa.select(FrontRow.hypervolume)
                .join(StudyRow, StudyRow.id == FrontRow.study_id)
                .where(StudyRow.name == study)
                .order_by(FrontRow.id.desc())
                .limit(1)
            )
            return session.scalar(query) or 0.0


def _study_row(session: Session, name: str) -> StudyRow:
    return session.scalars(sa.select(StudyRow).where(StudyRow.name == name)).one()


def _candidate_row(session: Session, study: str, trial_number: int) -> CandidateRow:
    query = (
        sa.select(CandidateRow)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .where(StudyRow.name == study, CandidateRow.trial_number == trial_number)
    )
    return session.scalars(query).one()


def _with_key(key: EvaluationKey) -> sa.Select[EvaluationRow]:
    return sa.select(EvaluationRow).where(
        EvaluationRow.training_digest == key.digest,
        EvaluationRow.epochs == key.epochs,
        EvaluationRow.seed == key.seed,
    )


def _trials_of(study: str) -> sa.Select[CandidateRow, CostRow, EvaluationRow]:
    return (
        sa.select(CandidateRow, CostRow, EvaluationRow)
        .join(StudyRow, StudyRow.id == CandidateRow.study_id)
        .join(CostRow, CostRow.candidate_id == CandidateRow.id)
        .outerjoin(EvaluationRow, EvaluationRow.id == CandidateRow.evaluation_id)
        .where(StudyRow.name == study)
        .order_by(CandidateRow.trial_number)
    )


def _standing(session: Session, study_id: int) -> list[FrontRow]:
    query = sa.select(FrontRow).where(FrontRow.study_id == study_id, FrontRow.left_at.is_(None))
    return list(session.scalars(query))


def _point(row: FrontRow) -> FrontPoint:
    return FrontPoint(row.trial_number, row.objectives)
