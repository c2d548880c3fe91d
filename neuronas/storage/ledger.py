"""Trials of a study, begun and ended: our rows and Optuna's, in one transaction each.

Every transaction holds the study's row, so that a study's trials are counted, compared and told
one after the other, and begins by asking whether this worker still holds the trial that it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState
from optuna.trial import Trial as OptunaTrial
from sqlalchemy.orm import Session

from neuronas.errors import LeaseLostError
from neuronas.records import (
    Candidate,
    CandidateState,
    CostRecord,
    Evaluation,
    Rung,
    Standing,
    Worker,
)
from neuronas.storage.beginning import add_candidate, count_drawn
from neuronas.storage.bridge import RUNGS, Handle, SharedStudy, handle_of, is_retry
from neuronas.storage.clock import now_s
from neuronas.storage.evaluations import add_evaluation
from neuronas.storage.fronts import UpdateFront, front_after
from neuronas.storage.patience import patient
from neuronas.storage.proposals import IsOver, Proposal, Refusal
from neuronas.storage.queries import (
    candidate_row,
    count_time,
    locked_candidate,
    locked_study,
    standing,
)
from neuronas.storage.rungs import accuracies_of, add_rung, last_rung
from neuronas.storage.tables import MEASURED, CandidateRow, MeasuredCostRow, StudyRow
from neuronas.storage.workers import LEASE_SECONDS, Workers

STOPPED = "stopped"


@dataclass(slots=True)
class Ledger:
    """What one worker begins and ends of one study.

    Attributes:
        tables: Our tables.
        shared: Optuna's study.
        worker: The worker.
        lease_seconds: For how long it may be silent.
        last: How far the study was when this worker last began, or tried to.
    """

    tables: Workers
    shared: SharedStudy
    worker: Worker
    lease_seconds: float = LEASE_SECONDS
    last: Standing = field(init=False)

    @property
    def patience_seconds(self) -> float:
        """For how long to wait for the database while it is away."""
        return self.tables.patience_seconds

    @patient
    def standing(self) -> Standing:
        """Return how far the study is; time is counted until now."""
        with self.tables.writing() as session:
            owner = self._study(session)
            self.last = standing(session, owner)
            count_time(owner)
            return self.last

    @patient
    def trials(self) -> list[FrozenTrial]:
        """Return all trials as Optuna has them, by number; they are not to be changed."""
        # Joined, Optuna does not commit what it has only read.
        with self.tables.reading() as session, self.shared.joined(session.connection()):
            return self.shared.study.get_trials(deepcopy=False)

    # Beginning

    def begin(self, proposal: Proposal, is_over: IsOver) -> Handle | Refusal:
        """Begin a trial, if the study still asks for one and nobody else has begun its like.

        Its parameters follow in a transaction of their own, which does not hold the study.
        """
        tried = list[Handle]()
        begun = self._begin(proposal, is_over, tried)
        if isinstance(begun, Handle):
            self._describe(begun, proposal, tried)
        return begun

    @patient
    def _begin(self, proposal: Proposal, is_over: IsOver, tried: list[Handle]) -> Handle | Refusal:
        with self.tables.writing(self.shared) as session:
            owner = self._study(session)
            refusal = self._refusal(session, owner, is_over, proposal.candidate)
            if refusal is Refusal.TAKEN and self.last.held is not None:
                # The answer to the commit got lost by which this worker began it.
                tried.append(self.shared.handle(self.last.held))
                return tried[0]
            if refusal is not None:
                return refusal
            created = self.shared.create()
            number = self._add(session, owner, proposal, self.shared.number_of(created))
            return Handle(number, created, is_trained=self.last.is_trained)

    @patient
    def _describe(self, handle: Handle, proposal: Proposal, tried: list[Handle]) -> None:
        with self.tables.writing(self.shared):
            again, tried[:] = bool(tried), [handle]
            self.shared.describe(
                handle,
                proposal.values,
                proposal.distributions,
                proposal.attributes,
                again=again,
            )

    def begin_asked(
        self,
        describe: Callable[[OptunaTrial], Proposal],
        waiting: FrozenTrial | None,
        is_over: IsOver,
    ) -> Handle | Refusal:
        """Begin a trial that waits, or one that Optuna makes.

        Args:
            describe: Returns what a trial proposes; its parameters and attributes are written by
                it, and of what is returned only the candidate, cost and draws are.
            waiting: The trial that waits; one that somebody asked for is begun whatever the study
                still asks for. None for a new one.
            is_over: Whether a rule stops the study.
        """
        return self._begin_asked(describe, waiting, is_over, [])

    @patient
    def _begin_asked(
        self,
        describe: Callable[[OptunaTrial], Proposal],
        waiting: FrozenTrial | None,
        is_over: IsOver,
        tried: list[Handle],
    ) -> Handle | Refusal:
        """Begin a trial as :meth:`begin_asked` says, unless it is the last that was tried."""
        with self.tables.writing(self.shared) as session:
            owner = self._study(session)
            if tried and self._holds(session, owner, tried[-1].number):
                return tried[-1]
            if waiting is None or is_retry(waiting.user_attrs):
                refusal = self._refusal(session, owner, is_over)
                if refusal is not None:
                    return refusal
            trial = self.shared.ask() if waiting is None else self.shared.taken(waiting)
            if trial is None:
                return Refusal.TAKEN
            self._add(session, owner, describe(trial), trial.number)
            tried.append(handle_of(trial))
            return tried[-1]

    @patient
    def take_up(self, number: int, is_over: IsOver) -> tuple[Handle, Rung | None] | Refusal:
        """Go on with a paused trial; return it, and from where, if that is kept."""
        with self.tables.writing(self.shared) as session:
            owner = self._study(session)
            row = candidate_row(session, owner.name, number)
            if not self._holds(session, owner, number):
                refusal = self._refusal(session, owner, is_over)
                if refusal is not None:
                    return refusal
                if row.state != CandidateState.PAUSED:
                    return Refusal.TAKEN
                row.state, row.worker_id = CandidateState.RUNNING, self.worker.id
                row.lease_expires_s = now_s() + self.lease_seconds
            return self.shared.handle(number), last_rung(session, row)

    def _holds(self, session: Session, owner: StudyRow, number: int) -> bool:
        """Return whether this worker holds a trial, as where the answer to a commit got lost."""
        held = sa.select(CandidateRow.id).where(
            CandidateRow.study_id == owner.id,
            CandidateRow.trial_number == number,
            CandidateRow.worker_id == self.worker.id,
            CandidateRow.state == CandidateState.RUNNING,
        )
        return session.scalar(held) is not None

    def _refusal(
        self,
        session: Session,
        owner: StudyRow,
        is_over: IsOver,
        candidate: Candidate | None = None,
    ) -> Refusal | None:
        """Return why no trial may begin, if so; a candidate of a proposal is begun once."""
        self.last = now = standing(session, owner, self.worker.id, candidate)
        if now.begun:
            return Refusal.TAKEN
        if owner.state == STOPPED or is_over(now):
            return Refusal.OVER
        return Refusal.FULL if now.trained + now.running >= now.target_trials else None

    def _add(
        self,
        session: Session,
        owner: StudyRow,
        proposal: Proposal,
        number: int | sa.ScalarSelect[int],
    ) -> int:
        """Store a candidate that this worker holds; return the number of its trial."""
        count_drawn(owner, proposal.drawn)
        count_time(owner)
        held = {
            "worker_id": self.worker.id,
            "lease_expires_s": now_s() + self.lease_seconds,
            "created_at": self.tables.time(),
        }
        return add_candidate(session, owner.id, proposal, trial_number=number, **held)

    # Ending

    def complete(
        self,
        handle: Handle,
        evaluation: Evaluation,
        cost: CostRecord,
        values: Sequence[float],
        attributes: Mapping[str, Any],
        update_front: UpdateFront,
    ) -> tuple[bool, bool]:
        """End a trial that was evaluated and is within all budgets, and update the front.

        Args:
            handle: The trial.
            evaluation: Its evaluation; if one with this key is stored already, that one is kept.
            cost: Its cost at the spike rates of that evaluation.
            values: Of the objectives.
            attributes: User attributes of the trial.
            update_front: Given the present front, says what the new point changes.

        Returns:
            Whether the evaluation is newly trained, and whether the trial enters the front.

        Raises:
            LeaseLostError: The trial is somebody else's by now.
        """
        told = (handle, evaluation, cost, values, attributes, update_front)
        return self._complete(*told, tried=[])

    @patient
    def _complete(
        self,
        handle: Handle,
        evaluation: Evaluation,
        cost: CostRecord,
        values: Sequence[float],
        attributes: Mapping[str, Any],
        update_front: UpdateFront,
        tried: list[Handle],
    ) -> tuple[bool, bool]:
        with self.tables.writing(self.shared) as session:
            if tried:
                row = self._held(session, handle)
                if row.state == CandidateState.COMPLETE:
                    return row.newly_trained, False
            tried[:] = [handle]
            # Optuna's part does not need the study to be held, and takes longest.
            self._tell(handle, TrialState.COMPLETE, cost, values, attributes)
            row = self._held(session, handle)
            self._evaluated(session, row, evaluation, cost)
            row.state = CandidateState.COMPLETE
            change = front_after(session, row, update_front, self.tables.time())
            return row.newly_trained, change.enters

    @patient
    def exceed(
        self,
        handle: Handle,
        evaluation: Evaluation,
        cost: CostRecord,
        reason: str,
        attributes: Mapping[str, Any],
    ) -> bool:
        """End a trial whose measured cost breaks a budget, for a reason; the front is left.

        The other arguments and errors are those of :meth:`complete`.

        Returns:
            Whether the evaluation is newly trained.
        """
        with self.tables.writing(self.shared) as session:
            row = self._held(session, handle)
            if row.state != CandidateState.EXCEEDED:
                self._evaluated(session, row, evaluation, cost)
                row.state, row.reason = CandidateState.EXCEEDED, reason
                self._tell(handle, TrialState.PRUNED, cost, None, attributes)
            return row.newly_trained

    @patient
    def end(
        self,
        handle: Handle,
        state: CandidateState,
        reason: str,
        cost: CostRecord,
        attributes: Mapping[str, Any],
        *,
        epochs: float = 0.0,
        paused: bool = False,
    ) -> None:
        """End a trial that has no evaluation, at the cost that was assumed.

        Args:
            handle: The trial.
            state: ``pruned`` or ``failed``.
            reason: Why.
            cost: At assumed spike rates.
            attributes: User attributes of the trial.
            epochs: Epochs that it was trained, as far as known; those of its rungs count anyway.
            paused: Whether it is one that nobody holds, as it pauses.

        Raises:
            LeaseLostError: The trial is somebody else's by now.
        """
        with self.tables.writing(self.shared) as session:
            row = self._paused(session, handle) if paused else self._held(session, handle)
            if row.state == state:
                return
            row.state, row.reason, row.finished_at = state, reason, self.tables.time()
            row.epochs_trained = max(row.epochs_trained, epochs)
            row.lease_expires_s = None
            pruned = state == CandidateState.PRUNED
            self._tell(
                handle, TrialState.PRUNED if pruned else TrialState.FAIL, cost, None, attributes
            )

    @patient
    def pause(self, handle: Handle, rung: Rung) -> None:
        """Store a rung that a trial's training has finished, and that it pauses there.

        Raises:
            LeaseLostError: The trial is somebody else's by now.
        """
        with self.tables.writing(self.shared) as session:
            row = self._held(session, handle)
            add_rung(session, rung, row.id, self.tables.time())
            row.state, row.epochs_trained = CandidateState.PAUSED, rung.epochs
            row.lease_expires_s = None
            self.shared.set_attributes(handle, {RUNGS: accuracies_of(session, row)})

    def _held(self, session: Session, handle: Handle) -> CandidateRow:
        """Return the row of a trial that this worker holds, or was the one to end."""
        row = locked_candidate(session, self.worker.study, handle.number)
        if row.worker_id != self.worker.id or row.state == CandidateState.INTERRUPTED:
            raise LeaseLostError(
                f"trial {handle.number} of '{self.worker.study}' is not this worker's any more: "
                f"it was silent for {self.lease_seconds:g} s or more"
            )
        return row

    def _paused(self, session: Session, handle: Handle) -> CandidateRow:
        row = locked_candidate(session, self.worker.study, handle.number)
        if row.state != CandidateState.PAUSED:
            raise LeaseLostError(
                f"trial {handle.number} of '{self.worker.study}' does not pause any more"
            )
        return row

    def _evaluated(
        self, session: Session, row: CandidateRow, evaluation: Evaluation, cost: CostRecord
    ) -> None:
        """Give a candidate its evaluation and its measured cost."""
        stored, new = add_evaluation(session, evaluation, row.study_id, self.tables.time())
        if new:
            row.newly_trained, row.epochs_trained = True, evaluation.key.epochs
        row.evaluation_id, row.finished_at = stored, self.tables.time()
        row.lease_expires_s = None
        measured = {name: getattr(cost, name) for name in MEASURED}
        session.add(MeasuredCostRow(candidate_id=row.id, **measured))

    def _tell(
        self,
        handle: Handle,
        state: TrialState,
        cost: CostRecord,
        values: Sequence[float] | None,
        attributes: Mapping[str, Any],
    ) -> None:
        self.shared.finish(
            handle, state, values, constraints=cost.constraints, attributes=attributes
        )

    def _study(self, session: Session) -> StudyRow:
        return locked_study(session, self.worker.study)
