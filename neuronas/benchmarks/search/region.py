"""The feasible region among trained cells, looked up instead of computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from neuronas.architecture import Workload
from neuronas.benchmarks.search.classes import SPACE, Classes, genotype_numbers
from neuronas.benchmarks.search.costs import MODEL
from neuronas.benchmarks.search.table import Floats, Ints
from neuronas.hardware import Budget, Chip, default_chip, hardware_model
from neuronas.searching import FeasibleRegion
from neuronas.searching.assessment import Assessment

_ALONG_NETWORKS = [f.name for f in fields(Workload) if f.name not in {"slots", "time_steps"}]


@dataclass(frozen=True, slots=True)
class _Looked(Assessment):
    """An assessment whose networks are known by their class."""

    classes: Ints

    def keys(self, indices: Ints) -> list[bytes]:
        """Return a key per network at ``indices``."""
        return [number.tobytes() for number in self.classes[indices]]


class TrainedRegion(FeasibleRegion):
    """The trained networks that fit a budget at the assumed spike rate.

    All genotypes are assessed once: what a search then takes is the sampler's own time. A network
    that nobody trained counts as not connected, since nothing is known of it.
    """

    def __init__(self, classes: Classes, budget: Budget) -> None:
        super().__init__(SPACE, hardware_model(MODEL), Chip.of(default_chip(MODEL)), budget)
        self._classes = classes.of_genotype
        self._all = super().assess(SPACE.enumerate(0, SPACE.size))

    def keys(self, genes: Ints) -> list[bytes]:
        """Return a key per genotype, equal ones for networks of one class."""
        return self.assess(genes).keys(np.arange(len(genes)))

    def assess(self, genes: Ints, rates: Mapping[str, Floats] | None = None) -> Assessment:
        """Return what is known of genotypes, shape ``(N, G)``; computed at given rates only."""
        if rates is not None:
            return super().assess(genes, rates)
        rows, known = genotype_numbers(genes[:, : len(SPACE.searched)]), self._all
        table = {name: getattr(known.workload, name)[:, rows] for name in _ALONG_NETWORKS}
        return _Looked(
            genes=genes,
            chip_genes=known.chip_genes[rows],
            networks=known.networks.take(rows),
            workload=Workload(
                known.workload.slots, time_steps=known.networks.time_steps[rows], **table
            ),
            connected=self._classes[rows] >= 0,
            fits=known.fits[rows],
            tiles=known.tiles[rows],
            quantities={name: values[rows] for name, values in known.quantities.items()},
            violations=np.ascontiguousarray(known.violations[:, rows]),
            classes=self._classes[rows],
        )
