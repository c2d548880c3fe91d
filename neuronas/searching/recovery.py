"""Taking up what an interruption left of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from neuronas.architecture import SearchSpace
from neuronas.records import CandidateState, Trial
from neuronas.searching.attributes import FEASIBLE_PROBABILITY, RUNGS
from neuronas.searching.objectives import objective_values
from neuronas.searching.pausing import Pausing
from neuronas.storage import (
    RETRY_OF,
    ReopenedTrial,
    Repository,
    chosen_values,
    enqueue_again,
    unfinished_trials,
)

ATTEMPTS = 3
"""Deaths of its process after which a candidate is given up."""

DIED, STOPPED = "process died", "stopped"
CHANGED = "its training was changed while it paused"
UNFINISHED = (CandidateState.RUNNING, CandidateState.PAUSED)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is known of one study's trials, here and in Optuna.

    Attributes:
        study: Optuna's study.
        repository: Our tables.
        space: The search space.
        objectives: Of the study.
        pausing: Its trainings that pause.
    """

    study: optuna.Study
    repository: Repository
    space: SearchSpace
    objectives: Sequence[str]
    pausing: Pausing

    def take_up(self, reason: str) -> None:
        """Finish what was decided but not told to Optuna, and queue again what was not.

        Args:
            reason: ``DIED`` or ``STOPPED``.
        """
        self.pausing.load()
        for frozen in unfinished_trials(self.study):
            stored = self.repository.find_trial(self.study.study_name, frozen.number)
            if stored is not None and stored.state not in UNFINISHED:
                self._tell_again(stored)
                continue
            number, values = frozen.number, chosen_values(frozen)
            kept = {n: v for n, v in frozen.user_attrs.items() if n == FEASIBLE_PROBABILITY}
            if stored is not None:
                paused = stored.state == CandidateState.PAUSED
                again = paused or reason == STOPPED or self._deaths(stored) < ATTEMPTS - 1
                key = self.pausing.key_of(self.pausing.digest_of(stored.candidate.architecture))
                if again and self.pausing.may_go_on(number, key):
                    shown = self.pausing.put_back(stored, died=reason == DIED)
                    if frozen.user_attrs.get(RUNGS) != shown:
                        ReopenedTrial(self.study, number).set_user_attr(RUNGS, shown)
                    continue
                if again:
                    enqueue_again(self.study, values, instead_of=number, retry_of=number, kept=kept)
                given_up = f"{reason} {ATTEMPTS} times on this candidate"
                self.repository.finish_candidate(
                    self.study.study_name,
                    number,
                    CandidateState.INTERRUPTED if again else CandidateState.FAILED,
                    CHANGED if paused else reason if again else given_up,
                )
            elif {p.name for p in self.space.searched} <= values.keys():
                retry_of = frozen.user_attrs.get(RETRY_OF)
                enqueue_again(self.study, values, instead_of=number, retry_of=retry_of, kept=kept)
            self.study.tell(number, state=TrialState.FAIL)
        self.pausing.load()

    def _tell_again(self, stored: Trial) -> None:
        number = stored.candidate.trial_number
        if stored.state == CandidateState.COMPLETE and stored.evaluation is not None:
            accuracy = stored.evaluation.validation_accuracy
            cost = stored.known_cost.quantities
            values = objective_values(self.objectives, accuracy, cost)
            self.study.tell(number, list(values.values()))
        else:
            pruned = stored.state in (CandidateState.PRUNED, CandidateState.EXCEEDED)
            self.study.tell(number, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def _deaths(self, stored: Trial) -> int:
        """Return how many attempts at a candidate, but this one, ended with their process."""
        deaths = stored.deaths
        retry_of = stored.candidate.retry_of
        while retry_of is not None:
            earlier = self.repository.find_trial(self.study.study_name, retry_of)
            if earlier is None:
                break
            deaths += earlier.deaths + (earlier.reason == DIED)
            retry_of = earlier.candidate.retry_of
        return deaths
