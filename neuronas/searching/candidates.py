"""One candidate's way: costed, begun as a trial, trained to its next rung or its end, told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

from neuronas import interrupts
from neuronas.architecture import Architecture, deployment_digest
from neuronas.config import StudyConfig
from neuronas.errors import LeaseLostError, RepeatedFailureError, TrainingFailedError
from neuronas.hardware import NO_ROOM, Chip, SpikeRates, broken, estimate
from neuronas.records import Candidate, CandidateState, CostRecord, Evaluation, Rung
from neuronas.searching.advice import advice
from neuronas.searching.attributes import (
    COST,
    FEASIBLE_PROBABILITY,
    MEASURED,
    MEASURED_COST,
    REASON,
    SPIKE_RATES,
    TRAINED_ACCURACY,
    feasible_probability,
)
from neuronas.searching.heartbeat import Heartbeat
from neuronas.searching.objectives import front_change, objective_values
from neuronas.searching.pausing import Pausing
from neuronas.searching.progress import Report
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.spool import Spool
from neuronas.storage import RETRY_OF, Drawn, Handle, Ledger, Proposal, Repository

FAILURES_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Begun:
    """A trial that this worker holds.

    Attributes:
        handle: The trial.
        genes: Its genotype, shape ``(G,)``.
        candidate: It.
        cost: At assumed spike rates.
        since: Where its training paused, if it did and that is kept.
        at_once: Whether to train it to its end whatever the rungs are.
        is_feasible: Whether it is known to be in the region; what somebody enqueues may not fit.
    """

    handle: Handle
    genes: NDArray[np.int64]
    candidate: Candidate
    cost: CostRecord
    since: Rung | None = None
    at_once: bool = False
    is_feasible: bool = False


@dataclass(slots=True)
class CandidateRunner:
    """Takes candidates of one study through, for one worker.

    Attributes:
        config: The study.
        repository: Our tables.
        ledger: Where trials are begun and ended.
        sampler: The gated sampler.
        pausing: The study's trainings that pause.
        heartbeat: Renews the lease of what is trained.
        spool: Where results wait until they are told.
        report: Told what happens.
        reference: Worst value per objective, from which hypervolume is measured.
        release: Gives back what this worker holds, if anything.
        trained: Networks that this worker trained newly.
    """

    config: StudyConfig
    repository: Repository
    ledger: Ledger
    sampler: GatedSampler
    pausing: Pausing
    heartbeat: Heartbeat
    spool: Spool
    report: Report
    reference: Mapping[str, float]
    release: Callable[[], object]
    trained: int = 0
    _failures: dict[int, TrainingFailedError] = field(default_factory=dict)

    @property
    def _region(self) -> FeasibleRegion:
        return self.sampler.region

    def proposal(self, genes: NDArray[np.int64], attributes: Mapping[str, Any]) -> Proposal:
        """Return a genotype, shape ``(G,)``, as a candidate that is costed at assumed rates.

        Args:
            genes: The genotype.
            attributes: User attributes that the sampler gives its trial.
        """
        space = self._region.space
        architecture = space.decode(genes[None])[0]
        chip = self._region.chip_for(genes)
        cost = self._cost(architecture, chip, self.config.hardware.spike_rate)
        training = self.pausing.digest_of(architecture)
        tally = self._region.take_tally()
        return Proposal(
            values=space.values(genes),
            distributions=self.sampler.distributions,
            attributes={**attributes, COST: dict(cost.quantities)},
            candidate=Candidate(
                trial_number=-1,
                architecture=architecture,
                training_digest=training,
                deployment_digest=deployment_digest(training, chip.to_json()),
                chip={p.name: getattr(chip.settings, p.name) for p in space.chip_parameters},
                feasible_probability=feasible_probability(attributes),
            ),
            cost=cost,
            drawn=Drawn(tally.drawn, tally.rejected, +tally.reasons),
        )

    def described(self, trial: optuna.Trial) -> tuple[NDArray[np.int64], Proposal]:
        """Return the genotype and the proposal that a trial of Optuna's is; it gets its values."""
        genes = self._region.space.suggest(trial)[0]
        stated = feasible_probability(trial.user_attrs)
        known = {} if stated is None else {FEASIBLE_PROBABILITY: stated}
        proposal = self.proposal(genes, known)
        # What a sampler sets on its own copy of the trial, Optuna does not store.
        for name, value in proposal.attributes.items():
            trial.set_user_attr(name, value)
        numbered = replace(
            proposal.candidate,
            trial_number=trial.number,
            retry_of=trial.user_attrs.get(RETRY_OF),
        )
        return genes, replace(proposal, candidate=numbered)

    def go_through(self, begun: Begun) -> None:
        """Take a trial to its end or its next rung.

        Raises:
            RepeatedFailureError: Five candidates failed in a row.
            StorageError: The database cannot be used, or not for longer than workers wait.
        """
        self.heartbeat.holding = begun.handle.number
        try:
            if not (begun.is_feasible or self._region.assess(begun.genes[None]).fits[0]):
                self.end(begun.handle, CandidateState.PRUNED, NO_ROOM, begun.cost)
            elif not begun.cost.fits:
                reason = f"over budget: {', '.join(broken(begun.cost.constraints))}"
                self.end(begun.handle, CandidateState.PRUNED, reason, begun.cost)
            else:
                self._train(begun)
        except LeaseLostError as lost:
            self.report(str(lost), trial=begun.handle.number)
            self.release()  # what another program ended is this worker's in our tables still
        finally:
            self.heartbeat.holding = None
            interrupts.forget()

    def _train(self, begun: Begun) -> None:
        network, handle = begun.candidate.architecture, begun.handle
        key = self.pausing.key_of(begun.candidate.training_digest)
        evaluation = self.repository.find_evaluation(key) if handle.is_trained else None
        if evaluation is None:
            try:
                found = self.pausing.train(
                    handle.number, network, key, begun.since, at_once=begun.at_once
                )
            except TrainingFailedError as failure:
                self._fail(handle, failure, begun.cost)
                return
            if isinstance(found, Rung):
                self._pause(handle, found)
                return
            evaluation = found
        chip = self._region.chip.changed(begun.candidate.chip)
        self._complete(handle, evaluation, self._cost(network, chip, evaluation.spike_rates))

    def _pause(self, handle: Handle, rung: Rung) -> None:
        self.ledger.pause(handle, rung)
        self.pausing.clean_up()
        self._failures.clear()
        where = f"at rung {rung.epochs}"
        if rung.epochs not in self.config.search.rungs:  # the worker drains
            where = f"after {rung.epochs} of {rung.key.epochs} epochs"
        self.report(
            f"trial {handle.number} paused {where}: {rung.validation_accuracy:.1%}",
            trial=handle.number,
        )

    def _cost(self, architecture: Architecture, chip: Chip, spike_rate: SpikeRates) -> CostRecord:
        found = estimate(architecture, chip=chip, spike_rate=spike_rate)
        values = found.to_json()
        names = CostRecord.__dataclass_fields__.keys() - {"constraints"}
        return CostRecord(
            constraints=self._region.budget.violations_of(found.quantities),
            **{name: values[name] for name in names},
        )

    def _complete(self, handle: Handle, evaluation: Evaluation, cost: CostRecord) -> None:
        """Store and tell a trained network; ``cost`` is at the spike rates that were measured."""
        measured = {
            MEASURED_COST: dict(cost.quantities),
            SPIKE_RATES: dict(evaluation.spike_rates),
            TRAINED_ACCURACY: evaluation.validation_accuracy,
        }
        attributes = {MEASURED: measured}
        with self.spool.kept(evaluation):
            if cost.fits:
                new, what = self._enter(handle, evaluation, cost, attributes)
            else:
                reason = f"over budget when measured: {', '.join(broken(cost.constraints))}"
                told = {**attributes, REASON: reason}
                new = self.ledger.exceed(handle, evaluation, cost, reason, told)
                what = f", {reason}"
        self.pausing.clean_up()
        self._failures.clear()
        self.trained += new
        how = "trained" if new else "reused"
        self.report(
            f"trial {handle.number} {how}: {evaluation.validation_accuracy:.1%}{what}",
            trial=handle.number,
            train_seconds=evaluation.train_seconds if new else None,
        )

    def _enter(
        self,
        handle: Handle,
        evaluation: Evaluation,
        cost: CostRecord,
        attributes: Mapping[str, Any],
    ) -> tuple[bool, str]:
        """End a trial within all budgets; return whether it was newly trained, and what it did."""
        accuracy = evaluation.validation_accuracy
        values = objective_values(self.config.objectives, accuracy, cost.quantities)
        reference = self.reference
        new, enters = self.ledger.complete(
            handle,
            evaluation,
            cost,
            list(values.values()),
            attributes,
            lambda front: front_change(front, values, reference),
        )
        return new, ", enters the front" if enters else ""

    def _fail(self, handle: Handle, failure: TrainingFailedError, cost: CostRecord) -> None:
        self.end(handle, CandidateState.FAILED, str(failure), cost, failure.epochs or 0.0)
        self._failures[handle.number] = failure
        if len(self._failures) >= FAILURES_IN_A_ROW:
            causes = "\n".join(f"  trial {n}: {why}" for n, why in self._failures.items())
            what = advice(why.reason for why in self._failures.values())
            raise RepeatedFailureError(
                f"{FAILURES_IN_A_ROW} candidates failed in a row:\n{causes}\n{what}\n"
                f"Then go on with: neuronas resume {self.config.name}; where the study file is "
                "changed: neuronas search FILE --accept-changes"
            )

    def end(
        self,
        handle: Handle,
        state: CandidateState,
        reason: str,
        cost: CostRecord,
        epochs: float = 0.0,
        *,
        paused: bool = False,
    ) -> None:
        """End a trial that was not trained to the end, at the cost that was assumed."""
        self.ledger.end(handle, state, reason, cost, {REASON: reason}, epochs=epochs, paused=paused)
        self.pausing.clean_up()
        self.report(f"trial {handle.number} {state}: {reason}", trial=handle.number)
