"""The feasible region: candidates are drawn inside it, before anything costs time.

Hardware cost takes microseconds in batch and a training takes seconds to hours, so what breaks a
budget is turned away here and only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Networks, SearchSpace, Workload, network_keys
from neuronas.config import StudyConfig
from neuronas.errors import InfeasibleSpaceError, SpaceExhaustedError
from neuronas.hardware import (
    NO_ROOM,
    UNITS,
    Activity,
    Budget,
    Chip,
    HardwareModel,
    hardware_model,
    option_codes,
    presented,
    require_possible,
    require_steps_in_order,
)
from neuronas.searching.chips import chip_of, told_of

Ints = NDArray[np.int64]
IsNew = Callable[[bytes], bool]

DISCONNECTED = "disconnected"
SEEN = "proposed before"

CHUNK = 2048
"""Networks per batch: their arrays stay within a processor's second-level cache."""

_REJECTION_CHUNKS = 32
_ENUMERABLE = 2**18
"""Genotypes that are enumerated at once: about a second."""
_PROVABLE = 2**22
"""Genotypes that are enumerated to be sure that a search is over: about 20 seconds."""
_PARENTS = 32
_GENERATIONS = 64
_IMPROVEMENT_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a batch of genotypes before training.

    Attributes:
        genes: Shape ``(N, G)``.
        chip_genes: Those of them that choose on the chip, shape ``(N, K)``.
        networks: The N networks.
        workload: Their layer table.
        connected: Whether input and output are connected, shape ``(N,)``.
        fits: Whether a chip of fixed size has room, shape ``(N,)``.
        tiles: Tiles that each network needs, shape ``(N,)``.
        quantities: Cost per quantity, in the units of budgets, shape ``(N,)`` each.
        violations: ``cost / budget - 1``, shape ``(B, N)``.
    """

    genes: Ints
    chip_genes: Ints
    networks: Networks
    workload: Workload
    connected: NDArray[np.bool_]
    fits: NDArray[np.bool_]
    tiles: NDArray[np.float64]
    quantities: dict[str, NDArray[np.float64]]
    violations: NDArray[np.float64]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which networks are connected, on the chip and within every budget, shape ``(N,)``."""
        return self.connected & self.fits & (self.violations <= 0).all(axis=0)

    @property
    def excess(self) -> NDArray[np.float64]:
        """By how much each network misses feasibility: 0 inside, infinite when disconnected.

        Where the chip has no room, fewer tiles are nearer.
        """
        worst = self.violations.max(axis=0, initial=0.0)
        return np.where(self.connected, worst + np.where(self.fits, 0.0, self.tiles), np.inf)

    def rejected(self, limits: list[str]) -> dict[str, NDArray[np.bool_]]:
        """Return which networks each reason turns away, shape ``(N,)`` each.

        What is disconnected counts under no other reason.
        """
        broken = dict(zip(limits, self.violations > 0, strict=True))
        found = {NO_ROOM: ~self.fits} | broken
        return {DISCONNECTED: ~self.connected} | {
            reason: rows & self.connected for reason, rows in found.items()
        }

    def keys(self, indices: Ints) -> list[bytes]:
        """Return a key per network at ``indices``; equal keys are equal networks on equal chips."""
        chosen = self.networks.take(indices)
        found = network_keys(chosen, Workload.of(chosen))
        chips = np.ascontiguousarray(self.chip_genes[indices])
        return [key + chip.tobytes() for key, chip in zip(found, chips, strict=True)]


@dataclass(slots=True)
class Tally:
    """How many genotypes were drawn, how many of them turned away, and why.

    A genotype that breaks several budgets counts once under each reason.
    """

    drawn: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(
        self, assessment: Assessment, limits: list[str], stop: int, *, taken: bool = False
    ) -> None:
        """Count the first ``stop`` genotypes of a batch, of which the last may be taken."""
        self.drawn += stop
        self.rejected += stop - taken
        for reason, rows in assessment.rejected(limits).items():
            self.reasons[reason] += int(rows[:stop].sum())

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        self.drawn += other.drawn
        self.rejected += other.rejected
        self.reasons.update(other.reasons)


