"""Classes of equal networks among trained cells: what a search can propose and train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture import SearchSpace, network_keys
from neuronas.benchmarks.search.table import OPERATIONS, Ints, TrainedCells
from neuronas.config import SpaceConfig, StudyConfig
from neuronas.errors import ConfigError

EPOCHS = 100
"""Epochs of the trainings that are compared: a few were trained twice as long, and so better."""

SPACE = SearchSpace.of(
    StudyConfig(
        name="spikenas-bench",
        dataset="cifar10",
        space=SpaceConfig(
            cells="shared",
            operations=list(OPERATIONS),
            channels=[128],
            ratio=[2],
            pool=[2],
            hidden=[1024],
            time_steps=[5],
            decay=[0.25],
            votes=[10],
        ),
    )
)
"""Their macro-architecture as a space of ours; a time constant of 4/3 is a decay of 0.25."""


@dataclass(frozen=True, slots=True)
class Classes:
    """C classes of equal networks and their M trainings; classes are numbered from 0.

    Attributes:
        cells: The M trainings, those of a class side by side.
        start: First training of each class, and M, shape ``(C + 1,)``.
        genes: A genotype of each class, shape ``(C, G)``.
        of_genotype: Class of each genotype of the space in the order of its enumeration; -1 where
            none is trained.
    """

    cells: TrainedCells
    start: Ints
    genes: Ints
    of_genotype: Ints

    @classmethod
    def of(cls, table: TrainedCells) -> Classes:
        """Return the classes of all connected networks that were trained for 100 epochs.

        Networks are equal if their graphs are once edges on no path from input to output are left
        out (``network_keys``).

        Raises:
            ConfigError: There is no such network.
        """
        keys, connected = _keys()
        place = genotype_numbers(table.operations)
        usable = np.flatnonzero(connected[place] & (table.epochs == EPOCHS))
        if len(usable) == 0:
            raise ConfigError(f"epochs: no connected network was trained for {EPOCHS} epochs")
        of_training = keys[place[usable]]
        trained, first, sizes = np.unique(of_training, return_index=True, return_counts=True)
        of_key = np.full(keys.max() + 1, -1)
        of_key[trained] = np.arange(len(trained))
        return cls(
            cells=table.take(usable[np.argsort(of_training, kind="stable")]),
            start=np.concatenate([[0], np.cumsum(sizes)]),
            genes=_genes(table.operations[usable[first]]),
            of_genotype=np.where(connected, of_key[keys], -1),
        )

    def __len__(self) -> int:
        return len(self.genes)

    @property
    def sizes(self) -> Ints:
        """Trainings of each class, shape ``(C,)``."""
        return np.diff(self.start)

    @property
    def of_training(self) -> Ints:
        """Class of each training, shape ``(M,)``."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def number(self, genes: Ints) -> Ints:
        """Return the class of each genotype, shape ``(N, G)``; -1 where none is trained."""
        return np.asarray(self.of_genotype[genotype_numbers(genes[:, : len(_EDGE_GENES)])])


_EDGE_GENES = [p for p in SPACE.parameters if p.name.startswith("cell.")]
assert SPACE.parameters[: len(_EDGE_GENES)] == tuple(_EDGE_GENES) == SPACE.searched


def genotype_numbers(operations: Ints) -> Ints:
    """Return the places of cells, shape ``(N, 6)``, in the enumeration of the space."""
    radices = (len(OPERATIONS),) * operations.shape[1]
    return np.asarray(np.ravel_multi_index(tuple(operations.T), radices))


def _genes(operations: Ints) -> Ints:
    fixed = np.zeros((len(operations), len(SPACE.parameters) - operations.shape[1]), dtype=np.int64)
    return np.concatenate([operations, fixed], axis=1)


def _keys() -> tuple[Ints, NDArray[np.bool_]]:
    """Return which genotypes are equal networks, as equal numbers, and which are connected."""
    networks = SPACE.decode(SPACE.enumerate(0, SPACE.size))
    numbers: dict[bytes, int] = {}
    found = network_keys(networks)
    keys = np.array([numbers.setdefault(key, len(numbers)) for key in found])
    return keys, networks.connected()
