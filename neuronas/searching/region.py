"""The feasible region: candidates are drawn inside it, before anything costs time.

Hardware cost takes microseconds in batch and a training takes seconds to hours, so what breaks a
budget is turned away here and only counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import SearchSpace, Workload
from neuronas.config import StudyConfig
from neuronas.hardware import (
    Activity,
    Budget,
    Chip,
    HardwareModel,
    hardware_model,
    measured_activity,
    option_codes,
    presented,
    require_possible,
    require_steps_in_order,
)
from neuronas.searching import drawing, pooling
from neuronas.searching.assessment import SEEN, Assessment, Ints, Tally, keys_on_chips
from neuronas.searching.chips import chip_of, told_of
from neuronas.searching.drawing import IsNew
from neuronas.searching.pooling import Pool


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

    def assess(
        self, genes: Ints, rates: Mapping[str, NDArray[np.float64]] | None = None
    ) -> Assessment:
        """Return what is known of genotypes before training, or of what they cost after it.

        Args:
            genes: Shape ``(N, G)``.
            rates: Spikes per neuron and time step, by layer, shape ``(N,)`` each, NaN where they
                are not known; assumed ones where None.
        """
        networks = self.space.decode(genes)
        workload = Workload.of(networks)
        chip_genes = self.space.chip_genes(genes)
        choices = {
            name: codes[gene]
            for (name, codes), gene in zip(self._options.items(), chip_genes.T, strict=True)
        }
        activity = self.activity if rates is None else self._activity_at(workload, rates)
        cost = self.model.cost(workload, self.chip, activity=activity, choices=choices)
        quantities = presented(cost, workload, activity)
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

    def keys(self, genes: Ints) -> list[bytes]:
        """Return a key per genotype; equal keys are equal networks on equal chips."""
        return keys_on_chips(self.space.decode(genes), self.space.chip_genes(genes))

    def _activity_at(
        self, workload: Workload, rates: Mapping[str, NDArray[np.float64]]
    ) -> Activity:
        """Return the activity at known rates; neurons of which none is known fire as assumed."""
        assumed = self.activity or Activity()
        known = dict(rates)
        for row, slot in enumerate(workload.slots):
            given = known.get(slot.name, np.nan)
            fires = workload.neurons[row] > 0
            known[slot.name] = np.where(fires & np.isnan(given), assumed.spike_rate, given)
        return replace(measured_activity(workload, known), zero_rows=assumed.zero_rows)

    def over(self, space: SearchSpace) -> FeasibleRegion:
        """Return the region of another space, with the same chip and budget."""
        return FeasibleRegion(space, self.model, self.chip, self.budget, self.activity)

    def chip_for(self, genes: Ints) -> Chip:
        """Return the chip that one genotype, shape ``(G,)``, chooses."""
        return self.chip.changed(self.space.chip_values(genes))

    def take_tally(self) -> Tally:
        """Return the counts since the last call, and start again from zero."""
        taken, self.tally = self.tally, Tally()
        return taken

    def draw(
        self, generator: np.random.Generator, is_new: IsNew, known: Ints | None = None
    ) -> Ints:
        """Return a feasible genotype, shape ``(G,)``, of a network that is new.

        Args:
            generator: Source of randomness.
            is_new: Whether the network with this key may be proposed.
            known: Genotypes to look near where little fits, shape ``(M, G)``: proposed before.

        Raises:
            InfeasibleSpaceError: Nothing fits; or nothing that fits was found.
            SpaceExhaustedError: Nothing that fits is new.
        """
        return drawing.draw(self, generator, is_new, known)

    def repair(self, generator: np.random.Generator, genes: Ints, is_new: IsNew) -> Ints | None:
        """Return a new feasible genotype near ``genes``, shape ``(G,)``; None if none is near."""
        return drawing.repair(self, generator, genes, is_new)

    def pool(
        self,
        generator: np.random.Generator,
        size: int,
        *,
        known: Ints | None = None,
        is_new: IsNew | None = None,
    ) -> Pool:
        """Return up to ``size`` feasible networks, no two of them equal.

        Uniformly drawn ones where many fit; otherwise also their descendants and those of
        ``known``. Fewer are returned where no more are found.

        Args:
            generator: Source of randomness.
            size: How many are wanted.
            known: Genotypes that descendants are wanted of, shape ``(M, G)``, feasible or not.
            is_new: Whether the network with this key may be in the pool; any if None.

        Raises:
            InfeasibleSpaceError: Nothing fits; or nothing that fits was found.
        """
        return pooling.pool(self, generator, size, known, is_new)

    def accepts(self, genes: Ints, is_new: IsNew) -> bool:
        """Return whether a genotype, shape ``(G,)``, is feasible and new; count it if not."""
        assessment = self.assess(genes[None])
        accepted = drawing.taken(self, assessment, is_new) is not None
        if not accepted and bool(assessment.feasible[0]):
            self.tally.reasons[SEEN] += 1
        return accepted
