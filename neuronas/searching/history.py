"""What a study knows: which networks were trained, with what result, and which are in flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from neuronas.architecture import SearchSpace, network_keys
from neuronas.searching.assessment import Ints
from neuronas.searching.attributes import SPIKE_RATES, TRAINED_ACCURACY
from neuronas.searching.objectives import ACCURACY


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network.

    Attributes:
        genes: Its genotype, shape ``(G,)``.
        accuracy: Measured, in [0, 1]; NaN where it is no objective and was not told.
        rates: Measured spikes per neuron and time step, by layer; empty where not told.
    """

    genes: Ints
    accuracy: float
    rates: Mapping[str, float]


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
        self._known: dict[int, Trained | None] = {}
        self.in_flight: list[Ints] = []

    @property
    def trained(self) -> list[Trained]:
        """The trained networks, by number of the trial."""
        return [known for _, known in sorted(self._known.items()) if known is not None]

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

    def read(self, study: Study, number: int) -> None:
        """Take note of all trials but the one of this number."""
        self.in_flight = []
        for trial in study.get_trials(deepcopy=False):
            if trial.number in self._known or trial.number == number:
                continue
            whole = self._names <= trial.params.keys()
            if trial.state.is_finished():
                self._known[trial.number] = self._trained(trial) if whole else None
            elif trial.state == TrialState.RUNNING and whole:
                self.in_flight.append(self._space.genes(trial.params)[0])

    def _trained(self, trial: FrozenTrial) -> Trained | None:
        """Return what a finished trial tells; None where it was not trained to the end."""
        if trial.state == TrialState.FAIL:
            return None  # whatever it was told of is told again by the trial that takes it up
        accuracy = trial.user_attrs.get(TRAINED_ACCURACY)
        if trial.state == TrialState.COMPLETE and accuracy is None:
            accuracy = np.nan if self._accuracy is None else trial.values[self._accuracy]
        if accuracy is None:
            return None
        rates = trial.user_attrs.get(SPIKE_RATES, {})
        return Trained(self._space.genes(trial.params)[0], float(accuracy), rates)
