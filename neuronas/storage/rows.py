"""Between rows of our tables and the records that everybody else reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.architecture import Architecture
from neuronas.config import StudyConfig
from neuronas.records import (
    Candidate,
    CandidateState,
    CostRecord,
    Evaluation,
    EvaluationKey,
    Provenance,
    Stated,
    StudyRecord,
    Trial,
)
from neuronas.storage.queries import trained_at_last_gain
from neuronas.storage.tables import (
    MEASURED,
    CandidateRow,
    CostRow,
    EvaluationRow,
    MeasuredCostRow,
    StudyRow,
)

_EVALUATED = (CandidateState.COMPLETE, CandidateState.EXCEEDED)


def study_record(session: Session, row: StudyRow) -> StudyRecord:
    """Return a study with the number of its trials per state."""
    query = (
        sa.select(
            CandidateRow.state,
            CandidateRow.newly_trained,
            sa.func.count(),
            sa.func.sum(CandidateRow.epochs_trained),
        )
        .where(CandidateRow.study_id == row.id)
        .group_by(CandidateRow.state, CandidateRow.newly_trained)
    )
    counts = dict.fromkeys(("trained", "reused", *CandidateState), 0)
    epochs = 0.0
    for state, newly_trained, count, trained in session.execute(query):
        counts[state] += count
        epochs += trained
        if state in _EVALUATED:
            counts["trained" if newly_trained else "reused"] += count
    reasons = sa.select(CandidateRow.reason).where(
        CandidateRow.study_id == row.id, CandidateRow.state == CandidateState.FAILED
    )
    failures = Counter((reason or "").partition(":")[0] for reason in session.scalars(reasons))
    return StudyRecord(
        name=row.name,
        config=StudyConfig.model_validate(row.config),
        target_trials=row.target_trials,
        reference=row.reference,
        drawn=row.drawn,
        rejected=row.rejected,
        rejections=row.rejections,
        state=row.state,
        created_at=row.created_at.replace(tzinfo=UTC),
        counts=counts,
        failures=failures,
        stated=_stated(session, row),
        epochs=epochs,
        wall_seconds=row.wall_seconds,
        environment=row.environment or {},
        since_gain=counts["trained"] - trained_at_last_gain(session, row.id),
    )


def _stated(session: Session, row: StudyRow) -> Stated:
    query = sa.select(CandidateRow.feasible_probability, CandidateRow.state).where(
        CandidateRow.study_id == row.id,
        CandidateRow.state.in_(_EVALUATED),
        CandidateRow.feasible_probability.is_not(None),
    )
    found = session.execute(query).all()
    return Stated(
        networks=len(found),
        exceeded=sum(state == CandidateState.EXCEEDED for _, state in found),
        expected=sum(1 - probability for probability, _ in found if probability is not None),
    )


def evaluation_values(e: Evaluation, study_id: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a new evaluation."""
    return {
        "study_id": study_id,
        "training_digest": e.key.digest,
        "epochs": e.key.epochs,
        "seed": e.key.seed,
        "validation_accuracy": e.validation_accuracy,
        "test_accuracy": e.test_accuracy,
        "spike_rates": dict(e.spike_rates),
        "zero_inputs": None if e.zero_inputs is None else dict(e.zero_inputs),
        "train_seconds": e.train_seconds,
        "peak_memory_bytes": e.peak_memory_bytes,
        "weights_path": e.weights_path.as_posix(),
        "weights_sha256": e.weights_sha256,
        "device": e.provenance.device,
        "threads": e.provenance.threads,
        "split": e.provenance.split,
        "versions": dict(e.provenance.versions),
        "created_at": now,
    }


def evaluation_record(row: EvaluationRow) -> Evaluation:
    """Return the evaluation in a row."""
    return Evaluation(
        key=EvaluationKey(row.training_digest, row.epochs, row.seed),
        validation_accuracy=row.validation_accuracy,
        test_accuracy=row.test_accuracy,
        spike_rates=row.spike_rates,
        zero_inputs=row.zero_inputs,
        train_seconds=row.train_seconds,
        peak_memory_bytes=row.peak_memory_bytes,
        weights_path=Path(row.weights_path),
        weights_sha256=row.weights_sha256,
        provenance=Provenance(row.device, row.threads, row.split, row.versions),
    )


def trial_record(
    row: CandidateRow,
    cost: CostRow,
    measured: MeasuredCostRow | None,
    evaluation: EvaluationRow | None,
) -> Trial:
    """Return a candidate with its cost and, once trained, its measured cost and evaluation."""
    values: dict[str, Any] = {name: getattr(cost, name) for name in CostRecord.__dataclass_fields__}
    assumed = CostRecord(**values)
    return Trial(
        candidate=Candidate(
            row.trial_number,
            Architecture.from_json(row.genotype),
            row.training_digest,
            row.deployment_digest,
            row.chip,
            row.retry_of,
            row.feasible_probability,
        ),
        state=CandidateState(row.state),
        reason=row.reason,
        newly_trained=row.newly_trained,
        cost=assumed,
        measured_cost=None
        if measured is None
        else replace(assumed, **{name: getattr(measured, name) for name in MEASURED}),
        evaluation=None if evaluation is None else evaluation_record(evaluation),
        deaths=row.deaths,
    )
