"""Reading and writing our tables; records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from neuronas.config import StudyConfig
from neuronas.errors import StorageError
from neuronas.records import (
    Evaluation,
    EvaluationKey,
    FrontEvent,
    FrontPoint,
    InRungs,
    Rung,
    StudyRecord,
    Trial,
)
from neuronas.storage.evaluations import evaluation_with, insert_evaluation
from neuronas.storage.fronts import front_events, front_points
from neuronas.storage.patience import patient
from neuronas.storage.queries import (
    candidate_row,
    locked_study,
    study_row,
    trials_of,
)
from neuronas.storage.rows import (
    evaluation_record,
    study_record,
    trial_record,
)
from neuronas.storage.rungs import in_rungs, last_rung, needless
from neuronas.storage.tables import CandidateRow, FrontRow, ScoreRow, StudyRow
from neuronas.storage.urls import shown_url
from neuronas.storage.workers import Workers


class Repository(Workers):
    """Our tables of one database."""

    # Studies

    @patient
    def create_study(
        self, config: StudyConfig, target_trials: int, reference: Mapping[str, float]
    ) -> None:
        """Store a new study."""
        with self.writing() as session:
            session.add(
                StudyRow(
                    name=config.name,
                    config=config.model_dump(mode="json"),
                    config_digest=config.digest(),
                    target_trials=target_trials,
                    reference=dict(reference),
                    rejections={},
                    created_at=self.time(),
                )
            )

    @patient
    def find_study(self, name: str) -> StudyRecord | None:
        """Return a study, or None."""
        with self.reading() as session:
            row = session.scalar(sa.select(StudyRow).where(StudyRow.name == name))
            return None if row is None else study_record(session, row)

    @patient
    def study(self, name: str) -> StudyRecord:
        """Return a study; StorageError that names the known ones if it is not there."""
        found = self.find_study(name)
        if found is None:
            known = ", ".join(study.name for study in self.studies()) or "none"
            raise StorageError(
                f"no study '{name}' in {shown_url(self.url)}; studies there: {known}"
            )
        return found

    @patient
    def studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""
        with self.reading() as session:
            rows = session.scalars(sa.select(StudyRow).order_by(StudyRow.id))
            return [study_record(session, row) for row in rows]

    @patient
    def update_study(
        self,
        name: str,
        *,
        config: StudyConfig | None = None,
        target_trials: int | None = None,
        state: str | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> None:
        """Store what changed about a study; None leaves a value as it is."""
        with self.writing() as session:
            row = study_row(session, name)
            if config is not None:
                row.config = config.model_dump(mode="json")
                row.config_digest = config.digest()
            row.target_trials = target_trials or row.target_trials
            row.state = state or row.state
            row.environment = row.environment if environment is None else dict(environment)

    # Trainings that pause

    @patient
    def last_rung(self, study: str, trial_number: int) -> Rung | None:
        """Return where a candidate's training paused last, if its state is kept."""
        with self.reading() as session:
            return last_rung(session, candidate_row(session, study, trial_number))

    @patient
    def in_rungs(self, study: str) -> Mapping[int, InRungs]:
        """Return the candidates of a study that finished a rung, by the number of their trials."""
        with self.reading() as session:
            return in_rungs(session, study)

    @patient
    def remove_checkpoints(self, study: str, remove: Callable[[Path], None]) -> None:
        """Let the files be removed from which no training of a study goes on."""
        with self.reading() as session:
            if not needless(session, study):
                return
        with self.writing() as session:
            for row in needless(session, study):
                if row.checkpoint_path is not None:
                    remove(Path(row.checkpoint_path))
                row.checkpoint_path = None

    # Evaluations

    @patient
    def find_evaluation(self, key: EvaluationKey) -> Evaluation | None:
        """Return the stored evaluation of a training, from any study of this database."""
        with self.reading() as session:
            row = session.scalar(evaluation_with(key))
            return None if row is None else evaluation_record(row)

    @patient
    def add_evaluation(self, study: str, evaluation: Evaluation, *, salvaged: bool = False) -> None:
        """Store an evaluation of a study's network, unless one with its key is stored already.

        Args:
            study: Name of the study.
            evaluation: The evaluation.
            salvaged: Whether its candidate was taken away from the worker that trained it; the
                candidate that takes it up counts as the one that was trained.
        """
        with self.writing() as session:
            owner = locked_study(session, study)
            insert_evaluation(session, evaluation, owner.id, self.time(), salvaged=salvaged)

    @patient
    def set_test_accuracy(self, key: EvaluationKey, accuracy: float) -> None:
        """Store the test accuracy of an evaluation."""
        with self.writing() as session:
            row = session.scalars(evaluation_with(key)).one()
            row.test_accuracy = accuracy

    # Scores of untrained networks

    @patient
    def scores(self, context: str) -> dict[str, float]:
        """Return the scores of a context by network, from any study; minus infinity is one too."""
        with self.reading() as session:
            query = sa.select(ScoreRow.network, ScoreRow.score).where(ScoreRow.context == context)
            return {row.network: row.score for row in session.execute(query)}

    @patient
    def add_scores(self, context: str, scores: Mapping[str, float]) -> None:
        """Store scores of networks; of a network that has one already, that one is kept."""
        with self.writing() as session:
            known = sa.select(ScoreRow.network).where(
                ScoreRow.context == context, ScoreRow.network.in_(scores)
            )
            kept = set(session.scalars(known))
            session.add_all(
                ScoreRow(context=context, network=network, score=score)
                for network, score in scores.items()
                if network not in kept
            )

    # Reading trials

    @patient
    def trials(self, study: str) -> list[Trial]:
        """Return all trials of a study, by number."""
        with self.reading() as session:
            rows = session.execute(trials_of(study)).all()
            return [trial_record(*row) for row in rows]

    @patient
    def find_trial(self, study: str, trial_number: int) -> Trial | None:
        """Return one trial, or None."""
        with self.reading() as session:
            query = trials_of(study).where(CandidateRow.trial_number == trial_number)
            row = session.execute(query).one_or_none()
            return None if row is None else trial_record(*row)

    @patient
    def front(self, study: str) -> list[Trial]:
        """Return the trials on a study's front, by number."""
        with self.reading() as session:
            query = trials_of(study).join(
                FrontRow,
                sa.and_(
                    FrontRow.study_id == CandidateRow.study_id,
                    FrontRow.trial_number == CandidateRow.trial_number,
                    FrontRow.left_at.is_(None),
                ),
            )
            return [trial_record(*row) for row in session.execute(query).all()]

    @patient
    def history(self, study: str) -> list[FrontEvent]:
        """Return who entered a study's front and who left it, oldest first."""
        with self.reading() as session:
            query = (
                sa.select(FrontRow)
                .join(StudyRow, StudyRow.id == FrontRow.study_id)
                .where(StudyRow.name == study)
                .order_by(FrontRow.id)
            )
            return front_events(session.scalars(query).all())

    @patient
    def front_points(self, study: str) -> list[FrontPoint]:
        """Return the points of a study's front."""
        with self.reading() as session:
            return front_points(session, study_row(session, study).id)

    @patient
    def hypervolume(self, study: str) -> float:
        """Return the present hypervolume of a study's front; 0 without a front."""
        with self.reading() as session:
            query = (
                sa.select(FrontRow.hypervolume)
                .join(StudyRow, StudyRow.id == FrontRow.study_id)
                .where(StudyRow.name == study)
                .order_by(FrontRow.id.desc())
                .limit(1)
            )
            return session.scalar(query) or 0.0
