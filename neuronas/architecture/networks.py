"""What a candidate network is: one as an ``Architecture``, N at once as ``Networks``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator
from pydantic_core import PydanticCustomError

from neuronas.architecture.cells import (
    ALL_EDGE_NAMES,
    ALL_EDGES,
    EDGE_NAMES,
    EDGES,
    canonical_cells,
    format_cnt_mat,
    live_edges,
    parse_cnt_mat,
    with_network_thresholds,
    without_idle,
)
from neuronas.config import (
    CODINGS,
    OPERATION_INDEX,
    OPERATIONS,
    USUAL_NEURON,
    ZEROIZE,
    BitWidth,
    Coding,
    Decay,
    NeuronConfig,
    Threshold,
    default_note,
    known_bits,
    read_yaml,
    validate,
)
from neuronas.errors import GenotypeError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GROUPS: tuple[str, ...] = ("stem", "cell_a", "reduction", "cell_b", "classifier")
"""Groups of layers that share a weight bit width."""

BIT_WIDTHS: tuple[int, ...] = get_args(BitWidth)
Positive = Annotated[int, Field(ge=1, le=65536)]


class WeightBits(BaseModel):
    """Weight bits of each group; 2 to 8 are integers, 16 and 32 floating point."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    stem: BitWidth = 4
    cell_a: BitWidth = 4
    reduction: BitWidth = 4
    cell_b: BitWidth = 4
    classifier: BitWidth = 4


class Architecture(BaseModel):
    """One network of the SNASNet / NeuroNAS family, as read from and written to genotype JSON.

    Stem conv3x3 to ``channels``; cell A; LIF, conv3x3 to ``ratio * channels``, average pool 2;
    cell B; LIF; average pool ``pool``; a hidden linear layer of width ``hidden`` with LIF (none
    when 0); a linear head whose outputs are averaged over ``time_steps``.

    Attributes:
        input_shape: ``(C, H, W)`` of one sample.
        classes: Outputs of the head.
        cell_a: Operation of each edge, in the order of ``EDGES``, and of ``BACK_EDGES`` if any
            edge leads backward. JSON has a mapping such as ``{"0->1": "conv3x3", ...}``; SNASNet's
            ``cnt_mat`` text is read too.
        cell_b: Likewise, for the second cell.
        channels: Channels of cell A.
        ratio: Channels of cell B over those of cell A.
        pool: Side of the average pooling before the classifier.
        hidden: Width of the hidden linear layer; 0 means none.
        time_steps: Time steps T.
        decay: Decay of the membrane potential per time step, in [0, 1).
        threshold: Firing threshold of the membrane potential.
        votes: Outputs of the head per class, which are averaged.
        coding: How an image becomes what the stem reads.
        neuron: How neurons and batch norm behave.
        weight_bits: Weight bits per group.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    input_shape: tuple[Positive, Positive, Positive]
    classes: Annotated[int, Field(ge=2, le=65536)]
    cell_a: tuple[str, ...]
    cell_b: tuple[str, ...]
    channels: Positive
    ratio: Positive = 2
    pool: Positive = 2
    hidden: Annotated[int, Field(ge=0, le=65536)] = 0
    time_steps: Positive = 4
    decay: Decay = 0.25
    threshold: Threshold = 1.0
    votes: Annotated[int, Field(ge=1, le=256)] = 1
    coding: Coding = "direct"
    neuron: NeuronConfig = USUAL_NEURON
    weight_bits: WeightBits = WeightBits()

    @field_validator("input_shape", mode="before")
    @classmethod
    def _list_to_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("cell_a", "cell_b", mode="before")
    @classmethod
    def _read_cell(cls, value: object) -> object:
        try:
            return _cell(value)
        except GenotypeError as error:
            raise PydanticCustomError("cell", "{problem}", {"problem": str(error)}) from None

    @field_validator("weight_bits", mode="before")
    @classmethod
    def _same_bits_for_all_groups(cls, value: object) -> object:
        if isinstance(value, dict | WeightBits):
            return value
        return dict.fromkeys(GROUPS, known_bits(value))

    @field_serializer("cell_a", "cell_b")
    def _write_cell(self, operations: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(ALL_EDGE_NAMES, operations, strict=False))

    @classmethod
    def from_file(cls, path: str | Path) -> Architecture:
        """Return the architecture in a genotype file.

        Raises:
            ConfigError: The file is absent or wrong; the message names file, key, found, allowed.
        """
        return cls.from_json(read_yaml(Path(path)), source=str(path))

    @classmethod
    def from_json(cls, content: object, *, source: str | None = None) -> Architecture:
        """Return the architecture that genotype JSON values describe; ConfigError if wrong.

        What ``neuronas show --format json`` prints is read too, by its key ``genotype``.
        """
        if isinstance(content, dict) and isinstance(content.get("genotype"), dict):
            content = content["genotype"]
        return validate(cls, content, source=source)

    def to_json(self) -> dict[str, Any]:
        """Return the genotype as JSON values; inverse of :meth:`from_json`.

        ``votes``, ``coding`` and ``neuron`` are left out where they are the usual ones.
        """
        values: dict[str, Any] = json.loads(self.model_dump_json())
        usual = type(self).model_fields
        for name in ("votes", "coding", "neuron"):
            if getattr(self, name) == usual[name].default:
                del values[name]
        return values

    def canonical(self) -> Architecture:
        """Return the same network as it is compared; see :meth:`Networks.canonical`."""
        return Networks.of([self]).canonical()[0]

    def full_precision(self) -> Architecture:
        """Return the same network with weights of 32 bits."""
        bits = WeightBits.model_validate(dict.fromkeys(GROUPS, 32))
        return self.model_copy(update={"weight_bits": bits})

    def cnt_mats(self) -> tuple[str, str]:
        """Return SNASNet's notation of cell A and cell B."""
        return format_cnt_mat(self.cell_a), format_cnt_mat(self.cell_b)

    def operations(self) -> set[str]:
        """Return the operations that stand on its edges."""
        return {*self.cell_a, *self.cell_b}

    def check(self) -> None:
        """Raise a GenotypeError unless the network can be built and run."""
        steps = np.array([self.time_steps])
        connected_a, connected_b = (
            bool(live_edges(_indices([cell]), steps).any()) for cell in (self.cell_a, self.cell_b)
        )
        problems = [
            f"{name}: no path from input to output: {format_cnt_mat(cell)}"
            for name, cell, connected in (
                ("cell_a", self.cell_a, connected_a),
                ("cell_b", self.cell_b, connected_b),
            )
            if not connected
        ]
        side = min(self.input_shape[1:]) // 2
        if side == 0:
            problems.append(
                f"input_shape: found {self.input_shape[1]}x{self.input_shape[2]}; allowed: at "
                "least 2x2, since the family pools once"
            )
        elif self.pool > side:
            found = f"{self.pool}{default_note(self, 'pool')}".removesuffix(",")
            allowed = "1" if side == 1 else f"1 to {side}"
            problems.append(
                f"pool: found {found}; allowed: {allowed}, the feature map that an input of "
                f"{self.input_shape[1]}x{self.input_shape[2]} leaves after the first pooling"
            )
        if problems:
            raise GenotypeError(problems)


