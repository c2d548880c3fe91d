"""The search itself: ask, cost, train, tell; one candidate after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import optuna
from optuna.trial import TrialState

from neuronas import interrupts
from neuronas.architecture import Architecture, deployment_digest, training_digest
from neuronas.config import StudyConfig
from neuronas.errors import (
    RepeatedFailureError,
    SpaceExhaustedError,
    StorageError,
    TrainingFailedError,
)
from neuronas.hardware import NO_ROOM, Chip, estimate
from neuronas.records import (
    Candidate,
    CandidateState,
    CostRecord,
    Evaluation,
    EvaluationKey,
    Rung,
    Trial,
)
from neuronas.searching.advice import advice
from neuronas.searching.objectives import front_change, objective_values
from neuronas.searching.pausing import Evaluator, Pausing
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import training_seed
from neuronas.storage import (
    RETRY_OF,
    RUNGS,
    OpenTrial,
    ReopenedTrial,
    Repository,
    chosen_values,
    enqueue_again,
    is_asked_for,
    is_waiting,
    set_constraints,
    translated_errors,
    unfinished_trials,
)

FAILURES_IN_A_ROW = 5
ATTEMPTS = 3
RUNNING, FINISHED, EXHAUSTED = "running", "finished", "exhausted"
DIED, STOPPED = "process died", "stopped"
CHANGED = "its training was changed while it paused"
UNFINISHED = (CandidateState.RUNNING, CandidateState.PAUSED)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is.

    Attributes:
        trained, target: Networks newly trained, and asked for.
        reused, pruned, failed: Trials that ended so.
        drawn, rejected: Genotypes drawn, and turned away before they became trials.
        front_size, hypervolume: The Pareto front; hypervolume in [0, 1].
        seconds_left: Estimated; None before the first training of this process.
        message: What happened last.
    """

    trained: int
    target: int
    reused: int
    pruned: int
    failed: int
    drawn: int
    rejected: int
    front_size: int
    hypervolume: float
    seconds_left: float | None
    message: str


