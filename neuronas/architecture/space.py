"""The search space: which architectures a study may propose.

A genotype is a row of integers, one gene per parameter, each an index into that parameter's
choices; N genotypes are an array ``(N, G)``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from neuronas.architecture.cells import ALL_EDGE_NAMES, EDGE_NAMES, same_operation
from neuronas.architecture.networks import GROUPS, Architecture, Ints, Networks
from neuronas.config import (
    CODINGS,
    OPERATION_INDEX,
    OPERATIONS,
    USUAL_NEURON,
    ZEROIZE,
    NeuronConfig,
    StudyConfig,
)
from neuronas.errors import GenotypeError

Choice = str | int | float

CHIP_PREFIX = "chip."
"""Begin of the name of a parameter that chooses on the chip, not in the network."""

_SCALARS = ("channels", "ratio", "pool", "hidden", "time_steps", "decay", "threshold", "votes")


def edge_names(*, feedback: bool) -> tuple[str, ...]:
    """Return the edges of a cell, each a gene."""
    return ALL_EDGE_NAMES if feedback else EDGE_NAMES


class Suggester(Protocol):
    """Whatever chooses values by name; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401
        """Return one of ``choices``."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One gene: its name in Optuna and its choices. A single choice is fixed, not searched."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """All architectures that a study may propose.

    Attributes:
        input_shape: ``(C, H, W)`` of one sample.
        classes: Number of classes.
        shared: Whether cell B is always a copy of cell A.
        feedback: Whether cells may have backward edges.
        parameters: One per gene, in the order of the columns of a genotype array.
        neuron: How neurons of all of them behave.
    """

    input_shape: tuple[int, int, int]
    classes: int
    shared: bool
    parameters: tuple[Parameter, ...]
    feedback: bool = False
    neuron: NeuronConfig = USUAL_NEURON

    @classmethod
    def of(cls, study: StudyConfig) -> SearchSpace:
        """Return the space that a study file describes."""
        dataset, space = study.dataset_info, study.space
        cells = ("cell",) if space.cells == "shared" else ("cell_a", "cell_b")
        parameters = [
            Parameter(f"{cell}.{edge}", tuple(space.operations))
            for cell in cells
            for edge in edge_names(feedback=space.feedback)
        ]
        parameters += [Parameter(name, tuple(getattr(space, name))) for name in _SCALARS]
        parameters.append(Parameter("coding", tuple(space.coding)))
        parameters += [
            Parameter(f"weight_bits.{group}", tuple(getattr(space.weight_bits, group)))
            for group in GROUPS
        ]
        parameters += [
            Parameter(f"{CHIP_PREFIX}{name}", tuple(options))
            for name, options in sorted(space.chip.items())
        ]
        shared = space.cells == "shared"
        return cls(
            dataset.input_shape,
            dataset.classes,
            shared,
            tuple(parameters),
            space.feedback,
            space.neuron,
        )

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters with more than one choice."""
        return tuple(p for p in self.parameters if len(p.choices) > 1)

    @property
    def size(self) -> int:
        """Number of genotypes; several may be the same network."""
        return math.prod(self._radices)

    @property
    def _radices(self) -> tuple[int, ...]:
        return tuple(len(p.choices) for p in self.parameters)

    def sample(self, generator: np.random.Generator, count: int) -> Ints:
        """Return ``count`` uniform genotypes, shape ``(count, G)``."""
        return generator.integers(self._radices, size=(count, len(self.parameters)))

    def enumerate(self, start: int, stop: int) -> Ints:
        """Return the genotypes number ``start`` to ``stop - 1`` of the ``size`` there are."""
        return np.stack(np.unravel_index(np.arange(start, stop), self._radices), axis=1)

    def mutate(self, generator: np.random.Generator, genes: Ints, rate: float) -> Ints:
        """Return genotypes of which each gene was drawn anew with probability ``rate``."""
        changed = generator.random(genes.shape) < rate
        return np.where(changed, self.sample(generator, len(genes)), genes)

    def suggest(self, suggester: Suggester) -> Ints:
        """Return one genotype, shape ``(1, G)``, chosen parameter by parameter.

        Args:
            suggester: Chooses; an Optuna trial is one.
        """
        values = {p.name: suggester.suggest_categorical(p.name, p.choices) for p in self.searched}
        return self.genes(values)

    def genes(self, values: dict[str, Choice]) -> Ints:
        """Return the genotype, shape ``(1, G)``, with these values of the searched parameters."""
        return np.array(
            [[p.choices.index(values.get(p.name, p.choices[0])) for p in self.parameters]]
        )

    def values(self, genes: Ints) -> dict[str, Choice]:
        """Return the searched parameters of one genotype, shape ``(G,)``, by name."""
        return {
            p.name: p.choices[int(gene)]
            for p, gene in zip(self.parameters, genes, strict=True)
            if len(p.choices) > 1
        }

    def decode(self, genes: Ints) -> Networks:
        """Return the networks that genotypes, shape ``(N, G)``, describe."""
        columns: dict[str, Any] = {}
        for parameter, gene in zip(self.parameters, genes.T, strict=True):
            if parameter.name.startswith(CHIP_PREFIX):
                continue
            choices: Sequence[Choice] = parameter.choices
            if parameter.name == "coding":
                choices = [CODINGS.index(str(name)) for name in choices]
            elif isinstance(choices[0], str):
                choices = [OPERATION_INDEX[str(name)] for name in choices]
            columns[parameter.name] = np.asarray(choices)[gene]

        def cell(name: str) -> Ints:
            prefix = "cell" if self.shared else name
            names = edge_names(feedback=self.feedback)
            return np.stack([columns[f"{prefix}.{edge}"] for edge in names], axis=1)

        bits = np.stack([columns[f"weight_bits.{group}"] for group in GROUPS], axis=1)
        return Networks(
            input_shape=self.input_shape,
            classes=self.classes,
            cell_a=cell("cell_a"),
            cell_b=cell("cell_b"),
            coding=columns["coding"],
            weight_bits=bits,
            neuron=self.neuron,
            **{name: columns[name] for name in _SCALARS},
        )

    def chip_genes(self, genes: Ints) -> Ints:
        """Return the genes that choose on the chip, shape ``(N, K)`` of ``(N, G)``."""
        chip = [p.name.startswith(CHIP_PREFIX) for p in self.parameters]
        return np.asarray(genes[:, chip])

    @property
    def chip_parameters(self) -> tuple[Parameter, ...]:
        """The parameters that choose on the chip, named without their prefix."""
        return tuple(
            Parameter(p.name.removeprefix(CHIP_PREFIX), p.choices)
            for p in self.parameters
            if p.name.startswith(CHIP_PREFIX)
        )

    def chip_values(self, genes: Ints) -> dict[str, Choice]:
        """Return what one genotype, shape ``(G,)``, chooses on the chip, by setting."""
        chosen = self.chip_genes(genes[None])[0]
        return {
            p.name: p.choices[int(g)] for p, g in zip(self.chip_parameters, chosen, strict=True)
        }

    def encode(self, architecture: Architecture, chip: Mapping[str, Choice] | None = None) -> Ints:
        """Return the genotype, shape ``(1, G)``, of an architecture.

        Args:
            architecture: The network.
            chip: What is chosen on the chip; of what is not given, the first choice.

        Raises:
            GenotypeError: The architecture is not in this space; every gene at fault is named.
        """
        problems = []
        if architecture.input_shape != self.input_shape or architecture.classes != self.classes:
            problems.append(
                f"input_shape, classes: found {architecture.input_shape}, {architecture.classes}; "
                f"the study's dataset has {self.input_shape}, {self.classes}"
            )
        if architecture.neuron != self.neuron:
            problems.append(f"neuron: found {architecture.neuron!r}; the study has {self.neuron!r}")
        if self.shared and architecture.cell_a != architecture.cell_b:
            problems.append("cell_b: differs from cell_a, but the study's cells are shared")
        chosen = {p.name: p.choices[0] for p in self.chip_parameters} | dict(chip or {})
        values = self._values_of(architecture)
        values |= {f"{CHIP_PREFIX}{name}": value for name, value in chosen.items()}
        unknown = sorted(values.keys() - {p.name for p in self.parameters})
        problems += [f"{name}: the study does not search it" for name in unknown]
        problems += [
            f"{p.name}: found {values[p.name]}; the study allows {', '.join(map(str, p.choices))}"
            for p in self.parameters
            if values[p.name] not in p.choices
        ]
        if problems:
            raise GenotypeError(problems)
        return self.genes(values)

    def _values_of(self, architecture: Architecture) -> dict[str, Choice]:
        cells = (
            {"cell": architecture.cell_a}
            if self.shared
            else {"cell_a": architecture.cell_a, "cell_b": architecture.cell_b}
        )
        choices = {p.name: [str(choice) for choice in p.choices] for p in self.parameters}

        def chosen(gene: str, name: str) -> str:
            allowed = choices.get(gene, [])
            if name in allowed:
                return name
            return same_operation(name, architecture.threshold, allowed) or name

        values: dict[str, Choice] = {
            f"{cell}.{edge}": chosen(f"{cell}.{edge}", name)
            for cell, operations in cells.items()
            for edge, name in zip(
                edge_names(feedback=self.feedback or len(operations) > len(EDGE_NAMES)),
                itertools.chain(operations, itertools.repeat(OPERATIONS[ZEROIZE].name)),
                strict=False,
            )
        }
        values |= {name: getattr(architecture, name) for name in (*_SCALARS, "coding")}
        values |= {f"weight_bits.{g}": getattr(architecture.weight_bits, g) for g in GROUPS}
        return values
