"""The search itself: one candidate after the other, until a rule stops the study."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from neuronas import interrupts
from neuronas.config import StudyConfig
from neuronas.errors import LeaseLostError, SpaceExhaustedError, StorageError
from neuronas.records import CandidateState, Standing
from neuronas.searching.candidates import Begun, CandidateRunner
from neuronas.searching.heartbeat import STOPPED, Heartbeat
from neuronas.searching.pausing import Evaluator, Pausing
from neuronas.searching.progress import Report
from neuronas.searching.recovery import catch_up
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.spool import Spool
from neuronas.searching.stop_rules import rules
from neuronas.storage import (
    Ledger,
    Proposal,
    Reaper,
    Refusal,
    Repository,
    is_asked_for,
    is_retry,
    next_waiting,
    translated_errors,
)

RUNNING, FINISHED, EXHAUSTED = "running", "finished", "exhausted"

_LOOK_SECONDS = 1.0
"""Mean time between looks at a study that asks for nothing while others train."""


@dataclass(slots=True)
class SearchLoop:
    """One worker's work on one study.

    Attributes:
        config: The study.
        repository: Our tables.
        ledger: Where trials are begun and ended.
        sampler: The gated sampler.
        evaluator: Trains networks.
        spool: Where results wait until they are told.
        report: Told what happens.
        opening: What is reported first.
        trials: Networks that this worker trains newly at most.
        seconds: Time after which it begins no other.
    """

    config: StudyConfig
    repository: Repository
    ledger: Ledger
    sampler: GatedSampler
    evaluator: Evaluator
    spool: Spool
    report: Report
    opening: str = "searching"
    trials: int | None = None
    seconds: float | None = None
    _reaper: Reaper = field(init=False)
    _heartbeat: Heartbeat = field(init=False)
    _pausing: Pausing = field(init=False)
    _runner: CandidateRunner = field(init=False)
    _started: float = 0.0
    _look_first: bool = True

    def __post_init__(self) -> None:
        ledger = self.ledger
        self._reaper = Reaper(self.repository, ledger.shared)
        self._heartbeat = Heartbeat(
            self.repository, self._reaper, ledger.worker, ledger.lease_seconds, self.report
        )
        self._pausing = Pausing(self.config, self.repository, self.evaluator, self.report)
        self._runner = CandidateRunner(
            self.config,
            self.repository,
            ledger,
            self.sampler,
            self._pausing,
            self._heartbeat,
            self.spool,
            self.report,
            self.repository.study(self.config.name).reference,
            partial(self._reaper.release, ledger.worker),
        )
        self.sampler.slot = ledger.worker.slot

    def run(self) -> str:
        """Train until one of the study's rules stops it, or no network is left.

        Networks that were enqueued are taken up in any case.

        Returns:
            The state of the study: ``finished``, ``exhausted`` or ``stopped``; ``running`` where
            this worker has done its share only.

        Raises:
            RepeatedFailureError: Five candidates failed in a row.
            StorageError: The database cannot be used, or not for longer than workers wait.
            KeyboardInterrupt: The user stopped it; the running candidate is queued again.
        """
        self._started, drained_before = time.monotonic(), interrupts.is_draining()
        self.evaluator.sweep()
        try:
            with translated_errors(self.repository.url), self._heartbeat:
                self._take_up()
                self.report(self.opening)
                while (state := self._step()) is None:
                    interrupts.check()
                if state in (FINISHED, EXHAUSTED):
                    self._end_paused()
        except (KeyboardInterrupt, StorageError) as stop:
            self._release(stop)
            raise
        finally:
            if not drained_before:
                interrupts.stop_draining()
        if state in (FINISHED, EXHAUSTED):
            self._score_front()
            self.repository.update_study(self.config.name, state=state)
        return state

    def _take_up(self) -> None:
        """Take up what dead workers left."""
        shared = self.ledger.shared
        told = self.spool.tell()
        if told:
            self.report(f"{told} results of earlier trainings were told")
        self._reaper.reap()
        seconds = self.ledger.lease_seconds
        space = self.sampler.region.space
        catch_up(shared, self.repository, space, self.config.objectives, seconds)
        self._pausing.load()
        for contender in self._pausing.paused:
            if self._pausing.is_changed(contender.number):
                self._reaper.queue_changed(contender.number)
        self._pausing.clean_up()

    def _step(self) -> str | None:
        """Take one candidate to its end or next rung, if there is one to take.

        Returns:
            The state of the study if nothing more is to be done, else None.
        """
        if self._has_done_its_share():
            stopped = self.ledger.standing().state == STOPPED
            return STOPPED if stopped else RUNNING
        if self.config.search.rungs:
            self._pausing.load()
        trials = self.ledger.trials()
        waiting = next_waiting(trials)
        if waiting is not None and not is_retry(waiting.user_attrs):
            return self._asked(waiting)
        if self._look_first or self.ledger.last.paused:
            standing = self.ledger.standing()
            if standing.paused:
                self._pausing.load()
            if standing.state == STOPPED:
                return STOPPED
            if self._is_over(standing):
                return FINISHED
            if standing.trained + standing.running >= standing.target_trials:
                self._wait()
                return None
            self._look_first = False
        if waiting is not None:
            return self._asked(waiting)
        number = self._pausing.to_train_on()
        if number is not None:
            return self._go_on(number)
        if self._pausing.is_in_vain():
            self.report("nothing that is begun could still enter the front")
            return EXHAUSTED
        try:
            return self._new(trials)
        except SpaceExhaustedError as error:
            return self._without_new(error)

    def _without_new(self, error: SpaceExhaustedError) -> str | None:
        """Go on where every network was proposed: with what pauses, or when others are done."""
        standing = self.ledger.standing()
        if self._is_over(standing):
            return FINISHED
        number = self._pausing.to_train_on(beyond_share=True)
        if number is not None:
            return self._go_on(number)
        if standing.running:
            self._wait()
            return None
        self.report(f"space exhausted: {error}")
        return EXHAUSTED

    def _new(self, trials: Sequence[FrozenTrial]) -> str | None:
        """Begin and train a network that the sampler proposes."""
        study = self.ledger.shared.study
        self.sampler.prepare(self.report)
        if self.sampler.needs_trial:
            self.sampler.reserve(study)
            return self._asked(None)
        genes, attributes = self.sampler.propose(study, trials)
        proposal = self._runner.proposal(genes, attributes)
        try:
            handle = self.ledger.begin(proposal, self._is_over)
        except LeaseLostError as lost:  # before it was described: the database was away
            self.report(str(lost))
            self._reaper.release(self.ledger.worker)
            return None
        if isinstance(handle, Refusal):
            self._refused(handle)
            return None
        inside = self.sampler.stays_inside
        self._runner.go_through(
            Begun(handle, genes, proposal.candidate, proposal.cost, is_feasible=inside)
        )
        return None

    def _refused(self, refusal: Refusal) -> None:
        """Look again: what was taken is known next time, all else is seen from the standing."""
        self._look_first = refusal is not Refusal.TAKEN

    def _wait(self) -> None:
        """Let others train: one of them may fail, and then the study asks for another network."""
        self._look_first = True
        until = time.monotonic() + _LOOK_SECONDS * random.uniform(0.5, 1.5)
        while (left := until - time.monotonic()) > 0 and not interrupts.is_draining():
            interrupts.check()
            time.sleep(min(left, 0.1))

    def _is_over(self, standing: Standing) -> bool:
        """Return whether a rule holds by what all workers have stored of the study."""
        return any(rule.holds for rule in rules(self.config.search.stop, standing))

    def _has_done_its_share(self) -> bool:
        if interrupts.is_draining():
            return True
        if self.trials is not None and self._runner.trained >= self.trials:
            return True
        return self.seconds is not None and time.monotonic() - self._started >= self.seconds

    def _go_on(self, number: int) -> str | None:
        """Train a paused candidate on."""
        stored = self.repository.find_trial(self.config.name, number)
        assert stored is not None
        taken = self.ledger.take_up(number, self._is_over)
        if isinstance(taken, Refusal):
            self._refused(taken)
            self._pausing.load()
            return None
        handle, since = taken
        candidate = stored.candidate
        genes = self.sampler.region.space.encode(candidate.architecture, candidate.chip)[0]
        self._runner.go_through(Begun(handle, genes, candidate, stored.cost, since))
        self._pausing.load()
        return None

    def _asked(self, waiting: FrozenTrial | None) -> str | None:
        """Take up a trial that waits, or one that Optuna makes."""
        described: list[tuple[NDArray[np.int64], Proposal]] = []

        def describe(trial: optuna.Trial) -> Proposal:
            described[:] = [self._runner.described(trial)]
            return described[0][1]

        handle = self.ledger.begin_asked(describe, waiting, self._is_over)
        if isinstance(handle, Refusal):
            self._refused(handle)
            return None
        (genes, proposal) = described[0]
        at_once = waiting is not None and is_asked_for(waiting.user_attrs)
        self._runner.go_through(
            Begun(handle, genes, proposal.candidate, proposal.cost, at_once=at_once)
        )
        return None

    def _end_paused(self) -> None:
        """End the candidates that were never worth going on with."""
        self._pausing.load()
        for waiting in self._pausing.paused:
            stored = self.repository.find_trial(self.config.name, waiting.number)
            assert stored is not None
            reason = f"not promoted from rung {waiting.reached} (epochs)"
            try:
                self._runner.end(
                    self.ledger.shared.handle(waiting.number),
                    CandidateState.PRUNED,
                    reason,
                    stored.cost,
                    paused=True,
                )
            except LeaseLostError as lost:
                self.report(str(lost))

    def _release(self, stop: BaseException) -> None:
        """Queue the running candidate again, now that this worker stops in good order."""
        try:
            with interrupts.held_off():
                self._reaper.release(self.ledger.worker)
        except StorageError as error:
            # The database is what failed. The candidate is taken up as after a death.
            stop.add_note(f"the running candidate could not be released: {error}")

    def _score_front(self) -> None:
        """Measure test accuracy, for the networks of the finished front alone."""
        front = self.repository.front(self.config.name)
        random.shuffle(front)  # other workers may be at it, too
        for trial in front:
            evaluation = trial.evaluation and self.repository.find_evaluation(trial.evaluation.key)
            if evaluation is not None and evaluation.test_accuracy is None:
                try:
                    accuracy = self.evaluator.test_accuracy(
                        trial.candidate.architecture, evaluation
                    )
                except StorageError as error:
                    # Weights may lie on another machine; the study is finished.
                    number = trial.candidate.trial_number
                    self.report(f"test accuracy of trial {number} is not known: {error}")
                    continue
                self.repository.set_test_accuracy(evaluation.key, accuracy)