def _cell(value: object) -> object:
    if isinstance(value, str):
        return parse_cnt_mat(value)
    if isinstance(value, dict):
        unknown = sorted(map(str, value.keys() - set(ALL_EDGE_NAMES)))
        if unknown:
            raise GenotypeError(
                f"unknown edge {unknown[0]!r}; allowed: {', '.join(ALL_EDGE_NAMES)}"
            )
        missing = [edge for edge in EDGE_NAMES if edge not in value]
        if missing:
            raise GenotypeError(f"edge {missing[0]!r} is not given; use 'zeroize' for no edge")
        value = [value.get(edge, "zeroize") for edge in ALL_EDGE_NAMES]
    if not isinstance(value, list | tuple) or len(value) not in {len(EDGES), len(ALL_EDGES)}:
        raise GenotypeError(
            f"found {value!r}; a cell is a mapping of the edges {', '.join(EDGE_NAMES)} to "
            "operations, or cnt_mat text such as '0303 0030 0002 0000'"
        )
    for name in value:
        if not isinstance(name, str) or name not in OPERATION_INDEX:
            raise GenotypeError(
                f"unknown operation {name!r}; allowed: {', '.join(OPERATION_INDEX)}"
            )
    return without_idle(tuple(value))


def _indices(cells: Sequence[Sequence[str]]) -> Ints:
    """Return the operations of cells; with backward edges if any of the cells has one."""
    edges = max(len(cell) for cell in cells)
    rows = [[OPERATION_INDEX[name] for name in cell] for cell in cells]
    whole = [row + [ZEROIZE] * (edges - len(row)) for row in rows]
    return np.array(whole, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Networks:
    """N architectures over one input as a struct of arrays.

    Attributes:
        input_shape: ``(C, H, W)`` of one sample, the same for all.
        classes: Outputs of the head, the same for all.
        cell_a: Operations, indices into ``OPERATIONS``, shape ``(N, 6)``, or ``(N, 12)`` with
            backward edges.
        cell_b: Likewise.
        channels, ratio, pool, hidden, time_steps: Shape ``(N,)``.
        decay, threshold: Shape ``(N,)``.
        votes: Shape ``(N,)``.
        coding: Indices into ``CODINGS``, shape ``(N,)``.
        weight_bits: Shape ``(N, 5)``, one column per group of ``GROUPS``.
        neuron: How neurons behave, the same for all.
    """

    input_shape: tuple[int, int, int]
    classes: int
    cell_a: Ints
    cell_b: Ints
    channels: Ints
    ratio: Ints
    pool: Ints
    hidden: Ints
    time_steps: Ints
    decay: Floats
    threshold: Floats
    votes: Ints
    coding: Ints
    weight_bits: Ints
    neuron: NeuronConfig = USUAL_NEURON

    @classmethod
    def of(cls, architectures: Sequence[Architecture]) -> Networks:
        """Return a batch of architectures, which must share input shape, classes and neurons."""
        first = architectures[0]
        if any(
            (a.input_shape, a.classes, a.neuron) != (first.input_shape, first.classes, first.neuron)
            for a in architectures
        ):
            raise GenotypeError(
                "architectures of one batch must share input shape, classes and neurons"
            )

        def column(name: str, dtype: type) -> NDArray[Any]:
            return np.array([getattr(a, name) for a in architectures], dtype=dtype)

        return cls(
            input_shape=first.input_shape,
            classes=first.classes,
            cell_a=_indices([a.cell_a for a in architectures]),
            cell_b=_indices([a.cell_b for a in architectures]),
            channels=column("channels", np.int64),
            ratio=column("ratio", np.int64),
            pool=column("pool", np.int64),
            hidden=column("hidden", np.int64),
            time_steps=column("time_steps", np.int64),
            decay=column("decay", np.float64),
            threshold=column("threshold", np.float64),
            votes=column("votes", np.int64),
            coding=np.array([CODINGS.index(a.coding) for a in architectures], dtype=np.int64),
            neuron=first.neuron,
            weight_bits=np.array(
                [[getattr(a.weight_bits, g) for g in GROUPS] for a in architectures], dtype=np.int64
            ),
        )

    def __len__(self) -> int:
        return len(self.channels)

    def __getitem__(self, index: int) -> Architecture:
        bits = {g: int(b) for g, b in zip(GROUPS, self.weight_bits[index], strict=True)}
        return Architecture.model_validate(
            {
                "input_shape": self.input_shape,
                "classes": self.classes,
                "cell_a": tuple(OPERATIONS[op].name for op in self.cell_a[index]),
                "cell_b": tuple(OPERATIONS[op].name for op in self.cell_b[index]),
                "decay": float(self.decay[index]),
                "threshold": float(self.threshold[index]),
                "coding": CODINGS[self.coding[index]],
                "neuron": self.neuron,
                "weight_bits": bits,
            }
            | {
                name: int(getattr(self, name)[index])
                for name in ("channels", "ratio", "pool", "hidden", "time_steps", "votes")
            }
        )

    def take(self, indices: NDArray[np.integer] | slice) -> Networks:
        """Return the networks at ``indices``, in that order."""
        arrays = {
            f.name: getattr(self, f.name)[indices]
            for f in fields(self)
            if f.name not in {"input_shape", "classes", "neuron"}
        }
        return replace(self, **arrays)

    def canonical(self) -> Networks:
        """Return the same networks as they are compared.

        Edges that are on no path are zeroized, and operations that ask for the network's own
        threshold are those that have it anyway.
        """
        cell_a, cell_b = (
            with_network_thresholds(canonical_cells(cell, self.time_steps), self.threshold)
            for cell in (self.cell_a, self.cell_b)
        )
        return replace(self, cell_a=cell_a, cell_b=cell_b)

    def connected(self) -> NDArray[np.bool_]:
        """Return which networks have a path from input to output, shape ``(N,)``."""
        a, b = (live_edges(cell, self.time_steps) for cell in (self.cell_a, self.cell_b))
        return np.asarray(a.any(axis=1) & b.any(axis=1))

    @property
    def feedback(self) -> bool:
        """Whether any of them may have backward edges."""
        return any(cell.shape[1] > len(EDGES) for cell in (self.cell_a, self.cell_b))
