"""What a worker is about to begin, and why it may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from optuna.distributions import BaseDistribution

from neuronas.records import Candidate, CostRecord, Standing


class Refusal(StrEnum):
    """Why no trial began."""

    FULL = "those that run may be all that the study still asks for"
    OVER = "the study was stopped, by somebody or by a rule"
    TAKEN = "another worker has begun it"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn, and turned away, to find a candidate."""

    drawn: int
    rejected: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate that is to be a trial.

    Attributes:
        values: Its parameters.
        distributions: Of the parameters.
        attributes: User attributes of the trial.
        candidate: It; :meth:`Ledger.begin` gives it its number.
        cost: At assumed spike rates.
        drawn: What was drawn to find it.
    """

    values: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    attributes: Mapping[str, Any]
    candidate: Candidate
    cost: CostRecord
    drawn: Drawn


IsOver = Callable[[Standing], bool]
"""Whether a rule stops a study that stands so."""
