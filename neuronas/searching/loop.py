"""The search itself: ask, cost, train, tell; one candidate after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

import optuna
from optuna.trial import TrialState

from neuronas import interrupts
from neuronas.architecture import Architecture, deployment_digest
from neuronas.config import StudyConfig
from neuronas.errors import (
    RepeatedFailureError,
    SpaceExhaustedError,
    StorageError,
    TrainingFailedError,
)
from neuronas.hardware import NO_ROOM, Chip, SpikeRates, broken, estimate
from neuronas.records import (
    Candidate,
    CandidateState,
    CostRecord,
    Evaluation,
    Rung,
)
from neuronas.searching.advice import advice
from neuronas.searching.attributes import (
    COST,
    FEASIBLE_PROBABILITY,
    MEASURED_COST,
    REASON,
    RUNGS,
    SPIKE_RATES,
    TRAINED_ACCURACY,
    feasible_probability,
)
from neuronas.searching.objectives import best_so_far, front_change, objective_values
from neuronas.searching.pausing import Evaluator, Pausing
from neuronas.searching.progress import Listener, Progress
from neuronas.searching.recovery import DIED, STOPPED, Recovery
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.stop_rules import holding_rule, seconds_left
from neuronas.storage import (
    RETRY_OF,
    OpenTrial,
    ReopenedTrial,
    Repository,
    is_asked_for,
    is_waiting,
    set_constraints,
    translated_errors,
)

FAILURES_IN_A_ROW = 5
RUNNING, FINISHED, EXHAUSTED = "running", "finished", "exhausted"


@dataclass(slots=True)
class SearchLoop:
    """One process's work on one study.

    Attributes:
        config: The study.
        repository: Our tables.
        study: Optuna's study, with ``sampler`` as its sampler.
        sampler: The gated sampler.
        evaluator: Trains networks.
        listener: Is told of progress.
        opening: What it is told first.
    """

    config: StudyConfig
    repository: Repository
    study: optuna.Study
    sampler: GatedSampler
    evaluator: Evaluator
    listener: Listener
    opening: str = "searching"
    _pausing: Pausing = field(init=False)
    _recovery: Recovery = field(init=False)
    _seconds: dict[int, float] = field(default_factory=dict)
    _trained: int = 0
    _failures: dict[int, TrainingFailedError] = field(default_factory=dict)
    _counted_until: float = 0.0

    def __post_init__(self) -> None:
        self._pausing = Pausing(self.config, self.repository, self.evaluator, self._report)
        self._recovery = Recovery(
            self.study, self.repository, self.region.space, self.config.objectives, self._pausing
        )

    @property
    def region(self) -> FeasibleRegion:
        """The feasible region that the sampler stays inside."""
        return self.sampler.region

    def run(self) -> None:
        """Train until one of the study's rules stops it, or no network is left.

        Networks that were enqueued are taken up in any case.

        Raises:
            RepeatedFailureError: Five candidates failed in a row.
            KeyboardInterrupt: The user stopped it; the running candidate is queued again.
        """
        self._counted_until = monotonic()
        self.evaluator.sweep()
        self._recovery.take_up(DIED)
        self._report(self.opening)
        try:
            with translated_errors(self.repository.url):
                state = self._run()
                self._end_paused()
        except (KeyboardInterrupt, StorageError) as stop:
            self._release(stop)
            raise
        self._score_front()
        self.repository.update_study(self.config.name, state=state)

    def _run(self) -> str:
        while (waiting := is_waiting(self.study)) or not self._is_stopped():
            interrupts.check()
            number = None if waiting else self._pausing.to_train_on()
            if not waiting and number is None:
                if self._pausing.is_in_vain():
                    self._report("nothing that is begun could still enter the front")
                    return EXHAUSTED
                try:
                    self.sampler.prepare(self._report)
                    self.sampler.reserve(self.study)
                except SpaceExhaustedError as error:
                    number = self._pausing.to_train_on(beyond_share=True)
                    if number is None:
                        self._report(f"space exhausted: {error}")
                        return EXHAUSTED
            if number is None:
                self._step(self.study.ask())
            else:
                self._go_on(number)
        return FINISHED

    def _is_stopped(self) -> bool:
        """Return whether a rule holds by what all processes have stored of the study."""
        return holding_rule(self.repository.study(self.config.name)) is not None

    def _go_on(self, number: int) -> None:
        """Train a paused candidate on."""
        stored = self.repository.find_trial(self.config.name, number)
        assert stored is not None
        trial = ReopenedTrial(self.study, number)
        self._train(trial, stored.candidate, stored.cost, at_once=False)

    def _step(self, trial: optuna.Trial) -> None:
        """Take one candidate to its end or its first rung."""
        genes = self.region.space.suggest(trial)
        architecture = self.region.space.decode(genes)[0]
        chip = self.region.chip_for(genes[0])
        cost = self._cost(architecture, chip, self.config.hardware.spike_rate)
        candidate = self._candidate(trial, architecture, chip)
        tally = self.region.take_tally()
        self.repository.add_candidate(
            self.config.name,
            candidate,
            cost,
            drawn=tally.drawn,
            rejected=tally.rejected,
            rejections=+tally.reasons,
        )
        trial.set_user_attr(COST, dict(cost.quantities))
        if not self.region.assess(genes).fits[0]:
            self._end(trial, CandidateState.PRUNED, NO_ROOM, cost)
            return
        if not cost.fits:
            reason = f"over budget: {', '.join(broken(cost.constraints))}"
            self._end(trial, CandidateState.PRUNED, reason, cost)
            return
        self._train(trial, candidate, cost, at_once=is_asked_for(trial.user_attrs))

    def _train(
        self, trial: OpenTrial, candidate: Candidate, cost: CostRecord, *, at_once: bool
    ) -> None:
        """Train a candidate, whose assumed cost is given, to its next rung or its end."""
        network = candidate.architecture
        key = self._pausing.key_of(candidate.training_digest)
        evaluation = self.repository.find_evaluation(key)
        if evaluation is None:
            try:
                found = self._pausing.train(trial.number, network, key, at_once=at_once)
            except TrainingFailedError as failure:
                self._fail(trial, failure, cost)
                return
            self._seconds[trial.number] = found.train_seconds
            if isinstance(found, Rung):
                self._pause(trial, found)
                return
            evaluation = found
        chip = self.region.chip.changed(candidate.chip)
        self._complete(trial, evaluation, self._cost(network, chip, evaluation.spike_rates))

    def _pause(self, trial: OpenTrial, rung: Rung) -> None:
        trial.set_user_attr(RUNGS, self._pausing.pause(trial.number, rung))
        self._failures.clear()
        self._report(
            f"trial {trial.number} paused at rung {rung.epochs}: {rung.validation_accuracy:.1%}"
        )

    def _end_paused(self) -> None:
        """End the candidates that were never worth going on with."""
        for waiting in self._pausing.paused:
            stored = self.repository.find_trial(self.config.name, waiting.number)
            assert stored is not None
            reason = f"not promoted from rung {waiting.reached} (epochs)"
            trial = ReopenedTrial(self.study, waiting.number)
            self._end(trial, CandidateState.PRUNED, reason, stored.cost)

    def _cost(self, architecture: Architecture, chip: Chip, spike_rate: SpikeRates) -> CostRecord:
        found = estimate(architecture, chip=chip, spike_rate=spike_rate)
        values = found.to_json()
        names = CostRecord.__dataclass_fields__.keys() - {"constraints"}
        return CostRecord(
            constraints=self.region.budget.violations_of(found.quantities),
            **{name: values[name] for name in names},
        )

    def _candidate(self, trial: optuna.Trial, architecture: Architecture, chip: Chip) -> Candidate:
        training = self._pausing.digest_of(architecture)
        stated = feasible_probability(trial.user_attrs)
        if stated is not None:
            # A sampler can only set it on its own copy of the trial, which Optuna does not store.
            trial.set_user_attr(FEASIBLE_PROBABILITY, stated)
        searched = [p.name for p in self.region.space.chip_parameters]
        return Candidate(
            trial_number=trial.number,
            architecture=architecture,
            training_digest=training,
            deployment_digest=deployment_digest(training, chip.to_json()),
            chip={name: getattr(chip.settings, name) for name in searched},
            retry_of=trial.user_attrs.get(RETRY_OF),
            feasible_probability=stated,
        )

    def _complete(self, trial: OpenTrial, evaluation: Evaluation, cost: CostRecord) -> None:
        """Store and tell a trained network; ``cost`` is at the spike rates that were measured."""
        # Optuna keeps what a constraint is set to first, so it waits for the measured cost; and
        # after our transaction, nothing but the trial's end may be left to tell.
        set_constraints(trial, cost.constraints)
        trial.set_user_attr(MEASURED_COST, dict(cost.quantities))
        trial.set_user_attr(SPIKE_RATES, dict(evaluation.spike_rates))
        trial.set_user_attr(TRAINED_ACCURACY, evaluation.validation_accuracy)
        if cost.fits:
            new, what = self._enter(trial, evaluation, cost)
        else:
            new, what = self._exceed(trial, evaluation, cost)
        self._pausing.end(trial.number, evaluation.validation_accuracy)
        self._failures.clear()
        self._trained += new
        how = "trained" if new else "reused"
        self._report(f"trial {trial.number} {how}: {evaluation.validation_accuracy:.1%}{what}")

    def _enter(
        self, trial: OpenTrial, evaluation: Evaluation, cost: CostRecord
    ) -> tuple[bool, str]:
        """End a trial within all budgets; return whether it was newly trained, and what it did."""
        name = self.config.name
        accuracy = evaluation.validation_accuracy
        values = objective_values(self.config.objectives, accuracy, cost.quantities)
        reference = self.repository.study(name).reference
        new, change = self.repository.complete_candidate(
            name,
            trial.number,
            evaluation,
            cost,
            lambda front: front_change(front, values, reference),
        )
        self.study.tell(trial.number, list(values.values()))
        return new, ", enters the front" if change.enters else ""

    def _exceed(
        self, trial: OpenTrial, evaluation: Evaluation, cost: CostRecord
    ) -> tuple[bool, str]:
        """End a trial that broke a budget when measured; return the same."""
        reason = f"over budget when measured: {', '.join(broken(cost.constraints))}"
        trial.set_user_attr(REASON, reason)
        new = self.repository.exceed_candidate(
            self.config.name, trial.number, evaluation, cost, reason
        )
        self.study.tell(trial.number, state=TrialState.PRUNED)
        return new, f", {reason}"

    def _fail(self, trial: OpenTrial, failure: TrainingFailedError, cost: CostRecord) -> None:
        self._end(trial, CandidateState.FAILED, str(failure), cost, failure.epochs or 0.0)
        self._failures[trial.number] = failure
        if len(self._failures) >= FAILURES_IN_A_ROW:
            causes = "\n".join(f"  trial {n}: {why}" for n, why in self._failures.items())
            what = advice(why.reason for why in self._failures.values())
            raise RepeatedFailureError(
                f"{FAILURES_IN_A_ROW} candidates failed in a row:\n{causes}\n{what}\n"
                f"Then go on with: neuronas resume {self.config.name}; where the study file is "
                "changed: neuronas search FILE --accept-changes"
            )

    def _end(
        self,
        trial: OpenTrial,
        state: CandidateState,
        reason: str,
        cost: CostRecord,
        epochs: float = 0.0,
    ) -> None:
        """End a trial that was not trained to the end, at the cost that was assumed."""
        set_constraints(trial, cost.constraints)
        trial.set_user_attr(REASON, reason)
        self.repository.finish_candidate(
            self.config.name, trial.number, state, reason, epochs=epochs
        )
        pruned = state == CandidateState.PRUNED
        self.study.tell(trial.number, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        self._pausing.end(trial.number, None)
        self._report(f"trial {trial.number} {state}: {reason}")

    def _release(self, stop: BaseException) -> None:
        """Queue the running candidate again, now that this process stops in good order."""
        try:
            with interrupts.held_off(), translated_errors(self.repository.url):
                self._recovery.take_up(STOPPED)
                self._count_time()
        except StorageError as error:
            # The database is what failed. The next start takes the candidate up as after a death.
            stop.add_note(f"the running candidate could not be released: {error}")

    # What people see

    def _score_front(self) -> None:
        """Measure test accuracy, for the networks of the finished front alone."""
        for trial in self.repository.front(self.config.name):
            evaluation = trial.evaluation
            if evaluation is not None and evaluation.test_accuracy is None:
                try:
                    accuracy = self.evaluator.test_accuracy(
                        trial.candidate.architecture, evaluation
                    )
                except StorageError as error:
                    # Weights of another study's folder may be elsewhere; the study is finished.
                    number = trial.candidate.trial_number
                    self._report(f"test accuracy of trial {number} is not known: {error}")
                    continue
                self.repository.set_test_accuracy(evaluation.key, accuracy)

    def _count_time(self) -> None:
        now = monotonic()
        self.repository.add_wall_seconds(self.config.name, now - self._counted_until)
        self._counted_until = now

    def _report(self, message: str) -> None:
        self._count_time()
        record = self.repository.study(self.config.name)
        counts, front = record.counts, self.repository.front(self.config.name)
        each = sum(self._seconds.values()) / self._trained if self._trained else None
        self.listener(
            Progress(
                trained=counts["trained"],
                target=record.target_trials,
                reused=counts["reused"],
                pruned=counts["pruned"],
                failed=counts["failed"],
                exceeded=counts["exceeded"],
                drawn=record.drawn,
                rejected=record.rejected,
                front_size=len(front),
                hypervolume=self.repository.hypervolume(self.config.name),
                best=best_so_far(self.config.objectives, front),
                seconds_left=None if each is None else seconds_left(record, each),
                message=message,
            )
        )
