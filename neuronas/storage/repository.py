"""Reading and writing our tables; records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
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
    FrontEvent,
    FrontPoint,
    Rung,
    StudyRecord,
    Trial,
)
from neuronas.storage.fronts import UpdateFront, front_after, front_events, front_points
from neuronas.storage.queries import candidate_row, evaluation_with, study_row, trials_of
from neuronas.storage.rows import (
    evaluation_record,
    evaluation_row,
    study_record,
    trial_record,
)
from neuronas.storage.rungs import accuracies, last_rung, needless, rung_row
from neuronas.storage.sessions import Sessions
from neuronas.storage.tables import (
    MEASURED,
    CandidateRow,
    CostRow,
    FrontRow,
    MeasuredCostRow,
    ScoreRow,
    StudyRow,
)
from neuronas.storage.urls import shown_url


class Repository(Sessions):
    """Our tables of one database."""

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
            raise StorageError(
                f"no study '{name}' in {shown_url(self.url)}; studies there: {known}"
            )
        return found

    def studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""
        with self._reading() as session:
            rows = session.scalars(sa.select(StudyRow).order_by(StudyRow.id))
            return [study_record(session, row) for row in rows]

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
            row = study_row(session, name)
            if config is not None:
                row.config = config.model_dump(mode="json")
                row.config_digest = config.digest()
            row.target_trials = target_trials or row.target_trials
            row.state = state or row.state

    def add_wall_seconds(self, name: str, seconds: float) -> None:
        """Add to the time that a study was searched."""
        with self._writing() as session:
            row = study_row(session, name)
            row.wall_seconds += seconds

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
            owner = study_row(session, study)
            owner.drawn += drawn
            owner.rejected += rejected
            owner.rejections = {
                reason: owner.rejections.get(reason, 0) + rejections.get(reason, 0)
                for reason in owner.rejections.keys() | rejections.keys()
            }
            row = CandidateRow(
                study_id=owner.id,
                trial_number=candidate.trial_number,
                genotype=candidate.architecture.to_json(),
                chip=dict(candidate.chip),
                training_digest=candidate.training_digest,
                deployment_digest=candidate.deployment_digest,
                state=CandidateState.RUNNING,
                retry_of=candidate.retry_of,
                feasible_probability=candidate.feasible_probability,
                created_at=self._time(),
            )
            session.add(row)
            session.flush()
            session.add(CostRow(candidate_id=row.id, **asdict(cost)))

    def finish_candidate(
        self,
        study: str,
        trial_number: int,
        state: CandidateState,
        reason: str | None,
        *,
        epochs: float = 0.0,
    ) -> None:
        """Store the end of a candidate that has no evaluation.

        Args:
            study: Name of the study.
            trial_number: Number of the trial.
            state: What became of it.
            reason: Why.
            epochs: Epochs that it was trained, as far as known; those of its rungs count anyway.
        """
        with self._writing() as session:
            row = candidate_row(session, study, trial_number)
            row.state, row.reason, row.finished_at = state, reason, self._time()
            row.epochs_trained = max(row.epochs_trained, epochs)

    def complete_candidate(
        self,
        study: str,
        trial_number: int,
        evaluation: Evaluation,
        cost: CostRecord,
        update_front: UpdateFront,
    ) -> tuple[bool, FrontChange]:
        """Store an evaluated candidate and update the front, in one transaction.

        Args:
            study: Name of the study.
            trial_number: Number of the trial.
            evaluation: Its evaluation; if one with this key is stored already, that one is kept.
            cost: Its cost at the spike rates of that evaluation.
            update_front: Given the present front, says what the new point changes.

        Returns:
            Whether the evaluation is new, and what happened to the front.
        """
        with self._writing() as session:
            row = self._evaluated(session, study, trial_number, evaluation, cost)
            row.state = CandidateState.COMPLETE
            change = front_after(session, row, update_front, self._time())
            return row.newly_trained, change

    def exceed_candidate(
        self, study: str, trial_number: int, evaluation: Evaluation, cost: CostRecord, reason: str
    ) -> bool:
        """Store an evaluated candidate whose measured cost breaks a budget; the front is left.

        Args:
            study: Name of the study.
            trial_number: Number of the trial.
            evaluation: Its evaluation, as for :meth:`complete_candidate`.
            cost: Its cost at the spike rates of that evaluation.
            reason: Which budgets it breaks, and by how much.

        Returns:
            Whether the evaluation is new.
        """
        with self._writing() as session:
            row = self._evaluated(session, study, trial_number, evaluation, cost)
            row.state, row.reason = CandidateState.EXCEEDED, reason
            return row.newly_trained

    def _evaluated(
        self,
        session: Session,
        study: str,
        trial_number: int,
        evaluation: Evaluation,
        cost: CostRecord,
    ) -> CandidateRow:
        """Return the row of a candidate, given its evaluation and its measured cost."""
        row = candidate_row(session, study, trial_number)
        stored = session.scalar(evaluation_with(evaluation.key))
        if stored is None:
            stored = evaluation_row(evaluation, row.study_id, self._time())
            session.add(stored)
            session.flush()
            row.newly_trained = True
            row.epochs_trained = evaluation.key.epochs
        row.evaluation_id, row.finished_at = stored.id, self._time()
        session.add(MeasuredCostRow(candidate_id=row.id, **{n: getattr(cost, n) for n in MEASURED}))
        return row

    # Trainings that pause

    def pause_candidate(self, study: str, trial_number: int, rung: Rung) -> None:
        """Store a rung that a candidate's training has finished, and that it pauses there."""
        with self._writing() as session:
            row = candidate_row(session, study, trial_number)
            session.add(rung_row(rung, row.id, self._time()))
            row.state, row.epochs_trained = CandidateState.PAUSED, rung.epochs

    def take_up_candidate(self, study: str, trial_number: int) -> Rung | None:
        """Store that a paused candidate is trained on; return from where, if that is kept."""
        with self._writing() as session:
            row = candidate_row(session, study, trial_number)
            row.state = CandidateState.RUNNING
            return last_rung(session, row)

    def put_back_candidate(self, study: str, trial_number: int, *, died: bool) -> None:
        """Store that a candidate's training pauses where it did before, after a death or a stop."""
        with self._writing() as session:
            row = candidate_row(session, study, trial_number)
            row.state = CandidateState.PAUSED
            row.deaths += died

    def last_rung(self, study: str, trial_number: int) -> Rung | None:
        """Return where a candidate's training paused last, if its state is kept."""
        with self._reading() as session:
            return last_rung(session, candidate_row(session, study, trial_number))

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
            row = session.scalar(evaluation_with(key))
            return None if row is None else evaluation_record(row)

    def add_evaluation(self, study: str, evaluation: Evaluation) -> None:
        """Store an evaluation of a study's network, unless one with its key is stored already."""
        with self._writing() as session:
            if session.scalar(evaluation_with(evaluation.key)) is None:
                owner = study_row(session, study)
                session.add(evaluation_row(evaluation, owner.id, self._time()))

    def set_test_accuracy(self, key: EvaluationKey, accuracy: float) -> None:
        """Store the test accuracy of an evaluation."""
        with self._writing() as session:
            row = session.scalars(evaluation_with(key)).one()
            row.test_accuracy = accuracy

    # Scores of untrained networks

    def scores(self, context: str) -> dict[str, float]:
        """Return the scores of a context by network, from any study; minus infinity is one too."""
        with self._reading() as session:
            query = sa.select(ScoreRow.network, ScoreRow.score).where(ScoreRow.context == context)
            return {row.network: row.score for row in session.execute(query)}

    def add_scores(self, context: str, scores: Mapping[str, float]) -> None:
        """Store scores of networks; of a network that has one already, that one is kept."""
        with self._writing() as session:
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

    def trials(self, study: str) -> list[Trial]:
        """Return all trials of a study, by number."""
        with self._reading() as session:
            rows = session.execute(trials_of(study)).all()
            return [trial_record(*row) for row in rows]

    def find_trial(self, study: str, trial_number: int) -> Trial | None:
        """Return one trial, or None."""
        with self._reading() as session:
            query = trials_of(study).where(CandidateRow.trial_number == trial_number)
            row = session.execute(query).one_or_none()
            return None if row is None else trial_record(*row)

    def front(self, study: str) -> list[Trial]:
        """Return the trials on a study's front, by number."""
        with self._reading() as session:
            query = trials_of(study).join(
                FrontRow,
                sa.and_(
                    FrontRow.study_id == CandidateRow.study_id,
                    FrontRow.trial_number == CandidateRow.trial_number,
                    FrontRow.left_at.is_(None),
                ),
            )
            return [trial_record(*row) for row in session.execute(query).all()]

    def history(self, study: str) -> list[FrontEvent]:
        """Return who entered a study's front and who left it, oldest first."""
        with self._reading() as session:
            query = (
                sa.select(FrontRow)
                .join(StudyRow, StudyRow.id == FrontRow.study_id)
                .where(StudyRow.name == study)
                .order_by(FrontRow.id)
            )
            return front_events(session.scalars(query).all())

    def front_points(self, study: str) -> list[FrontPoint]:
        """Return the points of a study's front."""
        with self._reading() as session:
            return front_points(session, study_row(session, study).id)

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
