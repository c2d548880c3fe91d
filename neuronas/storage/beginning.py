"""Rows of a candidate that begins."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from neuronas.records import CandidateState, CostRecord
from neuronas.storage.proposals import Drawn, Proposal
from neuronas.storage.tables import CandidateRow, CostRow, StudyRow


def count_drawn(study: StudyRow, drawn: Drawn) -> None:
    """Count what was drawn to find a candidate."""
    study.drawn += drawn.drawn
    study.rejected += drawn.rejected
    study.rejections = {
        reason: study.rejections.get(reason, 0) + drawn.reasons.get(reason, 0)
        for reason in study.rejections.keys() | drawn.reasons.keys()
    }


def add_candidate(
    session: Session,
    study_id: int,
    proposal: Proposal,
    **columns: Any,  # noqa: ANN401 - values, or what the database works out
) -> int:
    """Store a candidate that runs from now on, and its cost.

    Args:
        session: A session that writes.
        study_id: Its study.
        proposal: It.
        columns: Its other columns: number of the trial, worker, lease, time.

    Returns:
        Number of its trial.
    """
    candidate = proposal.candidate
    # As one statement, which also returns what the database works out.
    inserted = sa.insert(CandidateRow).values(
        study_id=study_id,
        genotype=candidate.architecture.to_json(),
        chip=dict(candidate.chip),
        training_digest=candidate.training_digest,
        deployment_digest=candidate.deployment_digest,
        state=CandidateState.RUNNING,
        retry_of=candidate.retry_of,
        feasible_probability=candidate.feasible_probability,
        parameters=dict(proposal.values),
        **columns,
    )
    returned = inserted.returning(CandidateRow.id, CandidateRow.trial_number)
    row_id, number = session.execute(returned).one()
    cost = {name: getattr(proposal.cost, name) for name in CostRecord.__dataclass_fields__}
    session.add(CostRow(candidate_id=row_id, **cost))
    return int(number)
