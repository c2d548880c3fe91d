"""Samplers behind the gate: they propose only feasible networks that were not proposed before."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from neuronas.errors import SpaceExhaustedError
from neuronas.searching.assessment import Tally
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.seeds import Stream, derived_seed, generator
from neuronas.storage import is_enqueued

BaseFactory = Callable[[int], BaseSampler]

_ATTEMPTS = 10


def _tpe(seed: int) -> BaseSampler:
    # Independent TPE, Optuna's default for several objectives, searches worse than this and
    # takes ten times longer. A constant liar would take rejected proposals for the trial's.
    return TPESampler(multivariate=True, constant_liar=False, seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed)


def _nsga3(seed: int) -> BaseSampler:
    return NSGAIIISampler(seed=seed)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed)


SAMPLERS: dict[str, BaseFactory | None] = {
    "random": None,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "nsga3": _nsga3,
    "gp": _gp,
}
"""The sampler behind the gate, made anew for each trial from a seed; None draws uniformly.

What one trial learns for the next must therefore stand in the study, as generations of the
genetic samplers do.
"""


class GatedSampler(BaseSampler):
    """An Optuna sampler that stays inside the feasible region and never repeats a network.

    A base sampler is asked up to ten times; then its last proposal is repaired by mutation; then
    a feasible network is drawn. Works in ``study.optimize`` too. Equal networks are recognized
    whatever genotype they come from.

    Args:
        region: The feasible region.
        seed: The study's seed. Draws derive from it, the trial's number and the worker's slot, so
            that a restarted process repeats none, and no two workers draw alike.
        base: Makes the base sampler of one trial from a seed; None draws uniformly.

    Attributes:
        region: The feasible region.
        slot: Of the worker, from 0; see :class:`neuronas.records.Worker`.
        stays_inside: Whether all that it proposes is in the region.
    """

    stays_inside = True

    def __init__(self, region: FeasibleRegion, seed: int, base: BaseFactory | None = None) -> None:
        self.region = region
        self._seed = seed
        self._base = base
        self._proposed: dict[int, bytes] = {}
        self._keys: set[bytes] = set()
        self._genes: list[NDArray[np.int64]] = []
        self._reserved: tuple[int, NDArray[np.int64], Tally] | None = None
        self.slot = 0

    @property
    def needs_trial(self) -> bool:
        """Whether it proposes for a trial that is there only, as Optuna's samplers do."""
        return self._base is not None

    def propose(
        self, study: Study, trials: Sequence[FrozenTrial]
    ) -> tuple[NDArray[np.int64], Mapping[str, Any]]:
        """Return a genotype for a trial that is not there yet, and user attributes for it.

        Args:
            study: The study.
            trials: All its trials, by number.

        Raises:
            InfeasibleSpaceError: Nothing fits the budget.
            SpaceExhaustedError: Everything that fits was proposed.
        """
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = len(trials)
        self._learn(trials, trial.number)
        return self._propose(study, trials, trial), trial.user_attrs

    def prepare(self, say: Callable[[str], None]) -> None:
        """Do what comes once, before the first proposal of a process: nothing here.

        Args:
            say: Told of progress.
        """

    def reserve(self, study: Study) -> None:
        """Make sure that the next trial can be given a network.

        Raises:
            InfeasibleSpaceError: Nothing fits the budget.
            SpaceExhaustedError: Everything that fits was proposed.
        """
        trials = study.get_trials(deepcopy=False)
        number = len(trials)
        self._learn(trials, number)
        genes = self._draw(number)
        self._reserved = (number, genes, self.region.take_tally())

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Every searched parameter with its choices."""
        return {p.name: CategoricalDistribution(p.choices) for p in self.region.space.searched}

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Return every searched parameter: the space is known, not inferred from trials."""
        return self.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values of a feasible new network, or nothing if there is none left."""
        if is_enqueued(trial):
            return {}
        trials = study.get_trials(deepcopy=False)
        self._learn(trials, trial.number)
        try:
            genes = self._propose(study, trials, trial)
        except SpaceExhaustedError:
            # A trial enqueued by plain Optuna needs no values; others fail in sample_independent.
            return {}
        return self.region.space.values(genes)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's signature
        """Refuse: parameters are only ever chosen together."""
        if param_name in {p.name for p in self.region.space.searched}:
            raise SpaceExhaustedError("no unseen feasible network is left")
        raise ValueError(f"'{param_name}' is not a parameter of the search space")

    def _propose(
        self, study: Study, trials: Sequence[FrozenTrial], trial: FrozenTrial
    ) -> NDArray[np.int64]:
        del trials  # Optuna's samplers read them themselves
        genes, search_space = None, self.distributions
        if self._base is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                base = self._base(
                    derived_seed(self._seed, Stream.SAMPLER, *self._place(trial.number))
                )
            for _ in range(_ATTEMPTS):
                values = base.sample_relative(study, trial, search_space)
                if not values:
                    break  # the base sampler has seen too few trials to propose anything
                # Genetic samplers leave out what mutates, for a draw parameter by parameter.
                for name, choices in search_space.items():
                    if name not in values:
                        values[name] = base.sample_independent(study, trial, name, choices)
                genes = np.asarray(self.region.space.genes(values)[0])
                if self.region.accepts(genes, self._is_new):
                    return genes
        if genes is not None:
            source = generator(self._seed, Stream.SAMPLER, *self._place(trial.number))
            repaired = self.region.repair(source, genes, self._is_new)
            if repaired is not None:
                return repaired
        return self._any(trial.number)

    def _any(self, number: int) -> NDArray[np.int64]:
        """Return the network that was reserved, else draw one."""
        if self._reserved is not None and self._reserved[0] == number:
            self.region.tally.add(self._reserved[2])  # counted only if it is used
            return self._reserved[1]
        return self._draw(number)

    def _draw(self, number: int) -> NDArray[np.int64]:
        known = np.concatenate(self._genes) if self._genes else None
        source = generator(self._seed, Stream.PROPOSAL, *self._place(number))
        return self.region.draw(source, self._is_new, known)

    def _place(self, number: int) -> tuple[int, ...]:
        """Return where in the seed tree this worker draws for a trial."""
        return (number, self.slot) if self.slot else (number,)

    def _is_new(self, key: bytes) -> bool:
        return key not in self._keys

    def _learn(self, trials: Sequence[FrozenTrial], number: int) -> None:
        """Take note of the networks of all other trials."""
        names = {p.name for p in self.region.space.searched}
        fresh = [
            trial
            for trial in trials
            if trial.number != number
            and trial.number not in self._proposed
            and names <= trial.params.keys()
        ]
        if not fresh:
            return
        rows = np.concatenate([self.region.space.genes(trial.params) for trial in fresh])
        self._genes.append(rows)
        keys = self.region.keys(rows)
        self._proposed.update(zip((trial.number for trial in fresh), keys, strict=True))
        self._keys.update(keys)