class FeasibleRegion:
    """The connected networks of a search space that fit a budget and a chip.

    Args:
        space: The search space.
        model: Hardware model.
        chip: Chip.
        budget: Upper limits.
        activity: What is assumed of the data.
    """

    def __init__(
        self,
        space: SearchSpace,
        model: HardwareModel,
        chip: Chip,
        budget: Budget,
        activity: Activity | None = None,
    ) -> None:
        self.space = space
        self.activity = activity
        self.model = model
        self.chip = chip
        self.budget = budget
        self.tally = Tally()
        parameters = space.chip_parameters
        self._options = {p.name: option_codes(model, chip, p.name, p.choices) for p in parameters}
        require_possible(chip, {p.name: p.choices for p in parameters})

    @classmethod
    def of(cls, study: StudyConfig) -> FeasibleRegion:
        """Return the region that a study file describes.

        Raises:
            ConfigError: Its chip cannot be, or cannot take one of the choices on it, or cannot run
                its networks.
        """
        chip = chip_of(study)
        with told_of(study):
            region = cls(
                SearchSpace.of(study),
                hardware_model(study.hardware.model),
                chip,
                Budget(study.budget.limits()),
                Activity(study.hardware.spike_rate),
            )
            if study.space.feedback and max(study.space.time_steps) > 1:
                require_steps_in_order(chip, study.space.chip)
        return region

    @classmethod
    def under(cls, study: StudyConfig, chip: Chip) -> FeasibleRegion:
        """Return the region of a study's networks on another chip, its choices left out."""
        networks = study.model_copy(update={"space": study.space.model_copy(update={"chip": {}})})
        return cls(
            SearchSpace.of(networks),
            hardware_model(chip.model),
            chip,
            Budget(study.budget.limits()),
            Activity(study.hardware.spike_rate),
        )

    @property
    def limits(self) -> list[str]:
        """Names of the budgets, in the fixed order."""
        return list(self.budget.limits)

    def assess(self, genes: Ints) -> Assessment:
        """Return what is known of genotypes, shape ``(N, G)``, before training."""
        networks = self.space.decode(genes)
        workload = Workload.of(networks)
        chip_genes = self.space.chip_genes(genes)
        choices = {
            name: codes[gene]
            for (name, codes), gene in zip(self._options.items(), chip_genes.T, strict=True)
        }
        cost = self.model.cost(workload, self.chip, activity=self.activity, choices=choices)
        quantities = presented(cost, workload, self.activity)
        return Assessment(
            genes=genes,
            chip_genes=chip_genes,
            networks=networks,
            workload=workload,
            connected=networks.connected(),
            fits=cost.fits,
            tiles=cost.num_tiles,
            quantities=quantities,
            violations=self.budget.violations(quantities),
        )

    def chip_for(self, genes: Ints) -> Chip:
        """Return the chip that one genotype, shape ``(G,)``, chooses."""
        return self.chip.changed(self.space.chip_values(genes))

    def take_tally(self) -> Tally:
        """Return the counts since the last call, and start again from zero."""
        taken, self.tally = self.tally, Tally()
        return taken

    def draw(self, generator: np.random.Generator, is_new: IsNew) -> Ints:
        """Return a feasible genotype, shape ``(G,)``, of a network that is new.

        Uniform rejection first; where almost nothing fits, improvement towards feasibility; and
        a space of up to four million genotypes is enumerated before it is called exhausted.

        Args:
            generator: Source of randomness.
            is_new: Whether the network with this key may be proposed.

        Raises:
            InfeasibleSpaceError: Nothing fits.
            SpaceExhaustedError: Nothing that fits is new.
        """
        drawn, found = self.tally.drawn, False
        for chunk in range(_REJECTION_CHUNKS):
            size = min(CHUNK, 128 << chunk)
            assessment = self.assess(self.space.sample(generator, size))
            index = self._taken(assessment, is_new)
            found |= bool(assessment.feasible.any())
            if index is not None:
                return np.asarray(assessment.genes[index])
        if self.space.size <= _ENUMERABLE:
            return self._enumerated(generator, is_new)
        genes, nearest = self._improved(generator, is_new)
        if genes is not None:
            return genes
        if not found and nearest.excess.min() > 0:
            raise self._infeasible(nearest)
        if self.space.size <= _PROVABLE:
            return self._enumerated(generator, is_new)
        raise SpaceExhaustedError(
            f"no unseen feasible network found in {self.tally.drawn - drawn:,} draws; the space of "
            f"{self.space.size:,} genotypes is too large to look at each"
        )

    def _enumerated(self, generator: np.random.Generator, is_new: IsNew) -> Ints:
        nearest: Assessment | None = None
        starts = np.arange(0, self.space.size, CHUNK)
        for start in generator.permutation(starts):
            stop = min(int(start) + CHUNK, self.space.size)
            order = generator.permutation(stop - int(start))
            assessment = self.assess(self.space.enumerate(int(start), stop)[order])
            index = self._taken(assessment, is_new)
            if index is not None:
                return np.asarray(assessment.genes[index])
            if nearest is None or assessment.excess.min() < nearest.excess.min():
                nearest = assessment
        assert nearest is not None
        if nearest.excess.min() > 0:
            raise self._infeasible(nearest, examined=self.space.size)
        raise SpaceExhaustedError("every feasible network of the space was proposed")

    def _improved(
        self, generator: np.random.Generator, is_new: IsNew
    ) -> tuple[Ints | None, Assessment]:
        """Mutate towards feasibility; return a new feasible genotype or None, and the nearest."""
        nearest = self.assess(self.space.sample(generator, CHUNK))
        self.tally.count(nearest, self.limits, CHUNK)
        genes, excess = nearest.genes, nearest.excess
        rate = min(1.0, 2 / max(1, len(self.space.searched)))
        for _ in range(_GENERATIONS):
            best = np.argsort(excess, kind="stable")[:_PARENTS]
            chosen = genes[best][generator.integers(len(best), size=_IMPROVEMENT_CHUNK)]
            children = self.assess(self.space.mutate(generator, chosen, rate))
            index = self._taken(children, is_new)
            if index is not None:
                return np.asarray(children.genes[index]), children
            if children.excess.min() < nearest.excess.min():
                nearest = children
            genes = np.concatenate([genes[best], children.genes])
            excess = np.concatenate([excess[best], children.excess])
        return None, nearest

    def _taken(self, assessment: Assessment, is_new: IsNew) -> int | None:
        """Return the first feasible network that is new; count what was drawn up to it."""
        index = _first_new(assessment, is_new)
        stop = len(assessment.genes) if index is None else index + 1
        self.tally.count(assessment, self.limits, stop, taken=index is not None)
        return index

    def repair(self, generator: np.random.Generator, genes: Ints, is_new: IsNew) -> Ints | None:
        """Return a new feasible genotype near ``genes``, shape ``(G,)``; None if none is near."""
        searched = max(1, len(self.space.searched))
        for changes in (1, 2, 4):
            batch = np.repeat(genes[None], _IMPROVEMENT_CHUNK, axis=0)
            rate = min(1.0, changes / searched)
            assessment = self.assess(self.space.mutate(generator, batch, rate))
            index = self._taken(assessment, is_new)
            if index is not None:
                return np.asarray(assessment.genes[index])
        return None

    def accepts(self, genes: Ints, is_new: IsNew) -> bool:
        """Return whether a genotype, shape ``(G,)``, is feasible and new; count it if not."""
        assessment = self.assess(genes[None])
        accepted = self._taken(assessment, is_new) is not None
        if not accepted and bool(assessment.feasible[0]):
            self.tally.reasons[SEEN] += 1
        return accepted

    def _infeasible(
        self, nearest: Assessment, *, examined: int | None = None
    ) -> InfeasibleSpaceError:
        index = int(nearest.excess.argmin())
        if not nearest.connected[index]:
            return InfeasibleSpaceError(
                "no network of this space connects its input to its output; allow more operations"
            )
        network = nearest.networks[index]
        cells = " / ".join(network.canonical().cnt_mats())
        at = f" Nearest: cells {cells}, {network.channels} channels, T = {network.time_steps}. "
        how = "found that fits" if examined is None else f"of the space (all {examined:,}) fits"
        if not nearest.fits[index]:
            return InfeasibleSpaceError(
                f"no network {how} the chip '{self.chip.name}': the nearest candidate needs "
                f"{nearest.tiles[index]:,.0f} tiles.{at}Give the chip more of them or allow "
                "smaller choices in the space",
                nearest=network.to_json(),
            )
        violations = dict(zip(self.limits, nearest.violations[:, index].tolist(), strict=True))
        binding = max(violations, key=lambda name: violations[name])
        limit = _amount(self.budget.limits[binding], binding)
        cost = _amount(nearest.quantities[binding][index], binding)
        return InfeasibleSpaceError(
            f"no network {how} the budget. {binding} binds: the nearest candidate takes "
            f"{cost}, {violations[binding]:.1%} over the limit of {limit}."
            f"{at}Raise budget.{binding} or allow smaller choices in the space",
            binding=binding,
            nearest=network.to_json(),
            violations=violations,
        )


def _amount(value: float, quantity: str) -> str:
    number = f"{value:,.10g}" if quantity == "parameters" else f"{value:.4g}"
    return f"{number} {UNITS[quantity]}".strip()


def _first_new(assessment: Assessment, is_new: IsNew) -> int | None:
    """Return the index of the first feasible network that is new."""
    feasible = np.flatnonzero(assessment.feasible)
    step = 64
    for start in range(0, len(feasible), step):
        indices = feasible[start : start + step]
        for index, key in zip(indices, assessment.keys(indices), strict=True):
            if is_new(key):
                return int(index)
    return None
