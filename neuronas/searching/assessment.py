"""What is known of candidates before training, and the count of those that were turned away."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import Networks, Workload, network_keys
from neuronas.hardware import NO_ROOM

Ints = NDArray[np.int64]

DISCONNECTED = "disconnected"
SEEN = "proposed before"


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

    @property
    def distance(self) -> NDArray[np.float64]:
        """How far each network is from feasibility, for evolution: all that it misses counts.

        Violations count by their logarithm, so that no budget is lost sight of for another that is
        missed by far. On a chip without room, fewer tiles are nearer.
        """
        missed = np.log1p(self.violations.clip(min=0)).sum(axis=0)
        room = np.where(self.fits, 0.0, 1 + np.log(self.tiles.clip(min=1)))
        return np.where(self.connected, missed + room, np.inf)

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
        return keys_on_chips(self.networks.take(indices), self.chip_genes[indices])


def keys_on_chips(networks: Networks, chip_genes: Ints) -> list[bytes]:
    """Return a key per network; equal keys are equal networks on equal chips."""
    found = network_keys(networks)
    chips = np.ascontiguousarray(chip_genes)
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

    def look(self, assessment: Assessment, limits: list[str]) -> None:
        """Count genotypes that were looked at: those that are not feasible were turned away."""
        self.drawn += len(assessment.genes)
        self.rejected += int((~assessment.feasible).sum())
        for reason, rows in assessment.rejected(limits).items():
            self.reasons[reason] += int(rows.sum())

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        self.drawn += other.drawn
        self.rejected += other.rejected
        self.reasons.update(other.reasons)
