"""What a study knows: which networks were trained, with what result, and which are in flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from neuronas.architecture import SearchSpace, network_keys
from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import MEASURED, REASON, RUNGS, SPIKE_RATES, TRAINED_ACCURACY
from neuronas.searching.objectives import ACCURACY


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network.

    Attributes:
        genes: Its genotype, shape ``(G,)``.
        accuracy: Measured, in [0, 1]; NaN where it is no objective and was not told.
        rates: Measured spikes per neuron and time step, by layer; empty where not told.
        rungs: Accuracy at each rung at which its training paused, by its epochs.
    """

    genes: Ints
    accuracy: float
    rates: Mapping[str, float]
    rungs: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A network whose training did not come to its end, or not yet.

    Attributes:
        genes: Its genotype, shape ``(G,)``.
        rungs: Accuracy at each rung at which it paused, by its epochs; empty before the first.
    """

    genes: Ints
    rungs: Mapping[int, float] = field(default_factory=dict)


class History:
    """The trials of one study, each read once it is finished.

    Args:
        space: The search space.
        objectives: Of the study, in the order of its values.
        elsewhere: Networks that other studies trained.
    """

    def __init__(
        self, space: SearchSpace, objectives: Sequence[str], elsewhere: Sequence[Trained] = ()
    ) -> None:
        self._space = space
        self._elsewhere = elsewhere
        self._names = {p.name for p in space.searched}
        self._accuracy = [*objectives].index(ACCURACY) if ACCURACY in objectives else None
        self._known: dict[int, Trained | Begun] = {}
        self._failures: dict[int, Trained] = {}
        self._running: list[Begun] = []

    @property
    def trained(self) -> list[Trained]:
        """The trained networks, by number of the trial."""
        return [known for _, known in sorted(self._known.items()) if isinstance(known, Trained)]

    @property
    def failed(self) -> list[Trained]:
        """The networks whose training failed, as if they had come out at chance."""
        return [failure for _, failure in sorted(self._failures.items())]

    @property
    def stopped(self) -> list[Begun]:
        """The networks that came to a rung and do not go on, by number of the trial."""
        ended = (known for _, known in sorted(self._known.items()) if isinstance(known, Begun))
        return [known for known in ended if known.rungs]

    def in_flight(self, most: int) -> list[Begun]:
        """Return the networks that are begun and not ended; of those that pause, only the last.

        Args:
            most: How many of those that came to a rung.
        """
        pausing = [begun for begun in self._running if begun.rungs][-most:]
        return [begun for begun in self._running if not begun.rungs] + pausing

    @property
    def elsewhere(self) -> list[Trained]:
        """What other studies trained; without trainings that this study has taken over."""
        own = set(self._evaluations(self.trained))
        evaluations = self._evaluations(self._elsewhere)
        return [t for t, e in zip(self._elsewhere, evaluations, strict=True) if e not in own]

    def _evaluations(self, trained: Sequence[Trained]) -> list[tuple[bytes, float]]:
        """Return what is equal for one training, from whichever study it comes."""
        if not self._elsewhere or not trained:
            return []
        keys = network_keys(self._space.decode(np.array([t.genes for t in trained])))
        return [(key, t.accuracy) for key, t in zip(keys, trained, strict=True)]

    def read(self, trials: Sequence[FrozenTrial], number: int) -> None:
        """Take note of all trials but the one of this number."""
        self._running = []
        for trial in trials:
            if trial.number in self._known or trial.number == number:
                continue
            if not self._names <= trial.params.keys():
                continue
            if trial.state.is_finished():
                self._known[trial.number] = self._ended(trial)
            elif trial.state == TrialState.RUNNING:
                self._running.append(self._begun(trial))

    def _begun(self, trial: FrozenTrial) -> Begun:
        shown = trial.user_attrs.get(RUNGS, {})
        rungs = {int(epochs): float(accuracy) for epochs, accuracy in shown.items()}
        return Begun(self._space.genes(trial.params)[0], rungs)

    def _ended(self, trial: FrozenTrial) -> Trained | Begun:
        """Return what a finished trial tells, which maybe was not trained to the end."""
        begun = self._begun(trial)
        if trial.state == TrialState.FAIL:
            # What has no reason died, and is told again by the trial that takes it up.
            if REASON in trial.user_attrs:
                chance = 1 / self._space.classes
                self._failures[trial.number] = Trained(begun.genes, chance, {})
            return Begun(begun.genes)
        measured = trial.user_attrs.get(MEASURED, trial.user_attrs)
        accuracy = measured.get(TRAINED_ACCURACY)
        if trial.state == TrialState.COMPLETE and accuracy is None:
            accuracy = np.nan if self._accuracy is None else trial.values[self._accuracy]
        if accuracy is None:
            return begun
        rates = measured.get(SPIKE_RATES, {})
        return Trained(begun.genes, float(accuracy), rates, begun.rungs)