Listener = Callable[[Progress], None]


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
    """

    config: StudyConfig
    repository: Repository
    study: optuna.Study
    sampler: GatedSampler
    evaluator: Evaluator
    listener: Listener
    _pausing: Pausing = field(init=False)
    _seconds: dict[int, float] = field(default_factory=dict)
    _trained: int = 0
    _failures: dict[int, TrainingFailedError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pausing = Pausing(self.config, self.repository, self.evaluator, self._report)

    @property
    def region(self) -> FeasibleRegion:
        """The feasible region that the sampler stays inside."""
        return self.sampler.region

    def run(self) -> None:
        """Train until the study has as many networks as asked for, or none is left.

        Networks that were enqueued are taken up in any case.

        Raises:
            RepeatedFailureError: Five candidates failed in a row.
            KeyboardInterrupt: The user stopped it; the running candidate is queued again.
        """
        self.evaluator.sweep()
        self._recover(DIED)
        self._report("searching")
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
        record = self.repository.study(self.config.name)
        trained = record.counts["trained"]
        while (waiting := is_waiting(self.study)) or trained < record.target_trials:
            interrupts.check()
            number = None if waiting else self._pausing.to_train_on()
            if not waiting and number is None:
                if self._pausing.is_in_vain(trained, record.target_trials):
                    self._report("nothing that is begun could still enter the front")
                    return EXHAUSTED
                try:
                    self.sampler.reserve(self.study)
                except SpaceExhaustedError as error:
                    number = self._pausing.to_train_on(beyond_share=True)
                    if number is None:
                        self._report(f"space exhausted: {error}")
                        return EXHAUSTED
            trained += self._step(self.study.ask()) if number is None else self._go_on(number)
        return FINISHED

    def _go_on(self, number: int) -> bool:
        """Train a paused candidate on; return whether a network was newly trained."""
        stored = self.repository.find_trial(self.config.name, number)
        assert stored is not None
        trial = ReopenedTrial(self.study, number)
        return self._train(trial, stored.candidate, stored.cost, at_once=False)

    def _step(self, trial: optuna.Trial) -> bool:
        """Take one candidate to its end or first rung; return whether it was newly trained."""
        genes = self.region.space.suggest(trial)
        architecture = self.region.space.decode(genes)[0]
        chip = self.region.chip_for(genes[0])
        cost = self._cost(architecture, chip)
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
        set_constraints(trial, cost.constraints)
        trial.set_user_attr("cost", cost.presented())
        if not self.region.assess(genes).fits[0]:
            self._end(trial, CandidateState.PRUNED, NO_ROOM)
            return False
        if not cost.fits:
            broken = [f"{n} +{v:.1%}" for n, v in cost.constraints.items() if v > 0]
            self._end(trial, CandidateState.PRUNED, f"over budget: {', '.join(broken)}")
            return False
        at_once = is_asked_for(trial.user_attrs)
        return self._train(trial, candidate, cost, at_once=at_once)

    def _train(
        self, trial: OpenTrial, candidate: Candidate, cost: CostRecord, *, at_once: bool
    ) -> bool:
        """Train a candidate to its next rung or its end; return whether it was newly trained."""
        key = self._key(candidate.training_digest)
        evaluation = self.repository.find_evaluation(key)
        if evaluation is None:
            network = candidate.architecture
            try:
                found = self._pausing.train(trial.number, network, key, at_once=at_once)
            except TrainingFailedError as failure:
                self._fail(trial, failure)
                return False
            self._seconds[trial.number] = found.train_seconds
            if isinstance(found, Rung):
                self._pause(trial, found)
                return False
            evaluation = found
        return self._complete(trial, evaluation, cost)

    def _training_digest(self, architecture: Architecture) -> str:
        return training_digest(architecture, self.evaluator.context())

    def _key(self, digest: str) -> EvaluationKey:
        seed = training_seed(self.config.search.seed, digest)
        return EvaluationKey(digest, self.config.training.epochs, seed)

    def _pause(self, trial: OpenTrial, rung: Rung) -> None:
        trial.set_user_attr(RUNGS, self._pausing.pause(trial.number, rung))
        self._failures.clear()
        self._report(
            f"trial {trial.number} paused at rung {rung.epochs}: {rung.validation_accuracy:.1%}"
        )

    def _end_paused(self) -> None:
        """End the candidates that were never worth going on with."""
        for waiting in self._pausing.paused:
            reason = f"not promoted from rung {waiting.reached} (epochs)"
            self._end(ReopenedTrial(self.study, waiting.number), CandidateState.PRUNED, reason)

    def _cost(self, architecture: Architecture, chip: Chip) -> CostRecord:
        found = estimate(architecture, chip=chip, spike_rate=self.config.hardware.spike_rate)
        values = found.to_json()
        names = CostRecord.__dataclass_fields__.keys() - {"constraints"}
        return CostRecord(
            constraints=self.region.budget.violations_of(found.explanation.cost),
            **{name: values[name] for name in names},
        )

    def _candidate(self, trial: optuna.Trial, architecture: Architecture, chip: Chip) -> Candidate:
        training = self._training_digest(architecture)
        searched = [p.name for p in self.region.space.chip_parameters]
        return Candidate(
            trial_number=trial.number,
            architecture=architecture,
            training_digest=training,
            deployment_digest=deployment_digest(training, chip.to_json()),
            chip={name: getattr(chip.settings, name) for name in searched},
            retry_of=trial.user_attrs.get(RETRY_OF),
        )

    def _complete(self, trial: OpenTrial, evaluation: Evaluation, cost: CostRecord) -> bool:
        name = self.config.name
        values = objective_values(
            self.config.objectives, evaluation.validation_accuracy, cost.presented()
        )
        reference = self.repository.study(name).reference
        new, change = self.repository.complete_candidate(
            name, trial.number, evaluation, lambda front: front_change(front, values, reference)
        )
        self.study.tell(trial.number, list(values.values()))
        self._pausing.end(trial.number, evaluation.validation_accuracy)
        self._failures.clear()
        self._trained += new
        how = "trained" if new else "reused"
        where = ", enters the front" if change.enters else ""
        self._report(f"trial {trial.number} {how}: {evaluation.validation_accuracy:.1%}{where}")
        return new

    def _fail(self, trial: OpenTrial, failure: TrainingFailedError) -> None:
        self._end(trial, CandidateState.FAILED, str(failure))
        self._failures[trial.number] = failure
        if len(self._failures) >= FAILURES_IN_A_ROW:
            causes = "\n".join(f"  trial {n}: {why}" for n, why in self._failures.items())
            what = advice(why.reason for why in self._failures.values())
            raise RepeatedFailureError(
                f"{FAILURES_IN_A_ROW} candidates failed in a row:\n{causes}\n{what}\n"
                f"Then go on with: neuronas resume {self.config.name}; where the study file is "
                "changed: neuronas search FILE --accept-changes"
            )

    def _end(self, trial: OpenTrial, state: CandidateState, reason: str) -> None:
        self.repository.finish_candidate(self.config.name, trial.number, state, reason)
        pruned = state == CandidateState.PRUNED
        trial.set_user_attr("reason", reason)
        self.study.tell(trial.number, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        self._pausing.end(trial.number, None)
        self._report(f"trial {trial.number} {state}: {reason}")

    # Taking up what an interruption left

    def _release(self, stop: BaseException) -> None:
        """Queue the running candidate again, now that this process stops in good order."""
        try:
            with interrupts.held_off(), translated_errors(self.repository.url):
                self._recover(STOPPED)
        except StorageError as error:
            # The database is what failed. The next start takes the candidate up as after a death.
            stop.add_note(f"the running candidate could not be released: {error}")

    def _recover(self, reason: str) -> None:
        """Finish what was decided but not told to Optuna, and queue again what was not."""
        self._pausing.load()
        for frozen in unfinished_trials(self.study):
            stored = self.repository.find_trial(self.config.name, frozen.number)
            if stored is not None and stored.state not in UNFINISHED:
                self._tell_again(stored)
                continue
            number, values = frozen.number, chosen_values(frozen)
            if stored is not None:
                paused = stored.state == CandidateState.PAUSED
                again = paused or reason == STOPPED or self._deaths(stored) < ATTEMPTS - 1
                key = self._key(self._training_digest(stored.candidate.architecture))
                if again and self._pausing.may_go_on(number, key):
                    shown = self._pausing.put_back(stored, died=reason == DIED)
                    if frozen.user_attrs.get(RUNGS) != shown:
                        ReopenedTrial(self.study, number).set_user_attr(RUNGS, shown)
                    continue
                if again:
                    enqueue_again(self.study, values, instead_of=number, retry_of=number)
                given_up = f"{reason} {ATTEMPTS} times on this candidate"
                self.repository.finish_candidate(
                    self.config.name,
                    number,
                    CandidateState.INTERRUPTED if again else CandidateState.FAILED,
                    CHANGED if paused else reason if again else given_up,
                )
            elif {p.name for p in self.region.space.searched} <= values.keys():
                retry_of = frozen.user_attrs.get(RETRY_OF)
                enqueue_again(self.study, values, instead_of=number, retry_of=retry_of)
            self.study.tell(number, state=TrialState.FAIL)
        self._pausing.load()

    def _tell_again(self, stored: Trial) -> None:
        number = stored.candidate.trial_number
        if stored.state == CandidateState.COMPLETE and stored.evaluation is not None:
            accuracy = stored.evaluation.validation_accuracy
            values = objective_values(self.config.objectives, accuracy, stored.cost.presented())
            self.study.tell(number, list(values.values()))
        else:
            pruned = stored.state == CandidateState.PRUNED
            self.study.tell(number, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def _deaths(self, stored: Trial) -> int:
        """Return how many attempts at a candidate, but this one, ended with their process."""
        deaths = stored.deaths
        retry_of = stored.candidate.retry_of
        while retry_of is not None:
            earlier = self.repository.find_trial(self.config.name, retry_of)
            if earlier is None:
                break
            deaths += earlier.deaths + (earlier.reason == DIED)
            retry_of = earlier.candidate.retry_of
        return deaths

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

    def _report(self, message: str) -> None:
        record = self.repository.study(self.config.name)
        counts = record.counts
        left = max(0, record.target_trials - counts["trained"])
        each = sum(self._seconds.values()) / self._trained if self._trained else None
        self.listener(
            Progress(
                trained=counts["trained"],
                target=record.target_trials,
                reused=counts["reused"],
                pruned=counts["pruned"],
                failed=counts["failed"],
                drawn=record.drawn,
                rejected=record.rejected,
                front_size=len(self.repository.front(self.config.name)),
                hypervolume=self.repository.hypervolume(self.config.name),
                seconds_left=None if each is None else each * left,
                message=message,
            )
        )
