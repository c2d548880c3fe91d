"""The layer table: computed once per network, read by the cost models and the network builder.

Arrays are layers first, ``(L, N)``: row l is the same place of the family in every network, in
execution order; a network that lacks it has ``Kind.NONE`` there, and no channels, weights, MACs
or neurons.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from neuronas.architecture.cells import ALL_EDGE_NAMES, ALL_EDGES, NODES
from neuronas.architecture.joins import Bools, Joins, neuron_layers
from neuronas.architecture.networks import GROUPS, Ints, Networks
from neuronas.architecture.slots import FEEDBACK_SLOTS, SLOTS, Slot
from neuronas.config import CODINGS, OPERATIONS, ZEROIZE, Kind

FULL_PRECISION_BITS = 32
"""Bits of a batch-norm scale or shift and of a bias: they are not quantized."""


class Signal(IntEnum):
    """What a layer's input carries."""

    NONE = 0
    IMAGE = 1
    SPIKE = 2
    LEVEL = 3
    CURRENT = 4


_AROUND = {"cell_a": ("stem", "reduction.lif"), "cell_b": ("reduction", "classifier.lif")}
"""The places before and behind a cell."""

SPIKE_LEVELS = 2
IMAGE_LEVELS = 256

_OP_KIND = np.array([op.kind for op in OPERATIONS], dtype=np.int64)
_OP_KERNEL = np.array([op.kernel for op in OPERATIONS], dtype=np.int64)

_DIRECT, _LATENCY = CODINGS.index("direct"), CODINGS.index("latency")
_SPIKES = (CODINGS.index("rate"), _LATENCY)
"""Codings of which the stem reads spikes; of event frames it reads counts, a byte each."""

_OP_SIGNAL = np.array(
    [
        {Kind.NONE: Signal.NONE, Kind.CONV: Signal.SPIKE}.get(op.kind, Signal.CURRENT)
        for op in OPERATIONS
    ],
    dtype=np.int64,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """Layer table of N networks. Every array is ``(L, N)`` unless stated.

    A column that all networks share may be a view without a stride along N, not to be written to:
    cost models read it once.

    Attributes:
        slots: The L places, in execution order.
        kind: ``Kind`` of each layer.
        in_channels, out_channels: Channels; features of a linear layer.
        kernel, stride: Side of the kernel and stride, in pixels; 0 where there is none.
        groups: Groups of a convolution's channels; 0 where there is none.
        in_height, in_width: Feature map that the layer reads.
        out_height, out_width: Feature map that it writes, before any pooling fused to it.
        pooled_height, pooled_width: Feature map after that pooling. The family pools in layers of
            their own, plain layer lists may fuse it.
        weights: Synaptic weights.
        parameters: Weights, batch-norm scales and shifts, biases.
        weight_bits: Bits of one weight; 0 where there are no weights.
        macs: Multiply-accumulates per time step.
        neurons: LIF neurons.
        signal: ``Signal`` of the input.
        levels: Values that one element of the input can take: 2 for spikes, p*p + 1 for spikes
            averaged over p*p, 256 for an image; of a current as many as it is rounded to, 0 where
            its bits are the chip's choice.
        steps: Time steps in which the layer computes: T, or 1 where its input never changes.
        adds: Whether the output is added to what an earlier edge brings to the same node.
        rescaled: Whether the output must be brought to another scale: a batch norm that does not
            fold into one convolution before one LIF layer.
        waits: Whether the output is a current that waits for slower branches of its node, or for
            the next time step.
        time_steps: Shape ``(N,)``.
    """

    slots: tuple[Slot, ...]
    kind: Ints
    in_channels: Ints
    out_channels: Ints
    kernel: Ints
    stride: Ints
    groups: Ints
    in_height: Ints
    in_width: Ints
    out_height: Ints
    out_width: Ints
    pooled_height: Ints
    pooled_width: Ints
    weights: Ints
    parameters: Ints
    weight_bits: Ints
    macs: Ints
    neurons: Ints
    signal: Ints
    levels: Ints
    steps: Ints
    adds: Ints
    rescaled: Ints
    waits: Ints
    time_steps: Ints

    @classmethod
    def of(cls, networks: Networks, *, dead_edges: bool = False) -> Workload:
        """Return the layer table of a batch.

        Args:
            networks: N networks.
            dead_edges: Whether edges on no path are built, as published counts of parameters
                have them, and not layers of kind ``NONE``.
        """
        return _Builder(networks if dead_edges else networks.canonical()).build()

    def __len__(self) -> int:
        return len(self.time_steps)

    def copy(self) -> Workload:
        """Return an equal table with arrays of its own."""
        arrays = {f.name: getattr(self, f.name).copy() for f in fields(self) if f.name != "slots"}
        return replace(self, **arrays)

    def total_parameters(self) -> Ints:
        """Return the parameters of each network, classifier included, shape ``(N,)``."""
        return np.asarray(self.parameters.sum(axis=0))

    def parameter_bits(self) -> Ints:
        """Return the bits that the parameters take, shape ``(N,)``.

        Weights count with their bit width, batch norm and biases with 32 bits.
        """
        # No products of (L, N) in memory: of a million networks they take longer than the sums.
        quantized = np.einsum("ln,ln->n", self.weights, self.weight_bits, dtype=np.int64)
        unquantized = self.total_parameters() - self.weights.sum(axis=0)
        return np.asarray(quantized + unquantized * FULL_PRECISION_BITS)

    def row(self, name: str) -> int:
        """Return the row of a layer."""
        return next(row for row, slot in enumerate(self.slots) if slot.name == name)

    def names(self, mask: NDArray[np.bool_]) -> list[str]:
        """Return the names of the layers that ``mask``, shape ``(L,)``, selects."""
        return [slot.name for slot, chosen in zip(self.slots, mask, strict=True) if chosen]


class _Builder:
    """Fills the table row by row; every row is a vector over the N networks."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self.slots = FEEDBACK_SLOTS if networks.feedback else SLOTS
        self.rows = {slot.name: row for row, slot in enumerate(self.slots)}
        shape = (len(self.slots), len(networks))
        columns = [f.name for f in fields(Workload) if f.name not in {"slots", "time_steps"}]
        # One block of memory: the C library keeps one that it was given back for the next batch,
        # but returns many small ones to the system, which then has to clear their pages again.
        block = np.zeros((len(columns), *shape), dtype=np.int64)
        self.table = dict(zip(columns, block, strict=True))
        self.differing: set[str] = set()
        bits = networks.neuron.current_bits
        self.current_levels = 2**bits if bits else 0

    def build(self) -> Workload:
        n = self.networks
        image_channels, height, width = n.input_shape
        wide = n.channels * n.ratio
        half = (height // 2, width // 2)
        self._conv("stem", image_channels, n.channels, (height, width), signal=Signal.IMAGE)
        # Direct coding: the image is the same at every step, so the stem computes once.
        static, spikes = n.coding == _DIRECT, np.isin(n.coding, _SPIKES)
        if static.all():
            self._set("stem", steps=1, levels=IMAGE_LEVELS)
        else:
            self._set(
                "stem",
                steps=np.where(static, 1, n.time_steps),
                levels=np.where(spikes, SPIKE_LEVELS, IMAGE_LEVELS),
                signal=np.where(spikes, Signal.SPIKE, Signal.IMAGE),
            )
        self._cell("cell_a", n.cell_a, n.channels, (height, width), static=static)
        self._lif("reduction.lif", n.channels, (height, width), normalized=True)
        self._conv("reduction", n.channels, wide, (height, width))
        self._pool("reduction.pool", wide, 2, (height, width), signal=Signal.CURRENT)
        self._cell("cell_b", n.cell_b, wide, half, static=np.zeros(len(n), dtype=bool))
        self._lif("classifier.lif", wide, half, normalized=True)
        self._classifier(wide, half)
        # A column that says to be one network's is read once by the cost models.
        table = {
            name: values if name in self.differing else np.broadcast_to(values[:, :1], values.shape)
            for name, values in self.table.items()
        }
        return Workload(slots=self.slots, time_steps=n.time_steps, **table)

    def _set(self, name: str, **values: Ints | Bools | int) -> None:
        row = self.rows[name]
        for column, value in values.items():
            self.table[column][row] = value
            if isinstance(value, np.ndarray):
                self.differing.add(column)

    def _bits(self, name: str) -> Ints:
        group = self.slots[self.rows[name]].group
        assert group is not None
        return self.networks.weight_bits[:, GROUPS.index(group)]

    def _sizes(self, name: str, size: tuple[int, int]) -> None:
        height, width = size
        self._set(name, in_height=height, in_width=width, out_height=height, out_width=width)
        self._set(name, pooled_height=height, pooled_width=width)

    def _conv(
        self,
        name: str,
        in_channels: Ints | int,
        out_channels: Ints,
        size: tuple[int, int],
        *,
        signal: Signal = Signal.SPIKE,
    ) -> None:
        weights = 9 * in_channels * out_channels
        self._sizes(name, size)
        self._set(
            name,
            kind=Kind.CONV,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel=3,
            stride=1,
            groups=1,
            weights=weights,
            parameters=weights + 2 * out_channels,
            weight_bits=self._bits(name),
            macs=weights * (size[0] * size[1]),
            signal=signal,
            levels=SPIKE_LEVELS,
            steps=self.networks.time_steps,
        )

    def _lif(
        self,
        name: str,
        channels: Ints,
        size: tuple[int, int],
        *,
        normalized: bool = False,
        layers: Ints | int = 1,
    ) -> None:
        self._sizes(name, size)
        learned = np.where(channels > 0, layers, 0) * len(self.networks.neuron.learned)
        self._set(
            name,
            kind=np.where(channels > 0, Kind.LIF, Kind.NONE),
            in_channels=channels,
            out_channels=channels * layers,
            parameters=(2 * channels if normalized else 0) + learned,
            neurons=channels * layers * (size[0] * size[1]),
            signal=np.where(channels > 0, Signal.CURRENT, Signal.NONE),
            levels=np.where(channels > 0, self.current_levels, 0),
            steps=np.where(channels > 0, self.networks.time_steps, 0),
        )

    def _cell(
        self,
        cell: str,
        operations: Ints,
        channels: Ints,
        size: tuple[int, int],
        *,
        static: Bools,
    ) -> None:
        if self.networks.feedback:
            missing = len(ALL_EDGES) - operations.shape[1]
            operations = np.pad(operations, ((0, 0), (0, missing)), constant_values=ZEROIZE)
        edges, time_steps = operations.T, self.networks.time_steps
        kinds = _OP_KIND[edges]
        joins = Joins.of(kinds, static=static)
        for node in range(NODES if self.networks.feedback else NODES - 1):
            layers = neuron_layers(edges, node, self.networks.threshold)
            self._lif(f"{cell}.lif{node}", np.where(layers > 0, channels, 0), size, layers=layers)
        for edge, edge_name in enumerate(ALL_EDGE_NAMES[: len(edges)]):
            name = f"{cell}.{edge_name}"
            self._edge(name, edges[edge], channels, size)
            self._set(
                name,
                steps=np.where(joins.still[edge], 1, time_steps) * (kinds[edge] != Kind.NONE),
                adds=joins.adds[edge],
                rescaled=joins.rescaled[edge],
                waits=joins.waits[edge],
            )
        before, behind = _AROUND[cell]
        self._set(before, rescaled=joins.rescaled_before)
        self._set(behind, rescaled=joins.rescaled_behind)

    def _edge(self, name: str, operation: Ints, channels: Ints, size: tuple[int, int]) -> None:
        kind, kernel = _OP_KIND[operation], _OP_KERNEL[operation]
        conv, live = kind == Kind.CONV, kind != Kind.NONE
        present = np.where(live, channels, 0)
        weights = np.where(conv, kernel**2 * channels**2, 0)
        self._sizes(name, size)
        self._set(
            name,
            kind=kind,
            in_channels=present,
            out_channels=present,
            kernel=kernel,
            stride=kernel > 0,
            groups=conv,
            weights=weights,
            parameters=weights + np.where(conv, 2 * channels, 0),
            weight_bits=np.where(conv, self._bits(name), 0),
            macs=weights * (size[0] * size[1]),
            signal=_OP_SIGNAL[operation],
            levels=np.where(conv, SPIKE_LEVELS, live * self.current_levels),
        )

    def _pool(
        self,
        name: str,
        channels: Ints,
        side: Ints | int,
        size: tuple[int, int],
        *,
        signal: Signal,
    ) -> None:
        """Set an average pooling that does not overlap; without channels there is none."""
        present = channels > 0
        self._sizes(name, size)
        height, width = (extent // np.maximum(side, 1) for extent in size)
        self._set(
            name,
            kind=np.where(present, Kind.AVGPOOL, Kind.NONE),
            in_channels=channels,
            out_channels=channels,
            kernel=side,
            stride=side,
            out_height=height,
            out_width=width,
            pooled_height=height,
            pooled_width=width,
            signal=np.where(present, signal, Signal.NONE),
            levels=np.where(
                present, SPIKE_LEVELS if signal == Signal.SPIKE else self.current_levels, 0
            ),
            steps=np.where(present, self.networks.time_steps, 0),
        )

    def _classifier(self, channels: Ints, size: tuple[int, int]) -> None:
        n = self.networks
        pools = n.pool > 1
        self._pool(
            "classifier.pool",
            np.where(pools, channels, 0),
            np.where(pools, n.pool, 0),
            size,
            signal=Signal.SPIKE,
        )
        features = channels * (size[0] // n.pool) * (size[1] // n.pool)
        read = np.where(pools, Signal.LEVEL, Signal.SPIKE)
        levels = np.where(pools, n.pool**2 + 1, SPIKE_LEVELS)
        deep = n.hidden > 0
        self._linear("classifier.hidden", np.where(deep, features, 0), n.hidden, read, levels)
        self._lif("classifier.hidden_lif", n.hidden, (1, 1))
        outputs = n.classes * n.votes
        self._linear(
            "classifier.head",
            np.where(deep, n.hidden, features),
            outputs,
            np.where(deep, Signal.SPIKE, read),
            np.where(deep, SPIKE_LEVELS, levels),
            bias=True,
        )
        # The first spike of the outputs is read where the first spike of a pixel counts.
        decoded = np.where(n.coding == _LATENCY, outputs, 0)
        self._lif("classifier.head_lif", decoded, (1, 1))

    def _linear(
        self,
        name: str,
        features: Ints,
        outputs: Ints,
        signal: Ints,
        levels: Ints,
        *,
        bias: bool = False,
    ) -> None:
        present = outputs > 0
        weights = features * outputs
        self._sizes(name, (1, 1))
        self._set(
            name,
            kind=np.where(present, Kind.LINEAR, Kind.NONE),
            in_channels=features,
            out_channels=outputs,
            weights=weights,
            parameters=weights + (outputs if bias else 0),
            weight_bits=np.where(present, self._bits(name), 0),
            macs=weights,
            signal=np.where(present, signal, Signal.NONE),
            levels=np.where(present, levels, 0),
            steps=np.where(present, self.networks.time_steps, 0),
        )
